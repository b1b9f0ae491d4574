"""The realm in a real Keycloak, on its own database, over TLS: its tokens are those that the services accept.

KEYCLOAK_HOME names an unpacked Keycloak (Maven: org.keycloak:keycloak-quarkus-dist); else this is skipped.
"""

import asyncio
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from chassis.embedded_host import free_port
from chassis.http.auth import Authenticator, Principal, Role
from chassis.http.keys import KeySource
from tests.deploy.cluster import JOB, running_cluster
from tests.deploy.compose_kit import COMPOSE_FILE, DEPLOY, compose, placeholders
from tools.certificates import write_certificates
from tools.deploy_secrets import demanded

_HOME = os.environ.get("KEYCLOAK_HOME", "")
pytestmark = pytest.mark.skipif(
    not (_HOME and shutil.which("java")), reason="no Keycloak here: name its directory in KEYCLOAK_HOME"
)
_START_S = 240
_SERVICE = compose(placeholders(demanded(COMPOSE_FILE)))["services"]["keycloak"]
_USERS = {
    "operator-1": (Role.OPERATOR, "GL"),
    "handler-urban": (Role.HANDLER, "GL-URBAN"),
    "handler-community": (Role.HANDLER, "GL0101"),
    "mediator-1": (Role.MEDIATOR, "GL01"),
    "petition-1": (Role.PETITION_OFFICER, "GL-PETITION"),
    "supervisor-1": (Role.SUPERVISOR, "GL"),
    "ops-1": (Role.OPS, "GL"),
}


@dataclass(frozen=True)
class Running:
    """A Keycloak that answers: the realm's address and the authority that signed its certificate."""

    realm: str
    authority: Path

    def health_words(self, port: int) -> list[str]:
        """The compose file's health check, at this test's port."""
        words: list[str] = _SERVICE["healthcheck"]["test"][1:]
        return [word.replace("/9000;", f"/{port};") for word in words]


@pytest.fixture(scope="module")
def keycloak(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The distribution with the compose file's words and variables; places, ports and memory are this test's."""
    place = tmp_path_factory.mktemp("keycloak")
    home = place / "home"
    shutil.copytree(_HOME, home, ignore=shutil.ignore_patterns("h2", "import", "tmp"), symlinks=True)
    (home / "data" / "import").mkdir(parents=True)
    shutil.copy(DEPLOY / "keycloak" / "realm.json", home / "data" / "import")
    write_certificates(place)
    database, port, health = free_port(), free_port(), free_port()
    changed = {
        "KC_DB_URL": f"jdbc:postgresql://127.0.0.1:{database}/keycloak",
        "KC_DB_PASSWORD": JOB["DATABASE_PASSWORD_KEYCLOAK"],
        "KC_HOSTNAME": f"https://localhost:{port}",
        "KC_HTTPS_PORT": str(port),
        "KC_HTTP_MANAGEMENT_PORT": str(health),
        "KC_HTTP_HOST": "127.0.0.1",
        "KC_CACHE": "local",  # looks for no neighbours
        "KC_HTTPS_CERTIFICATE_FILE": str(place / "keycloak.crt"),
        "KC_HTTPS_CERTIFICATE_KEY_FILE": str(place / "keycloak.key"),
        "JAVA_OPTS_APPEND": "-Xmx512m",
        "PATH": os.environ["PATH"],
    }
    running = Running(f"https://localhost:{port}/realms/caseladder", place / "ca.crt")
    log = place / "log"
    with running_cluster(database), log.open("wb") as output:
        process = subprocess.Popen(
            [str(home / "bin" / "kc.sh"), *_SERVICE["command"]],
            env=_SERVICE["environment"] | changed,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
        try:
            assert asyncio.run(_until_healthy(process, running.health_words(health))), log.read_text()
            yield running
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


async def _until_healthy(process: "subprocess.Popen[bytes]", words: list[str]) -> bool:
    """Whether the health check passes in time; False when Keycloak ended instead."""
    async with asyncio.timeout(_START_S):
        while process.poll() is None:
            asked = await asyncio.create_subprocess_exec(*words, stderr=asyncio.subprocess.DEVNULL)
            if await asked.wait() == 0:
                return True
            await asyncio.sleep(0.5)
    return False


async def _token(keycloak: Running, user: str, password: str) -> httpx.Response:
    async with httpx.AsyncClient(timeout=30) as client:
        return await client.post(
            f"{keycloak.realm}/protocol/openid-connect/token",
            data={
                "grant_type": "password",
                "client_id": "caseladder-cli",
                "username": user,
                "password": password,
            },
        )


async def test_the_signing_key_is_there_before_anybody_logs_in(
    keycloak: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """First in this file: a service reads the keys when it starts."""
    monkeypatch.setenv("SSL_CERT_FILE", str(keycloak.authority))
    async with httpx.AsyncClient(timeout=30) as client:
        answer = await client.get(f"{keycloak.realm}/protocol/openid-connect/certs")
    assert [key["alg"] for key in answer.json()["keys"]] == ["ES256"]


@pytest.mark.parametrize("user", _USERS)
async def test_a_demo_users_token_names_role_and_unit(
    keycloak: Running, monkeypatch: pytest.MonkeyPatch, user: str
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(keycloak.authority))
    answer = await _token(keycloak, user, "value-of-DEMO_USER_PASSWORD")
    assert answer.status_code == 200, answer.text
    source = KeySource(f"{keycloak.realm}/protocol/openid-connect/certs")
    authenticator = Authenticator(source, keycloak.realm, "caseladder")
    principal = await authenticator.verify(answer.json()["access_token"].encode())
    await source.close()
    role, unit = _USERS[user]
    expected = Principal(principal.subject, frozenset({role}), unit, principal.expires_at)
    assert principal == expected
    assert user not in principal.subject  # the audit trail holds an account, no name


@pytest.mark.parametrize("password", ["${DEMO_USER_PASSWORD}", "operator-1", "admin"])
async def test_no_demo_user_has_a_password_that_could_be_guessed(
    keycloak: Running, monkeypatch: pytest.MonkeyPatch, password: str
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(keycloak.authority))
    answer = await _token(keycloak, "operator-1", password)
    assert answer.status_code in {400, 401}
    assert answer.json()["error"] == "invalid_grant"
