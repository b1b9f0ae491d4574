"""The Kafka users and ACLs that are generated from the jurisdiction."""

import re

import pytest
from click.testing import CliRunner

from chassis.embedded_host import free_port
from chassis.kafka.connection import KafkaConnection
from chassis.kafka.users import Grant
from reference.load import load
from schemas.jurisdiction import UnitKind
from services.cli import main
from services.cli.kafka_grants import grants, password_variable
from services.cli.local import GULOU, PORT_OFFSETS
from services.departments import units_with_topics
from tests.deploy.compose_kit import DEPLOY, compose, placeholders, properties
from tools.deploy_secrets import demanded

GULOU_UNITS = load(GULOU)
GRANTS = grants(GULOU_UNITS)


def of(user: str) -> list[Grant]:
    """The grants of one user."""
    return [grant for grant in GRANTS if grant.user == user]


def reaches(grant: Grant, resource: str) -> bool:
    """Whether a grant covers a resource, as the broker compares them."""
    if grant.pattern == "prefixed":
        return any(resource.startswith(mine) for mine in grant.resources)
    return resource in grant.resources or f"{resource.partition(':')[0]}:*" in grant.resources


def allowed(user: str, operation: str, resource: str) -> bool:
    """Whether the user may do that."""
    return any(operation in grant.operations and reaches(grant, resource) for grant in of(user))


def test_departments_public_bodies_streets_and_the_district_have_users() -> None:
    codes = units_with_topics(GULOU_UNITS)
    kinds = [GULOU_UNITS.units[code].kind for code in codes]
    assert len(codes) == len(set(codes)) == 36
    assert kinds.count(UnitKind.DEPARTMENT) + kinds.count(UnitKind.PUBLIC_BODY) == 28
    assert (kinds.count(UnitKind.STREET), kinds.count(UnitKind.DISTRICT)) == (7, 1)


@pytest.mark.parametrize("code", units_with_topics(GULOU_UNITS))
def test_a_department_reads_its_own_topics_writes_its_replies_and_nothing_else(code: str) -> None:
    user = f"dept-{code}"
    topics = [
        f"topic:dept.{other}.{kind}"
        for other in units_with_topics(GULOU_UNITS)
        for kind in ("assigned", "rejected", "replies")
    ]
    topics += ["topic:case.events", "topic:case.parked", "topic:__consumer_offsets"]
    readable = [topic for topic in topics if allowed(user, "Read", topic)]
    assert readable == [f"topic:dept.{code}.assigned", f"topic:dept.{code}.rejected"]
    assert [topic for topic in topics if allowed(user, "Write", topic)] == [f"topic:dept.{code}.replies"]
    assert {operation for grant in of(user) for operation in grant.operations} == {"Read", "Write"}


@pytest.mark.parametrize("code", units_with_topics(GULOU_UNITS))
def test_a_department_reaches_no_other_departments_consumer_groups(code: str) -> None:
    """`dept-GL` is the beginning of `dept-GL-URBAN`: a bare prefix would let the district into its group."""
    for other in units_with_topics(GULOU_UNITS):
        for group in (f"group:dept-{other}", f"group:dept-{other}.case-system"):
            assert allowed(f"dept-{code}", "Read", group) is (other == code)


def test_services_read_and_write_the_story_and_only_the_router_the_departments_topics() -> None:
    for service in PORT_OFFSETS:
        for topic in ("topic:case.events", "topic:case.parked"):
            assert allowed(service, "Read", topic)
            assert allowed(service, "Write", topic)
        for other in PORT_OFFSETS:
            group = KafkaConnection("broker:9092").group(other)
            assert allowed(service, "Read", f"group:{group}") is (other == service)
        assert allowed(service, "Write", "topic:dept.GL-URBAN.assigned") is (service == "router")
        assert not allowed(service, "Read", "group:dept-GL-URBAN")


def test_only_the_topics_job_creates_topics_and_it_reads_none() -> None:
    assert [user for user in dict.fromkeys(g.user for g in GRANTS) if allowed(user, "Create", "topic:x")] == [
        "topics"
    ]
    assert not allowed("topics", "Read", "topic:case.events")


def test_each_user_has_a_password_variable_of_its_own() -> None:
    users = list(dict.fromkeys(grant.user for grant in GRANTS))
    variables = [password_variable(user) for user in users]
    assert len(set(variables)) == len(users)
    assert all(re.fullmatch(r"[A-Z0-9_]+", variable) for variable in variables)


