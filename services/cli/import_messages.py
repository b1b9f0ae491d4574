"""`import FILE.csv`: send a file of messages through the batch API, and say where every one of them went."""

import asyncio
import hashlib
import json
import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import click
import httpx
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from services.cli.local import LocalRun, local_options
from services.cli.message_file import Fault, Message, read_messages
from services.cli.patience import patiently

NDJSON: Final = {"Content-Type": "application/x-ndjson"}
BATCH: Final = 200
ASK_INTERVAL_S: Final = 0.2
PATIENCE_S: Final = 60.0
"""How long the router may make no progress before the import says what is missing."""
_RUNGS: Final = (
    "L0 building group 楼组",
    "L1 grid 网格",
    "L2 community 社区",
    "L3 street 街道",
    "L4 district 区",
)
_TRACKS: Final = {"S": "service", "M": "mediation", "P": "petition", "L": "legal"}


@dataclass
class Tally:
    """What became of a file."""

    accepted: dict[UUID, Message] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    views: dict[UUID, Mapping[str, Any]] = field(default_factory=dict)
    withheld: int = 0
    """Cases that the router has and does not show: sealed matter goes to its one recipient only (R-PET-10)."""

    def missing(self) -> list[UUID]:
        """Return the accepted cases that the router has not shown."""
        return [case_id for case_id in self.accepted if case_id not in self.views]

    @property
    def placed(self) -> int:
        """Return how many accepted cases the router has."""
        return len(self.views) + self.withheld


def case_of(message: Message, grids: Sequence[str], file_digest: str) -> dict[str, Any]:
    """Return the body of a message's case. The grid is drawn by lot, by the message's id, and marked as such."""
    grid = random.Random(message.message_id).choice(grids)  # noqa: S311  a lot, not a secret
    return {
        "channel": "web",
        "title": message.title,
        "text": message.body,
        "received_at": message.received_at.isoformat(),
        "place": {"grid": grid, "source": "sampled"},
        "reporter": {"account": message.sender} if message.sender else None,
        "idempotency_key": f"import:{file_digest}:{message.line}",
    }


class Importer:
    """Sends messages to intake and asks the router where they went.

    `witness` is a token of ops without a unit: only such a one may count what is not shown to a unit.
    """

    def __init__(
        self,
        client: httpx.AsyncClient,
        intake: str,
        router: str,
        grids: Sequence[str],
        witness: str,
        say: Callable[[str], None],
    ) -> None:
        self._client = client
        self._witness = {"Authorization": f"Bearer {witness}"}
        self._intake = intake
        self._router = router
        self._grids = grids
        self._say = say
        self.tally = Tally()

    async def send(self, messages: Sequence[Message], file_digest: str) -> None:
        """Send one batch; each answer line is matched with its message."""
        lines = [json.dumps(case_of(message, self._grids, file_digest)) for message in messages]
        url = f"{self._intake}/v1/cases/batch"
        sent = partial(self._client.post, url, content="\n".join(lines).encode(), headers=NDJSON)
        response = await patiently(sent, self._say, is_whole=lambda told: _is_settled(told, len(messages)))
        if response.status_code != 200:
            raise click.ClickException(f"intake answered {response.status_code}: {_detail(response)}")
        answers = [json.loads(line) for line in response.text.splitlines()]
        for message, answer in zip(messages, answers, strict=True):
            if answer["status"] == 201:
                self.tally.accepted[UUID(answer["case_id"])] = message
            else:
                self.tally.faults.append(Fault(message.line, _words(answer)))

    async def follow(self, progress: Progress) -> None:
        """Ask until the router has placed every accepted case, or made no progress for `PATIENCE_S`."""
        task = progress.add_task("placed by the router", total=len(self.tally.accepted))
        loop = asyncio.get_running_loop()
        last_progress = loop.time()
        while True:
            before = self.tally.placed
            await self._ask(self.tally.missing())
            progress.update(task, completed=self.tally.placed)
            if self.tally.placed >= len(self.tally.accepted):
                return
            if self.tally.placed > before:
                last_progress = loop.time()
            elif loop.time() - last_progress > PATIENCE_S:
                return
            await asyncio.sleep(ASK_INTERVAL_S)

    async def _ask(self, case_ids: Sequence[UUID]) -> None:
        """Ask for the cases not seen yet, and count anew those that are not shown."""
        await self._statuses(case_ids)
        self.tally.withheld = await self._statuses(self.tally.missing(), self._witness)

    async def _statuses(self, case_ids: Sequence[UUID], headers: Mapping[str, str] | None = None) -> int:
        """Keep what is shown; return how many are not."""
        withheld = 0
        for start in range(0, len(case_ids), 1000):
            part = [str(case_id) for case_id in case_ids[start : start + 1000]]
            url = f"{self._router}/v1/cases/statuses"
            response = await patiently(
                partial(self._client.post, url, json={"case_ids": part}, headers=headers),
                self._say,
            )
            if response.status_code != 200:
                raise click.ClickException(f"the router answered {response.status_code}: {_detail(response)}")
            answer = response.json()
            self.tally.views.update({UUID(view["case_id"]): view for view in answer["cases"]})
            withheld += answer["withheld"]
        return withheld


def _is_settled(response: httpx.Response, lines: int) -> bool:
    """Whether every line has its answer, and none was told to come again."""
    answers = response.text.splitlines()
    return len(answers) == lines and not any(json.loads(answer)["status"] == 503 for answer in answers)


