"""Who is calling: bearer tokens verified against a JWKS, with a bounded cache of those already verified.

Accepts the local issuer's claims (`roles`, `unit`) and those of an OIDC provider such as Keycloak
(`realm_access.roles`). Only public-key signatures are accepted: never `none`, never a shared secret.
"""

import hashlib
import time
from collections.abc import Callable, Iterable, MutableMapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import orjson
from joserfc import jwt
from joserfc.errors import ClaimError, ExpiredTokenError, JoseError
from joserfc.util import urlsafe_b64decode

from chassis.http.keys import KeySource, KeysUnavailable
from chassis.http.problems import Problem
from chassis.masking import mask
from schemas.message import Actor

ALGORITHMS: Final = ("ES256", "ES384", "RS256", "PS256", "Ed25519", "EdDSA")
CLOCK_SKEW_SECONDS: Final = 10  # for `iat` and `nbf` only; `exp` is kept to the second
CACHE_SIZE: Final = 10_000


class Role(StrEnum):
    """What a caller may be. The names are those in the tokens."""

    OPERATOR = "operator"
    HANDLER = "handler"
    MEDIATOR = "mediator"
    PETITION_OFFICER = "petition_officer"
    SUPERVISOR = "supervisor"
    OPS = "ops"
    RESIDENT = "resident"
    GRID_WORKER = "grid_worker"
    NOTIFIER = "notifier"
    """The service that tells residents: it alone reads how to reach them in batches."""


@dataclass(frozen=True, slots=True)
class Principal:
    """A verified caller: `unit` is the code of the unit whose jurisdiction limits them; None: no unit.

    `expires_at` is in seconds since 1970 UTC.
    """

    subject: str
    roles: frozenset[Role]
    unit: str | None
    expires_at: float

    @property
    def recorded_as(self) -> str:
        """Return the subject as it may be written down."""
        return recorded_as(self.subject)

    def actor(self, role: Role) -> Actor:
        """Return the caller in the role in which they act, as events name them."""
        return Actor(subject=self.recorded_as, role=role.value, unit=self.unit)

    def has(self, *roles: Role) -> bool:
        """Whether the caller has one of these roles."""
        return not self.roles.isdisjoint(roles)


def recorded_as(subject: str) -> str:
    """Return how events and records name a caller: by no phone or id number, in at most 128 characters (R-PRIV-01).

    Where something is masked, six hexadecimal digits still tell two callers apart; hundreds of phone numbers share
    the same six, so that nobody counts back from them.
    """
    masked = mask(subject)
    if masked == subject:
        return subject[:128]
    return f"{masked[:120]}#{hashlib.sha256(subject.encode()).hexdigest()[:6]}"


MOST_SUBJECT: Final = 255
"""Characters of a token's subject at most, as OpenID Connect has it."""
_ROLES: Final = frozenset(role.value for role in Role)


class Authenticator:
    """Verifies tokens of one issuer for one audience."""

    def __init__(
        self,
        keys: KeySource,
        issuer: str,
        audience: str,
        clock: Callable[[], float] = time.time,
        cache_size: int = CACHE_SIZE,
    ) -> None:
        self.keys = keys
        self._clock = clock
        self._cache_size = cache_size
        self._verified: dict[bytes, Principal] = {}
        self._claims = jwt.JWTClaimsRegistry(
            now=lambda: int(clock()),
            leeway=CLOCK_SKEW_SECONDS,
            iss={"essential": True, "value": issuer},
            aud={"essential": True, "value": audience},
            sub={"essential": True},
            exp={"essential": True},
        )

    async def authenticate(self, scope: MutableMapping[str, Any]) -> Principal:
        """The caller of an ASGI request; raises Problem 401 (absent, invalid, expired) or 503 (no keys)."""
        for name, value in scope["headers"]:
            if name == b"authorization":
                return await self.verify(_bearer(value))
        raise unauthenticated(
            "token_missing", "Send a bearer token: `Authorization: Bearer …`.", challenge="Bearer"
        )

    async def verify(self, token: bytes) -> Principal:
        """The caller that `token` stands for; raises as `authenticate` does."""
        digest = hashlib.sha256(token).digest()  # the cache must not hold what could be replayed
        principal = self._verified.get(digest)
        if principal is None:
            principal = await self._verify_signature(token)
            self._remember(digest, principal)
        if principal.expires_at <= self._clock():
            self._verified.pop(digest, None)
            raise unauthenticated(
                "token_expired", "The token has expired: log in again or ask for a new one."
            )
        return principal

    def _remember(self, digest: bytes, principal: Principal) -> None:
        if len(self._verified) >= self._cache_size:
            del self._verified[next(iter(self._verified))]
        self._verified[digest] = principal

    async def _verify_signature(self, token: bytes) -> Principal:
        try:
            keys = await self.keys.keys(_key_id(token))
            claims = jwt.decode(token, keys, ALGORITHMS).claims
            self._claims.validate(claims)
            return _principal(claims)
        except KeysUnavailable as error:
            detail = "Tokens cannot be verified at the moment; try again."
            headers = {"Retry-After": "2"}
            raise Problem(
                503, "identity_unavailable", "Log-in is not available", detail, headers=headers
            ) from error
        except ExpiredTokenError:
            detail = "The token has expired: log in again or ask for a new one."
            raise unauthenticated("token_expired", detail) from None
        except ClaimError as error:
            detail = f"The token is not for this service: its claim `{error.claim}` is missing or wrong."
            raise unauthenticated("token_invalid", detail) from None
        except (JoseError, ValueError, TypeError):
            detail = "The token cannot be verified: it is damaged, unsigned, or signed by somebody else."
            raise unauthenticated("token_invalid", detail) from None


def unauthenticated(code: str, detail: str, challenge: str = 'Bearer error="invalid_token"') -> Problem:
    """401 with WWW-Authenticate."""
    return Problem(401, code, "Log in first", detail, headers={"WWW-Authenticate": challenge})


def forbidden(needed: Iterable[Role]) -> Problem:
    """403 that names the roles that would be right."""
    names = ", ".join(sorted(needed))
    return Problem(
        403, "role_required", "Your role does not allow this", f"This needs one of the roles: {names}."
    )


def require(principal: Principal, *roles: Role) -> Principal:
    """The same principal, or Problem 403."""
    if principal.roles.isdisjoint(roles):
        raise forbidden(roles)
    return principal


def _bearer(header: bytes) -> bytes:
    scheme, _, token = header.partition(b" ")
    if scheme.lower() != b"bearer" or not token.strip():
        detail = "The Authorization header must be `Bearer` and a token."
        raise unauthenticated("token_missing", detail, challenge="Bearer")
    return token.strip()


def _key_id(token: bytes) -> str | None:
    """The key id in the token's header, not yet verified: only used to choose the key."""
    header = orjson.loads(urlsafe_b64decode(token.partition(b".")[0]))
    kid = header.get("kid") if isinstance(header, dict) else None
    return kid if isinstance(kid, str) else None


def _principal(claims: dict[str, Any]) -> Principal:
    subject = claims["sub"]
    if not (isinstance(subject, str) and 0 < len(subject) <= MOST_SUBJECT and subject.isprintable()):
        raise ValueError("a subject is 1 to 255 printable characters")
    realm = claims.get("realm_access")
    names = [
        *_strings(claims.get("roles")),
        *_strings(realm.get("roles") if isinstance(realm, dict) else None),
    ]
    known = frozenset(Role(name) for name in names if name in _ROLES)
    unit = claims.get("unit")
    return Principal(subject, known, unit if isinstance(unit, str) and unit else None, float(claims["exp"]))


def _strings(value: object) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []
