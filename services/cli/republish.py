"""`log republish`: the topics made anew from the event logs, after the broker lost them."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import click

from chassis.calendar import SHANGHAI
from chassis.database import is_passing, session
from chassis.kafka.connection import UNREACHABLE, KafkaConnection, MayNotWrite, NotInOrder, explain
from chassis.kafka.publisher import Publisher
from chassis.kafka.republish import (
    Extent,
    LockTaken,
    Share,
    Source,
    TooLate,
    Unfinished,
    all_locks,
    open_source,
    republish,
    shares,
)
from schemas.replies import REPLY_TOPIC
from services.cli.local import LocalRun, hush_client, local_options
from services.cli.topics import apply_topics, topics_option, wanted_topics

BEGIN: Final = "begin"
_FIRST_YEAR: Final = 1970
OF_REPLIES: Final = REPLY_TOPIC.rpartition("}")[2]


class Since(click.ParamType[datetime | str]):
    """A day or an instant in ISO 8601, or `begin`: None. What has no zone is meant in Asia/Shanghai."""

    name = "day, instant or begin"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return an aware instant, or `begin`; a value that is none of these is refused."""
        if isinstance(value, datetime) or value == BEGIN:
            return value
        try:
            read = datetime.fromisoformat(value)
        except ValueError:
            self.fail(
                f"{value!r} is none of 2026-11-24, 2026-11-24T08:00, 2026-11-24T00:00:00Z and {BEGIN}",
                param,
                ctx,
            )
        instant = read if read.tzinfo else read.replace(tzinfo=SHANGHAI)
        if instant > datetime.now(UTC):
            self.fail(f"{value!r} lies in the future", param, ctx)
        if instant.year < _FIRST_YEAR:
            self.fail(f"{value!r} lies before all events; {BEGIN} means all of them", param, ctx)
        return instant


@click.command("republish")
@click.option(
    "--since", required=True, type=Since(), help=f"Events from then on: 2026-11-24, an instant, or {BEGIN}."
)
@click.option("--topic", help="Only this topic, such as dept.GL-URBAN.assigned; the relays go on as before.")
@click.option("--dry-run", is_flag=True, help="Count what would be published, and change nothing.")
@click.option(
    "--wait",
    default=60.0,
    show_default=True,
    type=click.FloatRange(1),
    help="Seconds to wait for each relay.",
)
@topics_option
@local_options
def command(
    since: datetime | str,
    topic: str | None,
    dry_run: bool,
    wait: float,
    file: Path,
    run_dir: Path,
    port_base: int,
) -> None:
    """Publish the event logs of all services again, after the broker lost their topics.

    Missing topics are made. The services may run: their relays wait meanwhile. If it is broken off, they wait until
    it has been run again.
    """
    local = LocalRun(run_dir, port_base)
    hush_client()
    extent = Extent(topic, since if isinstance(since, datetime) else None)
    work = _dry_run(local, extent, file) if dry_run else _republish(local, extent, wait, file)
    try:
        asyncio.run(work)
    except (LockTaken, Unfinished, TooLate, MayNotWrite) as error:
        raise click.ClickException(str(error)) from None
    except Exception as error:
        if not (isinstance(error, UNREACHABLE) or is_passing(error)):
            raise
        question = "" if isinstance(error, NotInOrder) else ": is the system running?"
        raise click.ClickException(f"{explain(error)}{question}") from None


async def _dry_run(local: LocalRun, extent: Extent, file: Path) -> None:
    wanted = _wanted(local, extent, file)
    found = 0
    for service, url in sorted(local.databases().items()):
        async with session(url) as connection:
            source = await open_source(service, connection, extent)
            for share in await shares(source, wanted):
                click.echo(_row(share))
                found += share.events
    if not found:
        click.echo("nothing would be published")


async def _republish(local: LocalRun, extent: Extent, wait_s: float, file: Path) -> None:
    wanted = _wanted(local, extent, file)
    async with all_locks(local.databases(), wait_s, click.echo) as held:
        await apply_topics(local, click.echo, file)  # not before: a relay at work would publish to new topics
        sources = [await open_source(service, connection, extent) for service, connection in held.items()]
        await _publish(local, sources, wanted, extent)


async def _publish(
    local: LocalRun, sources: Sequence[Source], wanted: Callable[[str], bool], extent: Extent
) -> None:
    counted = [share for source in sources for share in await shares(source, wanted)]
    total = sum(share.events for share in counted)
    publisher = Publisher(KafkaConnection.of(local.kafka()))
    try:
        with click.progressbar(length=total, label="publishing") as bar:
            count = await republish(sources, publisher, wanted, extent, bar.update)
    except (Unfinished, TooLate, MayNotWrite):
        raise
    except BaseException:
        click.echo(
            "broken off: until this has been run again to its end, no new events are published", err=True
        )
        raise
    finally:
        await publisher.drop()
    click.echo(f"{count} events published; the relays go on. `log compare` says whether all were applied")


def _wanted(local: LocalRun, extent: Extent, file: Path) -> Callable[[str], bool]:
    """Say of a topic whether it is published. Raises click.ClickException where its topic is none that is."""
    names = {entry.name for entry in wanted_topics(local, file)}
    if extent.topic is None:
        return names.__contains__
    if extent.topic not in names:
        raise click.ClickException(f"{extent.topic} is none of the topics in {file}")
    if extent.topic.endswith(OF_REPLIES):
        raise click.ClickException(
            f"{extent.topic} holds what others wrote: it stands in no log of ours. Let the department send it again"
        )
    return {extent.topic}.__contains__


def _row(share: Share) -> str:
    first, last = (f"{at.astimezone(SHANGHAI):%Y-%m-%d %H:%M:%S}" for at in (share.oldest, share.newest))
    return f"{share.service:10} {share.topic:32} {share.events:9} events  {first} to {last}"
