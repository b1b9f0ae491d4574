"""The command line. Each command is one module, imported when it is called, so that --help is quick."""

import importlib
from collections.abc import Mapping
from typing import ClassVar

import click

# name -> (module:command, one line of help)
COMMANDS = {
    "up": ("services.cli.up:up", "Run the whole system on this machine; Ctrl-C stops it."),
    "kafka": ("services.cli.kafka:kafka", "Run an Apache Kafka on this machine, without Docker."),
    "intake": ("services.cli.service:intake", "Run the intake service alone."),
    "router": ("services.cli.service:router", "Run the router service alone."),
    "mediation": ("services.cli.service:mediation", "Run the mediation service alone."),
    "petition": ("services.cli.service:petition", "Run the petition service alone."),
    "notify": ("services.cli.service:notify", "Run the notify service alone."),
    "migrate": (
        "services.cli.migrate:migrate",
        "Bring the database's tables up to date (`up` does it by itself).",
    ),
    "topics": ("services.cli.topics:topics", "On Kafka: `topics apply|show`, what is meant to be there."),
    "kafka-users": (
        "services.cli.kafka_users:kafka_users",
        "On Kafka: `kafka-users apply|show`, who may do what.",
    ),
    "import": ("services.cli.import_messages:import_messages", "Send a CSV file of messages as cases."),
    "token": ("services.cli.token:token", "Issue a bearer token of the local issuer."),
    "policy": ("services.cli.policy:policy", "`policy check`: validate a jurisdiction's files."),
    "log": ("services.cli.log:log", "Read events in order; `log republish|compare` after a loss."),
    "ledger": ("services.cli.ledger:ledger", "`ledger check`: cases not reported back to both sides."),
    "parked": (
        "services.cli.parked:parked",
        "What a service could not apply: list, show, retry, discard.",
    ),
}


class LazyGroup(click.Group):
    """A group that knows its commands' names and help without importing them."""

    table: ClassVar[Mapping[str, tuple[str, str]]] = COMMANDS

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of the table."""
        return list(self.table)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command's module; None for an unknown name."""
        if cmd_name not in self.table:
            return None
        module, attribute = self.table[cmd_name][0].split(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the help's list of commands."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in self.table.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Caseladder: small matters stay in the community; every upward step has its ground and evidence."""
