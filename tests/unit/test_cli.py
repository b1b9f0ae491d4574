"""The command line: what it lists, what it makes, what it refuses and in which words."""

import base64
import errno
import json
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import cast
from unittest.mock import AsyncMock

import click
import pytest
from click.testing import CliRunner
from joserfc import jwt
from joserfc.jwk import KeySet

from chassis.embedded import EmbeddedPostgres
from chassis.http.auth import Role
from chassis.kafka.topics import Difference, Topic
from schemas.message import CASE_EVENTS
from services.cli import main
from services.cli.local import GULOU, ISSUER, LocalRun, Run
from services.cli.token import ROLES
from services.cli.up import prepare


@pytest.fixture
def local(tmp_path: Path) -> LocalRun:
    """A prepared run directory, as `up` makes it."""
    run = LocalRun(tmp_path / "run", 8100)
    run.prepare()
    return run


def test_a_service_does_not_carry_the_command_line_of_its_http_client() -> None:
    """Whether those libraries are there for other commands or not."""
    code = "import services.notify.main, sys; print({'httpx', 'rich', 'pygments'} & set(sys.modules))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "{'httpx'}\n"


def test_help_names_each_command_and_imports_none_of_them() -> None:
    """--help is quick: neither the commands' modules nor the libraries behind them are loaded."""
    code = (
        "import sys; from services.cli import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: print([m for m in ('chassis', 'pydantic', 'httpx') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    listed = [
        line.split()[0]
        for line in out.split("Commands:\n")[1].splitlines()[:-1]
        if line.startswith("  ") and line[2] != " "
    ]
    assert listed == [
        "up",
        "kafka",
        "intake",
        "router",
        "mediation",
        "petition",
        "notify",
        "migrate",
        "topics",
        "kafka-users",
        "import",
        "token",
        "policy",
        "log",
        "ledger",
        "parked",
    ]
    assert out.splitlines()[-1] == "[]"


def test_an_unknown_command_is_refused() -> None:
    result = CliRunner().invoke(main, ["nowhere"])
    assert result.exit_code == 2
    assert "No such command 'nowhere'" in result.output


@pytest.mark.parametrize(
    "name",
    [
        "up",
        "kafka",
        "intake",
        "router",
        "mediation",
        "petition",
        "notify",
        "migrate",
        "token",
        "policy",
        "parked",
    ],
)
def test_each_command_has_help(name: str) -> None:
    result = CliRunner().invoke(main, [name, "--help"])
    assert result.exit_code == 0, result.output
    assert result.output.startswith(f"Usage: main {name}")


def test_token_is_signed_by_the_issuer_that_the_services_trust(local: LocalRun) -> None:
    words = ["token", "--role", "handler", "--unit", "GL0101", "--subject", "h-7", "--ttl", "30m"]
    result = CliRunner().invoke(main, [*words, "--run-dir", str(local.run_dir)])
    assert result.exit_code == 0, result.output
    keys = KeySet.import_key_set(json.loads((local.run_dir / "jwks.json").read_text()))
    claims = jwt.decode(result.output.strip(), keys, algorithms=["ES256"]).claims
    assert claims.pop("exp") - claims.pop("iat") == 30 * 60
    assert claims == {
        "iss": ISSUER,
        "aud": "caseladder",
        "sub": "h-7",
        "roles": ["handler"],
        "unit": "GL0101",
    }


def test_a_unit_that_does_not_exist_is_told(local: LocalRun) -> None:
    """The token is made all the same: the services refuse it, and a jurisdiction may have changed meanwhile."""
    words = ["token", "--role", "handler", "--unit", "NOPE", "--run-dir", str(local.run_dir)]
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 0
    assert "NOPE is no unit of this jurisdiction" in result.stderr
    assert "Warning" not in result.stdout


def test_token_knows_the_roles_that_the_services_know() -> None:
    assert set(ROLES) == {role.value for role in Role}