def _words(answer: Mapping[str, Any]) -> str:
    problem = answer.get("problem", answer)
    errors = problem.get("errors") or []
    told = "; ".join(f"{error['field']}: {error['message']} ({error['expected']})" for error in errors)
    return told or str(problem.get("detail") or problem.get("title") or answer)


def _detail(response: httpx.Response) -> str:
    try:
        return _words(response.json())
    except (ValueError, AttributeError):
        return response.text[:200]


def report(console: Console, tally: Tally, total: int) -> bool:
    """Print where the cases went; return whether nothing is missing and nothing was refused."""
    views = list(tally.views.values())
    waiting = [view for view in views if view["queue_reason"]]
    left = [view for view in views if view["exit"]]
    placed = [view for view in views if view["unit"] and not view["queue_reason"] and not view["exit"]]
    _table(console, "Level", Counter(_level(view) for view in placed))
    _table(console, "Track", Counter(_TRACKS[view["track"]] for view in placed if view["track"]))
    units = Counter(f"{view['unit']} {view['unit_name']}" for view in placed)
    _table(console, f"Unit (the busiest 20 of {len(units)})", Counter(dict(units.most_common(20))))
    if left:
        _table(console, "Left by a named exit", Counter(str(view["exit"]) for view in left))
    if waiting:
        _table(console, "Waiting for a human", Counter(str(view["queue_reason"]) for view in waiting))
    other = len(views) - len(placed) - len(left) - len(waiting)
    is_complete = tally.placed >= len(tally.accepted)
    repeats = total - len(tally.faults) - len(tally.accepted)
    console.print(
        f"{total} rows read, {len(tally.faults)} refused, {len(tally.accepted)} cases accepted"
        + (f" ({repeats} rows gave a case of an earlier row again)" if repeats else "")
        + f": {len(placed)} with a responsible unit, {len(waiting)} waiting for a human,"
        f" {len(left)} left by a named exit"
        + (f", {tally.withheld} sealed, seen by their one recipient only" if tally.withheld else "")
        + (f", {other} otherwise" if other else "")
    )
    for fault in tally.faults:
        console.print(f"  not sent: {fault}", style="red", highlight=False)
    if is_complete:
        console.print("Nothing is missing.", style="green")
    else:
        console.print(f"{len(tally.accepted) - tally.placed} of these cases are missing:", style="red")
        for case_id in tally.missing():
            console.print(f"  case {case_id}, line {tally.accepted[case_id].line}", style="red")
    return is_complete and not tally.faults


def _level(view: Mapping[str, Any]) -> str:
    """The rung of a case; one that never entered the ladder is named by what became of it."""
    return _RUNGS[view["rung"]] if view["rung"] is not None else f"none: {view['status']}"


def _table(console: Console, title: str, counts: Counter[str]) -> None:
    table = Table(title, "cases", title_justify="left")
    for name, count in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        table.add_row(name, str(count))
    console.print(table)


async def _run(local: LocalRun, rows: Sequence[Message | Fault], digest: str, console: Console) -> bool:
    from reference.load import load  # noqa: PLC0415  slow to import, and only this command needs it

    jurisdiction = load(local.reference)
    grids = sorted(code for code, unit in jurisdiction.units.items() if unit.kind == "grid")
    messages = [row for row in rows if isinstance(row, Message)]
    issuer, now = local.issuer(), datetime.now(UTC)
    token = issuer.issue("import", ["ops"], now, unit=jurisdiction.code)
    witness = issuer.issue("import", ["ops"], now)
    async with httpx.AsyncClient(timeout=60, headers={"Authorization": f"Bearer {token}"}) as client:
        intake, router = local.base_url("intake"), local.base_url("router")
        importer = Importer(client, intake, router, grids, witness, console.print)
        await client.get(f"{intake}/healthz")  # nothing runs at all: no use in waiting
        importer.tally.faults += [row for row in rows if isinstance(row, Fault)]
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        with Progress(*columns, console=console) as progress:
            task = progress.add_task("sent and acknowledged", total=len(messages))
            for start in range(0, len(messages), BATCH):
                part = messages[start : start + BATCH]
                try:
                    await importer.send(part, digest)
                except httpx.TransportError as error:
                    raise _stopped(part[0].line, len(messages) - start, error) from None
                progress.advance(task, len(part))
            await importer.follow(progress)
    return report(console, importer.tally, len(rows))


def _stopped(line: int, left: int, error: httpx.TransportError) -> click.ClickException:
    """Say where it stopped and how to go on."""
    return click.ClickException(
        f"intake has been away too long ({type(error).__name__}): stopped before line {line}; {left} messages are "
        "not acknowledged. Start it with `make up` and import the same file again; what was accepted before makes "
        "no second case"
    )


@click.command("import")
@click.argument("path", metavar="FILE.csv", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@local_options
def import_messages(path: Path, run_dir: Path, port_base: int) -> None:
    """Send the messages of FILE.csv as cases to the running system and print where they went.

    The file has the columns message_id, sender, received_at, title and body. Importing the same file again
    makes no second case. A message carries no usable address: its grid is drawn by lot and marked `sampled`.
    """
    rows = list(read_messages(path))
    digest = hashlib.sha256(path.read_bytes()).hexdigest()[:16]
    try:
        is_complete = asyncio.run(_run(LocalRun(run_dir, port_base), rows, digest, Console()))
    except httpx.TransportError as error:
        raise click.ClickException(
            f"no service answers at port base {port_base} ({type(error).__name__}): start it with `make up` "
            "and import the same file again; what was accepted before makes no second case"
        ) from None
    if not is_complete:
        raise click.exceptions.Exit(1)
