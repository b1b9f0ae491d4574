"""`make secrets`: random, closed to others, complete, and never a second time."""

import base64
import json
import shutil
import ssl
import stat
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from click.testing import CliRunner
from joserfc.jwk import ECKey

from chassis.http.auth import Authenticator, Role
from chassis.http.keys import KeySource, KeysUnavailable
from reference.load import load
from services.cli import main
from services.cli.kafka_grants import department_users, password_variable
from services.cli.local import AUDIENCE, GULOU, ISSUER
from tests.deploy.compose_kit import COMPOSE_FILE, compose, read_env
from tools.certificates import write_certificates
from tools.deploy_secrets import demanded, make, random_value


@pytest.fixture
def deploy(tmp_path: Path) -> Path:
    """A deploy directory in which nothing was made yet."""
    place = tmp_path / "deploy"
    (place / "kafka").mkdir(parents=True)
    shutil.copy(COMPOSE_FILE, place)
    return place


def content(deploy: Path) -> dict[str, bytes]:
    """All files under the directory."""
    return {str(path.relative_to(deploy)): path.read_bytes() for path in deploy.rglob("*") if path.is_file()}


def mode(path: Path) -> int:
    """The permission bits."""
    return stat.S_IMODE(path.stat().st_mode)


def test_after_it_the_compose_file_has_all_it_demands(deploy: Path) -> None:
    make(deploy, GULOU)
    env = read_env(deploy / ".env")
    assert set(env) == set(demanded(COMPOSE_FILE))
    assert (
        compose(env)["services"]["intake"]["environment"]["CASELADDER_INDEX_KEY"]
        == env["CASELADDER_INDEX_KEY"]
    )
    assert len(base64.b64decode(env["CASELADDER_MASTER_KEY"], validate=True)) == 32
    passwords = read_env(deploy / "kafka" / "passwords.env")
    assert set(passwords) == {password_variable(user) for user in department_users(load(GULOU))}
    every = [*env.values(), *passwords.values()]
    assert len(set(every)) == len(every)
    assert min(map(len, every)) >= 40


def test_nobody_else_on_the_machine_can_read_them(deploy: Path) -> None:
    make(deploy, GULOU)
    assert mode(deploy / ".env") == 0o600
    assert mode(deploy / "kafka" / "passwords.env") == 0o600
    assert mode(deploy / "secrets") == 0o700
    assert mode(deploy / "secrets" / "issuer.jwk.json") == 0o600


def test_containers_can_read_what_is_mounted(deploy: Path) -> None:
    """Docker mounts the single files, so that the closed directory does not matter in the container."""
    make(deploy, GULOU)
    for name in ("jwks.json", "ca.crt", "keycloak.crt", "keycloak.key"):
        assert mode(deploy / "secrets" / name) == 0o644


def test_a_second_time_changes_nothing(deploy: Path) -> None:
    make(deploy, GULOU)
    before = content(deploy)
    said = make(deploy, GULOU)
    assert content(deploy) == before
    assert all("nothing changed" in line or "kept" in line for line in said)


def test_what_is_new_is_added_and_what_is_there_stays(deploy: Path) -> None:
    (deploy / ".env").write_text("# mine\nPOSTGRES_PASSWORD=chosen-by-hand")
    make(deploy, GULOU)
    text = (deploy / ".env").read_text()
    assert text.startswith("# mine\nPOSTGRES_PASSWORD=chosen-by-hand\n")
    assert set(read_env(deploy / ".env")) == set(demanded(COMPOSE_FILE))
    assert mode(deploy / ".env") == 0o600


def test_what_it_says_holds_no_secret(deploy: Path) -> None:
    said = "\n".join(make(deploy, GULOU))
    values = [*read_env(deploy / ".env").values(), *read_env(deploy / "kafka" / "passwords.env").values()]
    assert not [value for value in values if value in said]


def test_no_value_needs_quoting_in_an_address_or_an_env_file() -> None:
    assert all(character in "0123456789abcdef" for character in random_value("POSTGRES_PASSWORD"))


_KEY = ECKey.generate_key("P-256", auto_kid=True)


class _Keys(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = json.dumps({"keys": [_KEY.as_dict(private=False)]}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class _Server(HTTPServer):
    def handle_error(self, *_: object) -> None:
        """A client that does not trust us hangs up: expected here."""


def _serve(directory: Path) -> Iterator[int]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(directory / "keycloak.crt", directory / "keycloak.key")
    with _Server(("127.0.0.1", 0), _Keys) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def identity(tmp_path: Path) -> Iterator[int]:
    """The port of a TLS server with a certificate as `make secrets` makes it, in `tmp_path`."""
    write_certificates(tmp_path)
    yield from _serve(tmp_path)


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1"])
async def test_services_fetch_the_token_keys_over_tls_with_this_authority(
    identity: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """As in the compose file: SSL_CERT_FILE names the authority, nothing is switched off."""
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.crt"))
    source = KeySource(f"https://{name}:{identity}/certs")
    assert [key.kid for key in await source.keys(None)] == [_KEY.kid]
    await source.close()


async def test_without_the_authority_the_keys_are_not_believed(identity: int) -> None:
    source = KeySource(f"https://localhost:{identity}/certs")
    with pytest.raises(KeysUnavailable):
        await source.keys(None)
    await source.close()


def test_certificates_are_made_once_and_kept(tmp_path: Path) -> None:
    at = datetime.now(UTC)
    assert write_certificates(tmp_path, at)
    before = content(tmp_path)
    assert not write_certificates(tmp_path, at + timedelta(days=900))
    assert content(tmp_path) == before
    assert set(before) == {"ca.crt", "keycloak.crt", "keycloak.key"}  # the authority's own key is nowhere


async def test_a_token_for_the_stack_is_made_as_the_guide_says(deploy: Path) -> None:
    """docs/how-to/operate.md, under "A token": from the keys that the services verify against."""
    make(deploy, GULOU)
    secrets = deploy / "secrets"
    words = ["token", "--role", "operator", "--unit", "GL", "--run-dir", str(secrets)]
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 0, result.output
    source = KeySource(str(secrets / "jwks.json"))
    principal = await Authenticator(source, ISSUER, AUDIENCE).verify(result.output.strip().encode())
    await source.close()
    assert (principal.roles, principal.unit) == (frozenset({Role.OPERATOR}), "GL")