@pytest.mark.parametrize(
    "words", [["--ttl", "soon"], ["--ttl", "0h"], ["--ttl", "12"], ["--role", "king"], []]
)
def test_token_refuses_nonsense(words: list[str], tmp_path: Path) -> None:
    role = [] if words == [] else ["--role", "operator"]
    result = CliRunner().invoke(main, ["token", *role, *words, "--run-dir", str(tmp_path)])
    assert result.exit_code == 2
    assert "write 90s, 30m" in result.output or "--role" in result.output


def test_policy_check_passes_our_own_jurisdiction() -> None:
    result = CliRunner().invoke(main, ["policy", "check"])
    assert result.exit_code == 0, result.output
    assert "in order" in result.output


@pytest.mark.parametrize(
    ("file", "old", "new", "told"),
    [
        ("units.csv", "GL0101,", "GL0199,", "units.csv:"),
        ("policy/settings.yaml", ":", ": [", "settings.yaml:"),
    ],
)
def test_policy_check_names_file_and_line(file: str, old: str, new: str, told: str, tmp_path: Path) -> None:
    """Both the jurisdiction's own files and the router's tables are checked."""
    copy = shutil.copytree(GULOU, tmp_path / "gulou")
    (copy / file).write_text((copy / file).read_text().replace(old, new, 1))
    result = CliRunner().invoke(main, ["policy", "check", str(copy)])
    assert result.exit_code == 1
    assert re.search(re.escape(told) + r"\d+: ", result.output), result.output
    assert "to mend" in result.output


def test_secrets_are_made_once_and_closed_to_others(local: LocalRun) -> None:
    """R-PRIV-01: 32-byte keys, mode 0600 in a directory of mode 0700, never replaced."""
    secrets = local.run_dir / "secrets.env"
    assert secrets.stat().st_mode & 0o777 == 0o600
    assert local.run_dir.stat().st_mode & 0o777 == 0o700
    lines = dict(line.split("=", 1) for line in secrets.read_text().splitlines()[1:])
    for name in ("CASELADDER_MASTER_KEY", "CASELADDER_INDEX_KEY"):
        assert len(base64.b64decode(lines[name], validate=True)) == 32
    assert lines["CASELADDER_MASTER_KEY"] != lines["CASELADDER_INDEX_KEY"]
    before = secrets.read_bytes()
    local.prepare()
    assert secrets.read_bytes() == before


def test_variables_give_each_service_what_it_needs_and_no_more(local: LocalRun) -> None:
    """R-PRIV-01: who keeps personal data has a key of its own; the database's password stays in its address."""
    from chassis.settings import Settings

    assert local.variables("intake") == {}
    url = "postgresql://u:p@/caseladder?host=%2Fx"
    local.remember(Run(dict.fromkeys(("intake", "router", "mediation", "petition", "notify"), url)))
    intake, router, mediation = (local.variables(name) for name in ("intake", "router", "mediation"))
    assert len(Settings.from_environment("intake", intake).keys().master_key) == 32
    assert Settings.from_environment("router", router).port == 8102
    assert set(intake) - set(router) == {"CASELADDER_MASTER_KEY", "CASELADDER_INDEX_KEY"}
    assert set(mediation) - set(router) == {"CASELADDER_MASTER_KEY"}
    assert Settings.from_environment("mediation", mediation).vault_key() != base64.b64decode(
        intake["CASELADDER_MASTER_KEY"]
    )
    assert local.variables("mediation") == mediation
    assert not [name for name in intake if "PASSWORD" in name]
    assert (local.run_dir / "run.json").stat().st_mode & 0o777 == 0o600


