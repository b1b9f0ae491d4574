"""What the image holds and runs: its files and its words, in a plain virtual environment instead of a container."""

import re
from pathlib import Path

import pytest

from chassis.embedded import EmbeddedPostgres
from tests.deploy.compose_kit import COMPOSE_FILE, DEPLOY, OWN, ROOT, compose
from tests.deploy.image_kit import DOCKERFILE, container, health, make_image, run, serving, words
from tools.deploy_secrets import demanded


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """The image's files."""
    return make_image(tmp_path)


@pytest.mark.parametrize("service", OWN)
def test_job_and_service_run_as_written_and_stop_in_order(
    image: Path, postgres: EmbeddedPostgres, database_url: str, service: str
) -> None:
    """`migrate`, the service until its health check passes, SIGTERM: status 0, and no file was written."""
    env = container(image, service, database_url)
    migrated = run([*words("ENTRYPOINT"), "migrate", "--service", service], image, env)
    assert migrated.returncode == 0, migrated.stderr
    assert health(image, env).returncode == 1  # nothing runs yet
    files = sorted(image.rglob("*"))
    with serving(image, service, env):
        pass
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
    copied = set(re.findall(r"^COPY (?!--from)(\S+) \S+$", DOCKERFILE, re.MULTILINE))
    assert let_in == copied


def test_what_the_services_are_given_is_documented() -> None:
    """Each variable has its line on the page of the configuration."""
    page = (ROOT / "docs" / "reference" / "configuration.md").read_text(encoding="utf-8")
    services = compose(dict.fromkeys(demanded(COMPOSE_FILE), "x"))["services"]
    names = {name for service in OWN for name in services[service]["environment"]} - {"SSL_CERT_FILE"}
    assert [name for name in sorted(names) if f"`{name}`" not in page] == []
