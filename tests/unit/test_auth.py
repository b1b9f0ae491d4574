"""Who may call: tokens of every wrong kind, roles, key rotation, and routes that forgot to say."""

import base64
import json
import stat
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from fastapi import APIRouter, FastAPI
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, OctKey, RSAKey
from starlette.applications import Starlette

from chassis.http import Principal, Problem, Role, Server, allow, create_app, public, seal
from chassis.http.access import UnsealedRouteError
from chassis.http.auth import Authenticator
from chassis.http.keys import KeySource
from chassis.metrics import Metrics
from chassis.telemetry import Telemetry
from chassis.tokens import PRIVATE_FILE, PUBLIC_FILE, LocalIssuer
from tests.unit.http_kit import ISSUER, make_app, make_client, make_settings, make_token, no_lifespan, ready

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
REPORT = {"text": "路灯不亮", "place": {"longitude": 116.4}}


class Time:
    """A clock that the test moves, in seconds."""

    def __init__(self) -> None:
        self.now = NOW.timestamp()

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def issuer(tmp_path: Path) -> LocalIssuer:
    return LocalIssuer.open(tmp_path, ISSUER, "caseladder")


@pytest.fixture
def clock() -> Time:
    return Time()


@pytest.fixture
def authenticator(issuer: LocalIssuer, tmp_path: Path, clock: Time) -> Authenticator:
    return Authenticator(KeySource(str(tmp_path / PUBLIC_FILE)), ISSUER, "caseladder", clock, cache_size=3)


def claims(**changes: object) -> dict[str, object]:
    made = {
        "iss": ISSUER,
        "aud": "caseladder",
        "sub": "s",
        "iat": NOW.timestamp(),
        "exp": NOW.timestamp() + 60,
    }
    return {**made, "roles": ["operator"], **changes}


def signed(issuer: LocalIssuer, payload: dict[str, object]) -> bytes:
    return jwt.encode({"alg": "ES256", "kid": issuer.key.kid}, payload, issuer.key).encode()


async def refusal(authenticator: Authenticator, token: bytes) -> Problem:
    with pytest.raises(Problem) as caught:
        await authenticator.verify(token)
    assert caught.value.headers
    assert "WWW-Authenticate" in caught.value.headers
    return caught.value


# --- tokens ---------------------------------------------------------------------------------------------------


async def test_a_token_of_the_local_issuer(authenticator: Authenticator, issuer: LocalIssuer) -> None:
    token = issuer.issue("op-1", ["operator", "supervisor"], NOW, unit="GL-03", name="李雷")
    principal = await authenticator.verify(token.encode())
    expires = (NOW + timedelta(hours=12)).timestamp()
    assert principal == Principal("op-1", frozenset({Role.OPERATOR, Role.SUPERVISOR}), "GL-03", expires)


async def test_a_token_of_keycloaks_shape(authenticator: Authenticator, issuer: LocalIssuer) -> None:
    realm = {"roles": ["mediator", "offline_access"]}
    payload = claims(roles=None, realm_access=realm, aud=["account", "caseladder"], unit="GL")
    principal = await authenticator.verify(signed(issuer, payload))
    assert (principal.roles, principal.unit) == (frozenset({Role.MEDIATOR}), "GL")


@pytest.mark.parametrize(
    ("changes", "code", "word"),
    [
        ({"exp": NOW.timestamp() - 1}, "token_expired", "expired"),
        ({"exp": NOW.timestamp()}, "token_expired", "expired"),
        ({"exp": None}, "token_invalid", "`exp`"),
        ({"exp": "tomorrow"}, "token_invalid", "`exp`"),
        ({"aud": "somebody-else"}, "token_invalid", "`aud`"),
        ({"sub": "a\0b"}, "token_invalid", "damaged"),
        ({"sub": "a\nb"}, "token_invalid", "damaged"),
        ({"sub": "a" * 256}, "token_invalid", "damaged"),
        ({"aud": None}, "token_invalid", "`aud`"),
        ({"iss": "http://evil.test"}, "token_invalid", "`iss`"),
        ({"sub": None}, "token_invalid", "`sub`"),
        ({"nbf": NOW.timestamp() + 3600}, "token_invalid", "`nbf`"),
    ],
)
async def test_claims_that_are_refused(
    authenticator: Authenticator, issuer: LocalIssuer, changes: dict[str, object], code: str, word: str
) -> None:
    problem = await refusal(authenticator, signed(issuer, claims(**changes)))
    assert (problem.status_code, problem.code) == (401, code)
    assert word in problem.detail