def test_database_url_before_the_first_run(local: LocalRun, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CASELADDER_DATABASE_URL", raising=False)
    with pytest.raises(click.ClickException, match=r"nothing has run in .*: start it with `make up`"):
        local.databases()
    monkeypatch.setenv("CASELADDER_DATABASE_URL", "postgresql://elsewhere/x")
    assert set(local.databases().values()) == {"postgresql://elsewhere/x"}


def test_on_kafka_each_service_has_its_database_and_the_broker(local: LocalRun) -> None:
    local.remember(Run({"intake": "postgresql:///i", "router": "postgresql:///r"}, "127.0.0.1:9092"))
    router = local.variables("router")
    assert router["CASELADDER_DATABASE_URL"] == "postgresql:///r"
    assert router["CASELADDER_TRANSPORT"] == "kafka"
    assert router["CASELADDER_KAFKA_BOOTSTRAP"] == "127.0.0.1:9092"
    assert local.kafka().kafka_bootstrap == "127.0.0.1:9092"


@pytest.mark.parametrize(("last", "wanted"), [("embedded", "kafka"), ("kafka", "embedded")])
def test_up_does_not_change_the_transport_of_a_run_directory(
    local: LocalRun, monkeypatch: pytest.MonkeyPatch, last: str, wanted: str
) -> None:
    """It would open empty databases, and the cases taken in would seem lost."""
    monkeypatch.setattr("signal.signal", lambda *_: None)  # the tests' process keeps its own handlers
    local.remember(Run({"intake": "postgresql:///none"}, "127.0.0.1:9092" if last == "kafka" else None))
    result = CliRunner().invoke(main, ["up", "--transport", wanted, "--run-dir", str(local.run_dir)])
    assert result.exit_code == 1
    assert f"start it with --transport {last} (make up TRANSPORT={last}), or use another" in result.output
    assert not (local.run_dir / "postgres").exists()
    local.check_transport(last)


async def test_a_broker_that_is_away_does_not_bind_the_run_directory_to_kafka(
    local: LocalRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object, **__: object) -> None:
        raise click.ClickException("Kafka does not answer")

    async def database(name: str) -> str:
        return f"postgresql:///{name}"

    monkeypatch.setattr("services.cli.up.upgrade_all", AsyncMock())
    monkeypatch.setattr("services.cli.topics.apply_topics", away)
    server = SimpleNamespace(create_database=database)
    with pytest.raises(click.ClickException, match="Kafka does not answer"):
        await prepare(local, cast(EmbeddedPostgres, server), "127.0.0.1:9092")
    local.check_transport("embedded")


def test_no_broker_is_guessed(local: LocalRun) -> None:
    with pytest.raises(click.ClickException, match=r"start it with `make up TRANSPORT=kafka`"):
        local.kafka()


def test_a_wrong_variable_of_kafka_is_named(local: LocalRun, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CASELADDER_KAFKA_BOOTSTRAP", "kafka")
    with pytest.raises(
        click.ClickException, match="CASELADDER_KAFKA_BOOTSTRAP is not usable: set it to one or"
    ):
        local.kafka()


def test_a_second_owner_of_the_run_directory_is_refused(local: LocalRun) -> None:
    with (
        local.claimed(),
        pytest.raises(click.ClickException, match=rf"already running in .* \(process {os.getpid()}\)"),
        local.claimed(),
    ):
        pass
    with local.claimed():
        assert (local.run_dir / "lock").read_text() == str(os.getpid())


def test_a_taken_port_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(click.ClickException, match=f"port {port} .* wanted for intake.* --port-base"):
            LocalRun(tmp_path, port - 1).check_ports()


def test_a_service_without_its_settings_says_which(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("CASELADDER_")]:
        monkeypatch.delenv(name)
    result = CliRunner().invoke(main, ["router", "--run-dir", str(tmp_path)])
    assert result.exit_code == 1
    assert "CASELADDER_DATABASE_URL is missing" in result.output


def test_up_refuses_a_broken_jurisdiction_before_it_starts_anything(tmp_path: Path) -> None:
    copy = shutil.copytree(GULOU, tmp_path / "gulou")
    (copy / "jurisdiction.yaml").write_text("code: [")
    result = subprocess.run(
        [sys.executable, "-m", "services", "up", "--run-dir", str(tmp_path / "run"), "--port-base", "9700"],
        env={**os.environ, "CASELADDER_REFERENCE": str(copy)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 1
    assert "is not in order:\njurisdiction.yaml:" in result.stderr
    assert not (tmp_path / "run" / "postgres").exists()


def test_kafka_without_java_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setattr("chassis.kafka.local_host.VIRTUAL_MACHINES", tmp_path)
    monkeypatch.setattr("signal.signal", lambda *_: None)  # the tests' process keeps its own handlers
    result = CliRunner().invoke(main, ["kafka", "--run-dir", str(tmp_path / "run")])
    assert result.exit_code == 1
    assert "Mend it with:  sudo apt-get install -y default-jre-headless" in result.output


def test_a_channel_that_is_set_up_wrongly_is_named_and_nothing_starts(
    local: LocalRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the environment of the service; a resident's way in is never half open."""
    local.remember(Run(dict.fromkeys(("intake", "router", "mediation", "petition"), "postgresql:///none")))
    monkeypatch.setattr("chassis.logs.configure", lambda *_: None)
    monkeypatch.setenv("CASELADDER_WECHAT_TOKEN", "planted token")
    monkeypatch.setenv("CASELADDER_EMAIL_HOST", "")
    result = CliRunner().invoke(main, ["intake", "--run-dir", str(local.run_dir)])
    assert result.exit_code == 1
    told = [line.split(" is ")[0].removeprefix("Error: ") for line in result.output.splitlines()]
    assert told == [f"CASELADDER_WECHAT_{name}" for name in ("TOKEN", "APP_ID", "APP_SECRET")]
    assert "planted" not in result.output


def test_a_token_needs_a_system(tmp_path: Path) -> None:
    """A misspelt run directory is told, and not filled with keys that no service knows."""
    typo = tmp_path / "typo"
    result = CliRunner().invoke(main, ["token", "--role", "ops", "--run-dir", str(typo)])
    assert result.exit_code == 1
    assert f"there is no system in {typo}" in result.output
    assert not typo.exists()


@pytest.mark.parametrize(
    ("given", "nearest"),
    [("CaseDispached", "CaseDispatched"), ("casedispatched", "CaseDispatched"), ("Nope", "")],
)
def test_an_unknown_event_type_is_told_with_the_nearest(given: str, nearest: str) -> None:
    result = CliRunner().invoke(main, ["log", "--type", given])
    assert result.exit_code == 2
    assert f"there is no event type {given}; nearest: {nearest}" in result.output


def test_topics_show_says_what_to_do_about_another_number_of_partitions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def found(_: object, wanted: Sequence[Topic]) -> list[Difference]:
        return [Difference(topic, 9) for topic in wanted if topic.name == CASE_EVENTS]

    monkeypatch.setattr("services.cli.topics._differences", found)
    result = CliRunner().invoke(main, ["topics", "show", "--run-dir", str(tmp_path)])
    assert result.exit_code == 1
    assert "case.events has 9 partitions and not 6" in result.output
    assert "recover-from-a-lost-broker.md#another-number-of-partitions" in result.output


@pytest.mark.parametrize("command", ["log", "log compare"])
def test_a_reader_that_has_seen_enough_is_no_database_that_is_away(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`log | head`: the pipe breaks, which is an OSError like a refused connection."""

    async def printing(*_: object) -> int:
        raise BrokenPipeError(errno.EPIPE, "Broken pipe")

    monkeypatch.setenv("CASELADDER_DATABASE_URL", "postgresql:///none")
    monkeypatch.setattr("services.cli.log._print", printing)
    monkeypatch.setattr("services.cli.compare._compare", printing)
    result = CliRunner().invoke(main, [*command.split(), "--run-dir", str(tmp_path)])
    assert (result.exit_code, result.output) == (1, "")