def test_the_services_passwords_are_those_that_make_secrets_makes() -> None:
    names = demanded(DEPLOY / "docker-compose.yml")
    job = compose(placeholders(names))["services"]["kafka-users"]["environment"]
    for user in (*PORT_OFFSETS, "topics"):
        assert job[password_variable(user)] == f"value-of-{password_variable(user)}"


def test_a_user_without_a_password_is_named_before_anything_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    for user in {grant.user for grant in GRANTS}:
        monkeypatch.setenv(password_variable(user), f"s3cret-{user}")
    monkeypatch.delenv("KAFKA_PASSWORD_DEPT_GL_GAS")
    done = CliRunner().invoke(main, ["kafka-users", "apply"])
    assert done.exit_code == 1
    assert "KAFKA_PASSWORD_DEPT_GL_GAS: no password there" in done.output
    assert "s3cret" not in done.output


@pytest.mark.parametrize(
    "wrong", ["short", "            ", "with a blank in it", "two-lines-of\n-password", "x-not-utf-8-\udcff"]
)
def test_a_password_that_is_none_is_named_before_anything_is_done(
    monkeypatch: pytest.MonkeyPatch, wrong: str
) -> None:
    for user in {grant.user for grant in GRANTS}:
        monkeypatch.setenv(password_variable(user), f"s3cret-{user}")
    monkeypatch.setenv("KAFKA_PASSWORD_DEPT_GL_GAS", wrong)
    done = CliRunner().invoke(main, ["kafka-users", "apply"])
    assert done.exit_code == 1
    assert "KAFKA_PASSWORD_DEPT_GL_GAS: a password has 12 characters or more" in done.output
    assert wrong not in done.output.replace("12 characters", "")


def test_a_broker_that_is_away_fails_the_job_without_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    for user in {grant.user for grant in GRANTS}:
        monkeypatch.setenv(password_variable(user), f"s3cret-{user}")
    for name, value in {
        "BOOTSTRAP": f"127.0.0.1:{free_port()}",
        "PASSWORD": "s3cret",
        "USERNAME": "admin",
    }.items():
        monkeypatch.setenv(f"CASELADDER_KAFKA_{name}", value)
    done = CliRunner().invoke(main, ["kafka-users", "apply"])
    assert done.exit_code == 1
    assert "Kafka does not answer admin on 127.0.0.1:" in done.output
    assert "s3cret" not in done.output


def test_another_prefix_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for user in {grant.user for grant in GRANTS}:
        monkeypatch.setenv(password_variable(user), f"s3cret-{user}")
    monkeypatch.setenv("CASELADDER_KAFKA_BOOTSTRAP", "127.0.0.1:9")
    monkeypatch.setenv("CASELADDER_KAFKA_PREFIX", "trial-")
    done = CliRunner().invoke(main, ["kafka-users", "apply"])
    assert done.exit_code == 1
    assert "CASELADDER_KAFKA_PREFIX" in done.output


def test_what_is_shown_is_every_grant() -> None:
    done = CliRunner().invoke(main, ["kafka-users", "show"])
    assert done.exit_code == 0, done.output
    assert done.output.splitlines() == [str(grant) for grant in GRANTS]
    assert "dept-GL-URBAN may Write literal topic:dept.GL-URBAN.replies" in done.output


def test_every_listener_authenticates_and_what_no_acl_allows_is_refused() -> None:
    settings = properties(
        compose(placeholders(demanded(DEPLOY / "docker-compose.yml")))["services"]["kafka"]["environment"]
    )
    protocols = dict(item.split(":") for item in settings["listener.security.protocol.map"].split(","))
    listeners = dict(item.split("://") for item in settings["listeners"].split(","))
    assert set(protocols) == set(listeners)
    assert set(protocols.values()) == {"SASL_PLAINTEXT"}
    assert {name for name, place in listeners.items() if place.startswith("127.0.0.1:")} == {
        "ADMIN",
        "CONTROLLER",
    }
    for name in ("clients", "external"):
        assert settings[f"listener.name.{name}.sasl.enabled.mechanisms"] == "SCRAM-SHA-512"
        assert f"listener.name.{name}.scram-sha-512.sasl.jaas.config" in settings
    assert settings["authorizer.class.name"].endswith(".StandardAuthorizer")
    assert settings["allow.everyone.if.no.acl.found"] == "false"
    assert settings["super.users"] == "User:admin"