def b64(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


async def test_an_unsigned_token_is_refused(authenticator: Authenticator, issuer: LocalIssuer) -> None:
    for algorithm in ("none", "None", "NONE"):
        token = f"{b64({'alg': algorithm, 'kid': issuer.key.kid})}.{b64(claims())}."
        assert (await refusal(authenticator, token.encode())).code == "token_invalid"


async def test_the_public_key_used_as_a_shared_secret_is_refused(
    authenticator: Authenticator, issuer: LocalIssuer, tmp_path: Path
) -> None:
    secret = OctKey.import_key((tmp_path / PUBLIC_FILE).read_bytes())
    token = jwt.encode({"alg": "HS256", "kid": issuer.key.kid}, claims(), secret)
    assert (await refusal(authenticator, token.encode())).code == "token_invalid"


async def test_a_foreign_signature_and_rubbish_are_refused(
    authenticator: Authenticator, issuer: LocalIssuer
) -> None:
    stranger = jwt.encode({"alg": "ES256", "kid": issuer.key.kid}, claims(), ECKey.generate_key("P-256"))
    head, _, signature = signed(issuer, claims()).split(b".")
    swapped = b".".join([head, b64(claims(roles=["ops"])).encode(), signature])
    for token in (stranger.encode(), swapped, head, b"x.y.z", b"\xff\xfe.e30.", b"W10.e30.AA", b"."):
        assert (await refusal(authenticator, token)).code == "token_invalid", token


async def test_a_remembered_token_still_expires(
    authenticator: Authenticator, issuer: LocalIssuer, clock: Time, tmp_path: Path
) -> None:
    token = signed(issuer, claims())
    first = await authenticator.verify(token)
    (tmp_path / PUBLIC_FILE).unlink()  # nothing is read again for a token that was verified
    assert await authenticator.verify(token) is first
    clock.now += 60
    assert (await refusal(authenticator, token)).code == "token_expired"


async def test_the_memory_of_verified_tokens_is_bounded(
    authenticator: Authenticator, issuer: LocalIssuer
) -> None:
    tokens = [signed(issuer, claims(sub=str(number))) for number in range(5)]
    first = [await authenticator.verify(token) for token in tokens]
    assert await authenticator.verify(tokens[4]) is first[4]
    again = await authenticator.verify(tokens[0])
    assert again == first[0]
    assert again is not first[0]


# --- the local issuer ------------------------------------------------------------------------------------------


def test_the_private_key_is_for_its_owner_alone_and_is_kept(issuer: LocalIssuer, tmp_path: Path) -> None:
    assert stat.S_IMODE((tmp_path / PRIVATE_FILE).stat().st_mode) == 0o600
    assert LocalIssuer.open(tmp_path, ISSUER, "caseladder").key.kid == issuer.key.kid
    public_key = json.loads((tmp_path / PUBLIC_FILE).read_text())["keys"][0]
    assert "d" not in public_key
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([PRIVATE_FILE, PUBLIC_FILE])


# --- where the keys come from ----------------------------------------------------------------------------------


class Provider:
    """An identity provider that publishes keys and counts who asks."""

    def __init__(self) -> None:
        self.key_sets: list[KeySet] = []
        self.asked = 0
        self.status = 200

    def __call__(self, _: httpx.Request) -> httpx.Response:
        self.asked += 1
        published = {"keys": [key for keys in self.key_sets for key in keys.as_dict()["keys"]]}
        return httpx.Response(self.status, json=published)

    def rotate(self) -> tuple[str, RSAKey]:
        key = RSAKey.generate_key(2048, auto_kid=True)
        self.key_sets = [KeySet([key])]
        return str(key.kid), key


@pytest.fixture
def provider() -> Provider:
    return Provider()


@pytest.fixture
async def keys(provider: Provider, clock: Time) -> AsyncIterator[KeySource]:
    client = httpx.AsyncClient(transport=httpx.MockTransport(provider))
    source = KeySource("https://identity.test/jwks", client, monotonic=clock)
    yield source
    await source.close()


async def test_a_rotated_key_is_fetched_but_not_more_than_once_a_minute(
    provider: Provider, keys: KeySource, clock: Time
) -> None:
    authenticator = Authenticator(keys, ISSUER, "caseladder", clock)
    old, old_key = provider.rotate()
    await authenticator.verify(jwt.encode({"alg": "RS256", "kid": old}, claims(), old_key).encode())
    new, new_key = provider.rotate()
    token = jwt.encode({"alg": "RS256", "kid": new}, claims(exp=NOW.timestamp() + 600), new_key).encode()
    for _ in range(3):
        assert (await refusal(authenticator, token)).code == "token_invalid"
    assert provider.asked == 1
    clock.now += 60
    assert (await authenticator.verify(token)).subject == "s"
    assert provider.asked == 2


async def test_without_any_key_the_answer_is_to_try_again(
    provider: Provider, keys: KeySource, clock: Time
) -> None:
    provider.status = 503
    kid, key = RSAKey.generate_key(2048, auto_kid=True).kid, provider.rotate()[1]
    token = jwt.encode({"alg": "RS256", "kid": str(kid)}, claims(), key).encode()
    with pytest.raises(Problem) as caught:
        await Authenticator(keys, ISSUER, "caseladder", clock).verify(token)
    assert (caught.value.status_code, caught.value.code) == (503, "identity_unavailable")


async def test_a_provider_that_goes_away_leaves_the_keys_in_use(
    provider: Provider, keys: KeySource, clock: Time
) -> None:
    kid, _ = provider.rotate()
    await keys.keys(kid)
    provider.status = 500
    clock.now += 3600
    assert kid in {key.kid for key in await keys.keys(kid)}
    assert provider.asked == 2


# --- over HTTP -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/reports", "/hot"])
async def test_absent_wrong_and_right_callers(tmp_path: Path, path: str) -> None:
    app = make_app(tmp_path)
    operator = make_token(tmp_path, Role.OPERATOR)
    cases = {
        "": (401, "token_missing"),
        "Basic b3A6b3A=": (401, "token_missing"),
        "Bearer ": (401, "token_missing"),
        "Bearer rubbish": (401, "token_invalid"),
        f"Bearer {make_token(tmp_path, Role.OPERATOR, hours=-1)}": (401, "token_expired"),
        f"Bearer {make_token(tmp_path, Role.RESIDENT, Role.OPS)}": (403, "role_required"),
        f"Bearer {make_token(tmp_path)}": (403, "role_required"),
    }
    async with make_client(app) as client:
        for header, (status, code) in cases.items():
            answer = await client.post(path, json=REPORT, headers={"Authorization": header} if header else {})
            assert (answer.status_code, answer.json()["code"]) == (status, code), header
            assert ("www-authenticate" in answer.headers) is (status == 401)
        assert "operator" in answer.json()["detail"]
        for scheme in ("Bearer", "bearer"):
            answer = await client.post(path, json=REPORT, headers={"Authorization": f"{scheme} {operator}"})
            assert answer.is_success, answer.text


async def test_public_routes_need_no_token(tmp_path: Path) -> None:
    async with make_client(make_app(tmp_path)) as client:
        for path in ("/open", "/healthz", "/metrics", "/openapi.json", "/docs"):
            assert (await client.get(path)).status_code == 200, path


# --- routes must say who may call them -------------------------------------------------------------------------


async def forgotten() -> str:
    return "open to the world"


def test_the_sample_app_is_sealed(tmp_path: Path) -> None:
    seal(make_app(tmp_path))


def test_a_forgotten_route_is_refused_wherever_it_hides(tmp_path: Path) -> None:
    app = make_app(tmp_path)
    app.get("/plain")(forgotten)
    router = APIRouter()
    router.post("/inner")(forgotten)
    app.include_router(router, prefix="/included")
    app.mount("/mounted", Starlette())
    with pytest.raises(UnsealedRouteError) as caught:
        seal(app)
    lines = str(caught.value).splitlines()
    assert [line.split(" declares")[0].split()[-1] for line in lines] == [
        "/plain",
        "/included/inner",
        "/mounted",
    ]


def test_declarations_on_a_router_and_a_mount_count(tmp_path: Path) -> None:
    app = make_app(tmp_path)
    router = APIRouter(dependencies=[allow(Role.HANDLER)])
    router.get("/inner")(forgotten)
    app.include_router(router)
    app.mount("/static", public(Starlette()))
    seal(app)


def test_naming_no_role_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one role"):
        allow()


async def test_an_app_with_a_forgotten_route_does_not_start(tmp_path: Path) -> None:
    app: FastAPI = create_app(
        make_settings(tmp_path), "sample", "", ready, no_lifespan, Metrics(), Telemetry(None, 0)
    )
    app.get("/plain")(forgotten)
    with pytest.raises(SystemExit) as caught:
        await Server(app, make_settings(tmp_path)).serve()
    assert caught.value.code == 3
