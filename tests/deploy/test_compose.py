"""docker-compose.yml: what it starts, how confined, and that it refuses to start with a default password."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.deploy.compose_kit import (
    COMPOSE_FILE,
    DEPLOY,
    JOBS,
    OWN,
    ROOT,
    Missing,
    compose,
    placeholders,
    raw,
    read_env,
)
from tools.deploy_secrets import demanded

NAMES = demanded(COMPOSE_FILE)
SERVICES: dict[str, dict[str, Any]] = compose(placeholders(NAMES))["services"]
# Their images hold no program that could ask; Prometheus watches them.
WITHOUT_HEALTHCHECK = {"collector", "jaeger"}
# Kafka's and Keycloak's start scripts write beside the program; nothing of ours does.
WRITABLE = {"kafka", "keycloak"}
# The image itself names an ordinary user.
ROOTLESS_IMAGES = {
    "apache/kafka",
    "keycloak/keycloak",
    "prom/prometheus",
    "grafana/grafana",
    "jaegertracing/jaeger",
    "otel/opentelemetry-collector-contrib",
}
_SCRAM = "org.apache.kafka.common.security.scram.ScramLoginModule required;"  # holds no password: Kafka does
_SECRET = re.compile(r"PASSWORD|_KEY$|DATABASE_URL|JAAS")


@pytest.mark.parametrize("name", SERVICES)
def test_every_image_is_pinned_to_an_exact_version(name: str) -> None:
    tag = SERVICES[name]["image"].partition(":")[2]
    assert re.fullmatch(r"v?\d+\.\d+(\.\d+)?(-\w+)?", tag), tag


def test_the_images_that_ours_is_built_from_are_pinned_and_end_in_an_ordinary_user() -> None:
    text = (DEPLOY / "Dockerfile").read_text()
    bases = re.findall(r"^FROM (\S+)", text, re.MULTILINE)
    assert bases
    assert all(re.fullmatch(r"python:3\.11\.\d+-slim-bookworm", base) for base in bases)
    assert re.findall(r"^USER (\S+)", text, re.MULTILINE)[-1] == SERVICES["intake"]["user"]


@pytest.mark.parametrize("name", SERVICES)
def test_every_container_is_confined(name: str) -> None:
    service = SERVICES[name]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "privileged" not in service
    assert service.get("read_only", False) is (name not in WRITABLE)
    user = service.get("user", "")
    assert user not in {"root", "0", "0:0"}
    assert user or service["image"].partition(":")[0] in ROOTLESS_IMAGES


@pytest.mark.parametrize("name", sorted(set(SERVICES) - set(JOBS)))
def test_what_stays_up_is_started_again_and_health_checked(name: str) -> None:
    service = SERVICES[name]
    assert service["restart"] == "unless-stopped"
    assert ("test" in service.get("healthcheck", {})) is (name not in WITHOUT_HEALTHCHECK)


@pytest.mark.parametrize("name", SERVICES)
def test_ports_are_published_on_this_machine_only(name: str) -> None:
    for port in SERVICES[name].get("ports", []):
        assert port.startswith("127.0.0.1:")


@pytest.mark.parametrize("name", raw()["services"])
def test_no_secret_has_a_default(name: str) -> None:
    """Whatever looks like a secret takes its value from a variable that must be set."""
    for variable, value in raw()["services"][name].get("environment", {}).items():
        if _SECRET.search(variable) and value != _SCRAM:
            assert re.search(r"\$\{\w+:\?run make secrets\}", value), f"{variable} of {name}"
            assert not re.search(r"\$\{\w+:?-", value), f"{variable} of {name}"


@pytest.mark.parametrize("name", NAMES)
def test_without_any_one_of_the_secrets_nothing_starts(name: str) -> None:
    with pytest.raises(Missing, match=f"^{name}: run make secrets$"):
        compose(placeholders(other for other in NAMES if other != name))


def test_each_keeper_of_personal_data_has_keys_of_its_own() -> None:
    """R-PRIV-01: nobody but intake looks persons up, and no key opens what another service keeps."""
    masters = {
        name: service["environment"]["CASELADDER_MASTER_KEY"]
        for name, service in SERVICES.items()
        if "CASELADDER_MASTER_KEY" in service.get("environment", {})
    }
    assert set(masters) == {"intake", "mediation", "petition"}
    assert len(set(masters.values())) == len(masters)
    looking_up = [
        name for name, service in SERVICES.items() if "CASELADDER_INDEX_KEY" in service.get("environment", {})
    ]
    assert looking_up == ["intake"]


def test_each_service_knows_its_own_database_and_its_own_kafka_user_only() -> None:
    for name in OWN:
        environment = SERVICES[name]["environment"]
        text = json.dumps(environment)
        assert f"//{name}:value-of-DATABASE_PASSWORD_{name.upper()}@postgres:5432/{name}" in text
        assert environment["CASELADDER_KAFKA_USERNAME"] == name
        others = [f"PASSWORD_{other.upper()}" for other in (*OWN, "keycloak", "topics") if other != name]
        assert not [other for other in (*others, "ADMIN_PASSWORD", "POSTGRES_PASSWORD") if other in text]


def test_services_wait_for_what_they_need() -> None:
    for name in OWN:
        after = SERVICES[name]["depends_on"]
        assert after == {
            "kafka": {"condition": "service_healthy"},
            "topics": {"condition": "service_completed_successfully"},
            f"migrate-{name}": {"condition": "service_completed_successfully"},
        }


def test_every_file_that_is_mounted_exists_or_is_made_by_make_secrets() -> None:
    made = {"jwks.json", "ca.crt", "keycloak.crt", "keycloak.key"}
    mounts = [mount for service in SERVICES.values() for mount in service.get("volumes", [])]
    for mount in mounts:
        source = mount.split(":")[0]
        if source.startswith("."):
            assert mount.endswith(":ro"), mount
            assert (DEPLOY / source).exists() or Path(source).name in made, source
        else:
            assert source in raw()["volumes"], source


def test_the_small_start_is_small() -> None:
    always = {name for name, service in SERVICES.items() if "profiles" not in service}
    assert always == {*OWN, *JOBS, "kafka", "postgres"} - {"log"}
    assert {profile for service in SERVICES.values() for profile in service.get("profiles", [])} == {
        "observe",
        "identity",
        "recover",
    }


def test_the_guides_commands_see_the_stack_as_make_stack_started_it() -> None:
    """The same files in the same order: with others, `up` would start services anew with other settings."""
    guide = (ROOT / "docs" / "how-to" / "operate.md").read_text(encoding="utf-8")
    (given,) = re.findall(r"export COMPOSE_PROFILES=(\S+) COMPOSE_ENV_FILES=(\S+)", guide)
    printed = subprocess.run(
        ["make", "--dry-run", "stack", "PROFILES=observe identity"],
        cwd=ROOT, check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    (words,) = re.findall(r"^docker compose (.*) up .*$", printed, re.MULTILINE)
    profiles = ",".join(re.findall(r"--profile (\S+)", words))
    files = ",".join(re.findall(r"--env-file (\S+)", words))
    assert given == (profiles, files)


def _plugin() -> list[str]:
    found = os.environ.get("DOCKER_COMPOSE") or shutil.which("docker-compose")
    if found:
        return [found]
    docker = shutil.which("docker")
    if (
        docker
        and subprocess.run([docker, "compose", "version"], capture_output=True, check=False).returncode == 0
    ):
        return [docker, "compose"]
    pytest.skip("no Docker Compose here (its own program: DOCKER_COMPOSE=path)")


def test_docker_compose_itself_reads_the_file_as_we_do(tmp_path: Path) -> None:
    """`config` with all profiles: clean, and the same images and environment that the tests above looked at."""
    env = placeholders(NAMES)
    file = tmp_path / "all.env"
    file.write_text("".join(f"{name}={value}\n" for name, value in env.items()))
    deploy = tmp_path / "deploy"
    shutil.copytree(DEPLOY, deploy, ignore=shutil.ignore_patterns(".env", "secrets"))
    (deploy / "kafka" / "passwords.env").write_text("KAFKA_PASSWORD_DEPT_GL=x\n")
    words = ["--file", str(deploy / COMPOSE_FILE.name)]
    profiles: list[str] = []
    for profile in ("observe", "identity"):
        profiles += ["--env-file", str(deploy / f"{profile}.env"), "--profile", profile]
    done = subprocess.run(
        [*_plugin(), *words, "--env-file", str(file), *profiles, "config", "--format", "json"],
        check=False,
        capture_output=True,
        text=True,
        env={name: os.environ[name] for name in ("PATH", "HOME", "DOCKER_CONFIG") if name in os.environ},
    )
    assert (done.returncode, done.stderr) == (0, "")
    theirs = json.loads(done.stdout)["services"]
    ours = compose(env | read_env(DEPLOY / "observe.env", DEPLOY / "identity.env"))["services"]
    assert set(theirs) == set(ours)
    for name, service in ours.items():
        assert theirs[name]["image"] == service["image"]
        given = theirs[name].get("environment", {}) or {}
        mine = {key: value.strip() for key, value in service.get("environment", {}).items()}
        assert {key: str(given[key]).strip() for key in mine} == mine
