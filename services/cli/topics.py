"""`topics`: what is on Kafka, as `deploy/kafka/topics.yaml` and the jurisdiction's units want it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import click

from chassis.kafka.connection import UNREACHABLE, KafkaConnection, NotInOrder
from chassis.kafka.topics import Difference, Topic, Topics, TopicsInvalid, load_topics
from reference.load import load
from reference.source import ReferenceInvalid
from services.cli.local import LocalRun, Run, local_options
from services.departments import units_with_topics

TOPICS: Final = Path(__file__).parents[2] / "deploy" / "kafka" / "topics.yaml"


def topics_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --file."""
    return click.option(
        "--file",
        default=TOPICS,
        type=click.Path(dir_okay=False, path_type=Path),
        envvar="CASELADDER_TOPICS",
        help="The topics as they are meant to be.  [default: deploy/kafka/topics.yaml]",
    )(command)


@click.group()
def topics() -> None:
    """Make, and compare, the topics on Kafka."""


@topics.command()
@topics_option
@local_options
def show(file: Path, run_dir: Path, port_base: int) -> None:
    """Show each topic that is meant to be, and what is not as it is meant to be. Status 1 if anything is not."""
    local = LocalRun(run_dir, port_base)
    wanted = wanted_topics(local, file)
    found = {entry.topic.name: entry for entry in asyncio.run(_differences(local, wanted))}
    for topic in wanted:
        click.echo(f"{topic.name:40} {topic.partitions:3} partitions  {_state(found.get(topic.name))}")
    for entry in found.values():
        if _has_others(entry):
            click.echo(_other_partitions(entry))
    if found:
        raise click.ClickException(f"{len(found)} of {len(wanted)} topics are not as {file} wants them")


@topics.command()
@topics_option
@local_options
def apply(file: Path, run_dir: Path, port_base: int) -> None:
    """Make the topics that are missing, and set the settings that differ. Safe to repeat."""
    local = LocalRun(run_dir, port_base)
    asyncio.run(apply_topics(local, click.echo, file))


async def apply_topics(
    local: LocalRun, say: Callable[[str], None], file: Path = TOPICS, run: Run | None = None
) -> None:
    """Bring the broker, of `run` or else of the last `up`, to what the file wants; a number of partitions that is
    another one is told, and nothing else waits for it: the services keep to what they use.

    Raises click.ClickException where that cannot be.
    """
    wanted = wanted_topics(local, file)
    async with _there(local, run) as there:
        differences = await there.differences(wanted)
        missing = [entry.topic for entry in differences if entry.is_missing]
        await there.create(missing)
        await there.adjust([entry.topic for entry in differences if entry.settings])
    for entry in differences:
        if _has_others(entry):
            say(_other_partitions(entry))
    changed = sum(bool(entry.settings) for entry in differences)
    kept = len(wanted) - len(missing) - changed
    say(f"{len(wanted)} topics: {len(missing)} made, {changed} changed, {kept} as they were")


def wanted_topics(local: LocalRun, file: Path) -> Sequence[Topic]:
    """Read the file for the units of the jurisdiction. Raises click.ClickException where either is not in order."""
    try:
        return load_topics(file, units_with_topics(load(local.reference)))
    except TopicsInvalid as error:
        raise click.ClickException(str(error)) from None
    except ReferenceInvalid as error:
        raise click.ClickException("\n".join(map(str, error.errors))) from None


async def _differences(local: LocalRun, wanted: Sequence[Topic]) -> list[Difference]:
    async with _there(local) as there:
        return await there.differences(wanted)


@asynccontextmanager
async def _there(local: LocalRun, run: Run | None = None) -> AsyncIterator[Topics]:
    """The topics on the broker. Raises click.ClickException where it does not answer, or refuses us something."""
    given = local.kafka(run)
    try:
        async with Topics(KafkaConnection.of(given)) as topics_there:
            yield topics_there
    except NotInOrder as error:
        raise click.ClickException(str(error)) from None
    except UNREACHABLE as error:
        raise click.ClickException(
            f"Kafka does not answer on {given.kafka_bootstrap} ({type(error).__name__}): "
            "`make kafka` starts one on this machine"
        ) from None
    except RuntimeError as error:
        raise click.ClickException(str(error)) from None


def _state(entry: Difference | None) -> str:
    if entry is None:
        return "in order"
    if entry.is_missing:
        return "MISSING"
    told = [f"{name} is {value}, not {entry.topic.settings[name]}" for name, value in entry.settings.items()]
    told += [f"has {entry.partitions}"] if _has_others(entry) else []
    return "; ".join(told)


def _has_others(entry: Difference) -> bool:
    """Whether the topic is there with another number of partitions."""
    return entry.partitions not in {None, entry.topic.partitions}


def _other_partitions(entry: Difference) -> str:
    return (
        f"{entry.topic.name} has {entry.partitions} partitions and not {entry.topic.partitions}: with another "
        "number the events of a case would go on in another partition, out of order. Set the number that there "
        "is, or make the topic anew (docs/how-to/recover-from-a-lost-broker.md#another-number-of-partitions)"
    )
