"""The local issuer of the embedded run: signs bearer tokens with a key that never leaves the run directory.

In production an OIDC provider does this, and nothing here is called.

    issuer = LocalIssuer.open(settings.run_dir, settings.issuer, settings.audience)
    token = issuer.issue("op-1", roles=["operator"], unit="GL", at=datetime.now(UTC))
"""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Self

from joserfc import jwt
from joserfc.jwk import ECKey

PRIVATE_FILE = "issuer.jwk.json"
PUBLIC_FILE = "jwks.json"
ALGORITHM = "ES256"


@dataclass(frozen=True)
class LocalIssuer:
    """A signing key with the names it signs for."""

    key: ECKey
    issuer: str
    audience: str

    @classmethod
    def open(cls, run_dir: Path, issuer: str, audience: str) -> Self:
        """The issuer of this run directory, its key made on first use.

        Files: the private key (mode 0600) and beside it the public JWKS that the services verify against.
        """
        run_dir.mkdir(parents=True, exist_ok=True)
        private = run_dir / PRIVATE_FILE
        _create_private(private)
        key = ECKey.import_key(json.loads(private.read_text("utf-8")))
        _write_public(run_dir / PUBLIC_FILE, key)
        return cls(key, issuer, audience)

    def issue(
        self,
        subject: str,
        roles: Sequence[str],
        at: datetime,
        unit: str | None = None,
        name: str | None = None,
        lifetime: timedelta = timedelta(hours=12),
    ) -> str:
        """A signed token for `subject`, valid from `at` for `lifetime`.

        `unit` is the code of the unit whose jurisdiction the bearer may act in; `name` is shown to people.
        """
        claims: dict[str, object] = {
            "iss": self.issuer,
            "aud": self.audience,
            "sub": subject,
            "roles": list(roles),
            "iat": int(at.timestamp()),
            "exp": int((at + lifetime).timestamp()),
        }
        claims |= {key: value for key, value in (("unit", unit), ("name", name)) if value is not None}
        return jwt.encode({"alg": ALGORITHM, "kid": self.key.kid}, claims, self.key, [ALGORITHM])


def _create_private(path: Path) -> None:
    """Make the key once, even when several processes start at the same time: a link never overwrites."""
    if path.exists():
        return
    key = ECKey.generate_key("P-256", {"use": "sig", "alg": ALGORITHM}, auto_kid=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    with os.fdopen(
        os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8"
    ) as file:
        json.dump(key.as_dict(private=True), file)
    try:
        os.link(draft, path)
    except FileExistsError:
        pass  # another process was first: its key stands
    finally:
        draft.unlink()


def _write_public(path: Path, key: ECKey) -> None:
    text = json.dumps({"keys": [key.as_dict(private=False)]}, indent=2) + "\n"
    if path.exists() and path.read_text("utf-8") == text:
        return
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.write_text(text, "utf-8")
    draft.replace(path)
