"""The settings: what is read, what is refused in which words, and that no secret is ever shown."""

import base64
import os
from pathlib import Path

import pytest

from chassis.settings import KafkaSettings, Settings, SettingsError, kafka_settings

KEY = base64.b64encode(bytes(range(32))).decode()


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    return {
        "CASELADDER_PORT": "8101",
        "CASELADDER_DATABASE_URL": "postgresql://clerk:hush@localhost:5432/caseladder",
        "CASELADDER_REFERENCE": str(tmp_path),
        "CASELADDER_JWKS": str(tmp_path / "jwks.json"),
        "CASELADDER_ISSUER": "http://issuer.test",
    }


def lines(env: dict[str, str]) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        Settings.from_environment("sample", env)
    return caught.value.lines


def test_what_is_needed_is_enough(env: dict[str, str], tmp_path: Path) -> None:
    settings = Settings.from_environment(
        "sample", {**env, "CASELADDER_LOG_LEVEL": "debug", "OTHER": "ignored"}
    )
    assert (settings.service, settings.host, settings.port) == ("sample", "127.0.0.1", 8101)
    assert (settings.reference, settings.audience, settings.log_level) == (tmp_path, "caseladder", "DEBUG")
    assert (settings.trace_ratio, settings.otlp_endpoint, settings.transport) == (0.05, None, "embedded")


def test_all_that_is_missing_is_named_at_once(env: dict[str, str]) -> None:
    assert [line.split(" is missing: set it to ")[0] for line in lines({})] == list(env)
    assert lines({**env, "CASELADDER_ISSUER": "  "}) == [
        "CASELADDER_ISSUER is missing: set it to the exact `iss` of the tokens to accept"
    ]


@pytest.mark.parametrize(
    ("variable", "value", "right"),
    [
        ("CASELADDER_PORT", "0", "1 to 65535"),
        ("CASELADDER_PORT", "eighty", "1 to 65535"),
        ("CASELADDER_DATABASE_URL", "mysql://localhost/x", "postgresql://"),
        ("CASELADDER_REFERENCE", "/nowhere/at/all", "that exists"),
        ("CASELADDER_JWKS", "http://identity.example/jwks", "https"),
        ("CASELADDER_JWKS", "ftp://identity.example/jwks", "https"),
        ("CASELADDER_JWKS", "https:///jwks", "https"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4318", "http(s) address"),
        ("OTEL_TRACES_SAMPLER_ARG", "5", "from 0 to 1"),
        ("OTEL_TRACES_SAMPLER_ARG", "nan", "from 0 to 1"),
        ("CASELADDER_LOG_LEVEL", "loud", "WARNING"),
        ("CASELADDER_TRANSPORT", "pigeon", "embedded"),
        ("CASELADDER_SHUTDOWN_GRACE_SECONDS", "0", "1 to 600"),
        ("CASELADDER_MASTER_KEY", "short", "base64"),
        ("CASELADDER_INDEX_KEY", base64.b64encode(bytes(31)).decode(), "32"),
    ],
)
def test_a_wrong_value_is_refused_with_what_would_be_right(
    env: dict[str, str], variable: str, value: str, right: str
) -> None:
    (line,) = lines({**env, variable: value})
    assert line.startswith(f"{variable} is not usable: set it to ")
    assert right in line


@pytest.mark.parametrize(
    "place", ["https://identity.example/jwks", "http://localhost:8080/jwks", "keys/jwks.json"]
)
def test_where_token_keys_may_come_from(env: dict[str, str], place: str) -> None:
    assert Settings.from_environment("sample", {**env, "CASELADDER_JWKS": place}).jwks == place


def test_secrets_are_needed_only_by_who_asks_for_them(env: dict[str, str]) -> None:
    settings = Settings.from_environment("sample", {**env, "CASELADDER_INDEX_KEY": KEY})
    with pytest.raises(SettingsError) as caught:
        settings.keys()
    assert caught.value.lines == ["CASELADDER_MASTER_KEY is missing: set it to 32 random bytes in base64"]
    both = Settings.from_environment(
        "sample", {**env, "CASELADDER_INDEX_KEY": KEY, "CASELADDER_MASTER_KEY": KEY}
    )
    assert both.keys() == (bytes(range(32)), bytes(range(32)))


def test_no_secret_is_shown(env: dict[str, str]) -> None:
    settings = Settings.from_environment("sample", {**env, "CASELADDER_MASTER_KEY": KEY})
    shown = f"{settings} {settings!r} {settings.model_dump()} {settings.model_dump_json()}"
    assert KEY not in shown
    assert "hush" not in shown


def test_settings_do_not_change(env: dict[str, str]) -> None:
    settings = Settings.from_environment("sample", env)
    with pytest.raises(ValueError, match="frozen"):
        settings.port = 1  # type: ignore[misc]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({}, ["CASELADDER_KAFKA_BOOTSTRAP is missing: set it to one or more broker addresses"]),
        ({"BOOTSTRAP": "kafka"}, ["CASELADDER_KAFKA_BOOTSTRAP is not usable: set it to one or more broker"]),
        (
            {"BOOTSTRAP": "kafka:9092", "SECURITY": "SSL", "CA": "/nowhere.pem", "PREFIX": "a b"},
            [
                "CASELADDER_KAFKA_SECURITY is not usable: set it to PLAINTEXT, SASL_PLAINTEXT or SASL_SSL",
                "CASELADDER_KAFKA_CA is not usable: set it to the path of the CA",
                "CASELADDER_KAFKA_PREFIX is not usable: set it to letters, digits, dots",
            ],
        ),
        (
            {"BOOTSTRAP": "kafka:9092", "SECURITY": "SASL_SSL", "USERNAME": " "},
            ["CASELADDER_KAFKA_USERNAME is missing", "CASELADDER_KAFKA_PASSWORD is missing"],
        ),
        (
            {
                "BOOTSTRAP": "kafka:9092",
                "PASSWORD": os.fsdecode(b"caf\xe9"),
            },  # Latin-1, as a terminal may send it
            ["CASELADDER_KAFKA_PASSWORD is not usable"],
        ),
    ],
)
def test_a_command_is_told_what_is_wrong_with_its_variables_as_a_service_is(
    given: dict[str, str], told: list[str]
) -> None:
    with pytest.raises(SettingsError) as caught:
        kafka_settings({f"CASELADDER_KAFKA_{name}": value for name, value in given.items()})
    assert [line[: len(words)] for line, words in zip(caught.value.lines, told, strict=True)] == told


def test_a_command_needs_nothing_but_what_reaches_kafka() -> None:
    given = {
        "CASELADDER_KAFKA_BOOTSTRAP": "a:1,b:2",
        "CASELADDER_KAFKA_PREFIX": "gulou.",
        "CASELADDER_PORT": "x",
    }
    assert kafka_settings(given) == KafkaSettings(kafka_bootstrap="a:1,b:2", kafka_prefix="gulou.")
