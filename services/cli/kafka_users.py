"""`kafka-users`: who may log in to Kafka and do what there, as the jurisdiction's units want it."""

import asyncio
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import click

from chassis.kafka.connection import UNREACHABLE, KafkaConnection, NotInOrder
from chassis.kafka.users import Grant, Users
from reference.load import load
from reference.source import ReferenceInvalid
from services.cli.kafka_grants import grants, password_variable
from services.cli.local import LocalRun, local_options

_PASSWORD: Final = re.compile(r"[!-~]{12,}")


@click.group("kafka-users")
def kafka_users() -> None:
    """Make, and show, the users of Kafka and what each may do."""


@kafka_users.command()
@local_options
def show(run_dir: Path, port_base: int) -> None:
    """Show each user that is meant to be, and all that it may do, as `apply` makes it; no broker is asked."""
    for grant in _wanted(LocalRun(run_dir, port_base)):
        click.echo(grant)


@kafka_users.command()
@local_options
def apply(run_dir: Path, port_base: int) -> None:
    """Make the users that are missing, set all passwords, add the rights that are missing. Safe to repeat.

    The user of CASELADDER_KAFKA_USERNAME must be one who may alter all others. The password of a user is in
    KAFKA_PASSWORD_<USER>, in capitals and `-` as `_`. Nothing is taken away.
    """
    local = LocalRun(run_dir, port_base)
    wanted = _wanted(local)
    passwords = _passwords(wanted)
    given = local.kafka()
    if given.kafka_prefix:
        raise click.ClickException(
            "the rights are those of topics and groups without CASELADDER_KAFKA_PREFIX"
        )
    try:
        asyncio.run(_apply(KafkaConnection.of(given), passwords, wanted))
    except NotInOrder as error:
        raise click.ClickException(str(error)) from None
    except UNREACHABLE as error:
        raise click.ClickException(
            f"Kafka does not answer {given.kafka_username} on {given.kafka_bootstrap} ({type(error).__name__})"
        ) from None
    except RuntimeError as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"{len(passwords)} users may log in and do what they must")


async def _apply(connection: KafkaConnection, passwords: Mapping[str, str], wanted: list[Grant]) -> None:
    async with Users(connection) as users:
        await users.allow(wanted)  # first: a broker without an authorizer refuses it, and gets no password
        await users.set_passwords(passwords)


def _wanted(local: LocalRun) -> list[Grant]:
    try:
        return grants(load(local.reference))
    except ReferenceInvalid as error:
        raise click.ClickException("\n".join(map(str, error.errors))) from None


def _passwords(wanted: list[Grant]) -> dict[str, str]:
    """Return the users' passwords. Raises click.ClickException naming the variables that are wrong."""
    variables = {grant.user: password_variable(grant.user) for grant in wanted}
    missing = [name for name in variables.values() if not os.environ.get(name)]
    if missing:
        raise click.ClickException(
            f"{', '.join(missing)}: no password there; `make secrets` makes those missing"
        )
    weak = [name for name in variables.values() if not _PASSWORD.fullmatch(os.environ[name])]
    if weak:
        raise click.ClickException(
            f"{', '.join(weak)}: a password has 12 characters or more, letters, digits and signs of ASCII, no blank"
        )
    return {user: os.environ[name] for user, name in variables.items()}
