"""The Kafka users of a jurisdiction, and what each may do: what is not named here, the broker refuses."""

from collections.abc import Iterator
from typing import Final

from chassis.kafka.users import Grant
from schemas.jurisdiction import Jurisdiction
from services.cli.local import PORT_OFFSETS
from services.departments import units_with_topics

TOPICS_USER: Final = "topics"  # the job that creates topics, and nothing else


def department_users(jurisdiction: Jurisdiction) -> list[str]:
    """The Kafka users of the departments."""
    return [f"dept-{code}" for code in units_with_topics(jurisdiction)]


def password_variable(user: str) -> str:
    """The environment variable in which `kafka-users apply` finds a user's password."""
    return "KAFKA_PASSWORD_" + user.replace("-", "_").upper()


def grants(jurisdiction: Jurisdiction) -> list[Grant]:
    """All grants: the services', then those of the job that creates topics, then the departments'."""
    found = [grant for service in PORT_OFFSETS for grant in _of_service(service)]
    found.append(
        Grant(
            TOPICS_USER,
            "literal",
            ("Create", "Alter", "AlterConfigs", "Describe", "DescribeConfigs"),
            ("topic:*",),
        )
    )
    return found + [grant for code in units_with_topics(jurisdiction) for grant in _of_department(code)]


# Write on a topic lets a producer be idempotent; Read and Write let a client describe what it reads or writes.


def _of_service(service: str) -> Iterator[Grant]:
    yield Grant(service, "literal", ("Read", "Write"), ("topic:case.events", "topic:case.parked"))
    yield Grant(service, "literal", ("Read",), (f"group:caseladder.{service}",))
    if service == "router":  # writes `assigned` and `rejected`, reads `replies`
        yield Grant(service, "prefixed", ("Read", "Write"), ("topic:dept.",))


def _of_department(code: str) -> Iterator[Grant]:
    user = f"dept-{code}"
    mine = (f"topic:dept.{code}.assigned", f"topic:dept.{code}.rejected")
    yield Grant(user, "literal", ("Read",), (*mine, f"group:{user}"))
    yield Grant(user, "literal", ("Write",), (f"topic:dept.{code}.replies",))
    # With the dot: `dept-GL` without it would reach the groups of `dept-GL-URBAN`.
    yield Grant(user, "prefixed", ("Read",), (f"group:{user}.",))
