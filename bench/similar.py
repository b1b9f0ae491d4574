"""`python -m bench.similar`: how quickly `GET /v1/similar` answers while 100,000 cases are stored.

The real services on a fresh PostgreSQL, as `up` starts them; cases made of the real messages, in all grids and over
`DAYS` days; an operator who types: the first 2, 3, 4 … characters of another message, one request after the other,
half of them with a place. Prints milliseconds and what the index costs; a slow figure never fails it.
"""

import asyncio
import random
import sys
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

import asyncpg
import click
import httpx
import orjson

from bench.cases import messages_file, read_texts
from bench.figures import percentile
from bench.processes import resident_mb
from bench.system import Running, Site, site
from reference.areas import GRIDS_FILE, read_areas
from reference.source import Findings
from services.intake.ids import new_id

DAYS: Final = 90
TYPED: Final = (2, 3, 4, 6, 9, 14, 25, 60)
"""How many characters the operator has typed when the page asks."""
_STEP: Final = 5000
Row = tuple[object, ...]


@click.command()
@click.option("--cases", default=100_000, show_default=True, help="How many are stored.")
@click.option("--requests", default=4000, show_default=True, help="How many are sent, one after the other.")
@click.option("--seed", default=1, show_default=True)
def main(cases: int, requests: int, seed: int) -> None:
    """Measure, and print."""
    with site("embedded") as here:
        asyncio.run(_measure(here, cases, requests, random.Random(seed)))


async def _measure(here: Site, cases: int, requests: int, chance: random.Random) -> None:
    await here.prepare()
    texts = read_texts(messages_file())
    findings = Findings()
    grids = [area.code for area in read_areas(here.local.reference, GRIDS_FILE, findings)]
    findings.raise_if_any()
    async with here.real() as running:
        empty = resident_mb(running.pids["intake"])
    await _store(here.local.databases()["intake"], cases, texts, grids, chance)
    async with here.real() as running:
        began = time.monotonic()
        async with _client(running) as client:
            # another process makes the progress: nothing here could be waited for
            while not (await client.get("/v1/similar", params={"text": "路灯"})).json()["complete"]:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
            ready = time.monotonic() - began
            with_place, without = await _ask(client, requests, texts, grids, chance)
        full = resident_mb(running.pids["intake"])
    print(f"{cases} cases; {sys.version.split()[0]}")
    print(f"index complete {ready:.1f} s after ready; intake resident {full:.0f} MB, empty {empty:.0f} MB")
    for name, taken in (("with a place", with_place), ("without", without)):
        figures = [f"{share:g}: {percentile(taken, share) * 1e3:.1f} ms" for share in (0.5, 0.9, 0.99, 1)]
        print(f"{name:>14} ({len(taken)} requests)  " + "  ".join(figures))


def _client(running: Running) -> httpx.AsyncClient:
    headers = {"Authorization": f"Bearer {running.token}"}
    return httpx.AsyncClient(base_url=f"http://127.0.0.1:{running.port}", headers=headers)


async def _ask(
    client: httpx.AsyncClient,
    requests: int,
    texts: Sequence[tuple[str, str]],
    grids: Sequence[str],
    chance: random.Random,
) -> tuple[list[float], list[float]]:
    """Return the seconds of each request, ascending: with a place, and without."""
    taken: tuple[list[float], list[float]] = ([], [])
    for number in range(requests):
        title, text = chance.choice(texts)
        typed = (title + text)[: TYPED[number % len(TYPED)]]
        asked = {"text": typed} | ({"place": chance.choice(grids)} if number % 2 else {})
        began = time.perf_counter()
        answer = await client.get("/v1/similar", params=asked)
        taken[1 - number % 2].append(time.perf_counter() - began)
        answer.raise_for_status()
    return sorted(taken[0]), sorted(taken[1])


async def _store(
    url: str, cases: int, texts: Sequence[tuple[str, str]], grids: Sequence[str], chance: random.Random
) -> None:
    """Write what intake keeps of cases that the router has dispatched."""
    connection = await asyncpg.connect(url)
    try:
        for first in range(0, cases, _STEP):
            made = list(_made(min(_STEP, cases - first), texts, grids, chance))
            for schema, table, columns, rows in (
                ("chassis", "event_log", _EVENT, [row[0] for row in made]),
                ("intake", "aggregate", _AGGREGATE, [row[1] for row in made]),
                ("intake", "case_file", _FILE, [row[2] for row in made]),
                ("intake", "timeline", _ENTRY, [row[3] for row in made]),
            ):
                await connection.copy_records_to_table(
                    table, schema_name=schema, columns=columns, records=rows
                )
        await connection.execute("VACUUM (ANALYZE)", timeout=600)
    finally:
        await connection.close()


_EVENT: Final = ("topic", "source", "case_id", "sequence", "type", "time", "traceparent", "data")
_AGGREGATE: Final = ("case_id", "version", "seen", "state", "traceparent")
_FILE: Final = ("case_id", "unit", "code_digest", "received_at")
_ENTRY: Final = ("case_id", "at", "status", "words")


def _made(
    cases: int, texts: Sequence[tuple[str, str]], grids: Sequence[str], chance: random.Random
) -> Iterator[tuple[Row, Row, Row, Row]]:
    for _ in range(cases):
        at = datetime.now(UTC) - timedelta(days=chance.random() * DAYS)
        case_id: UUID = new_id(at)
        (title, text), grid = chance.choice(texts), chance.choice(grids)
        data = {
            "channel": "hotline",
            "received_at": at,
            "title": title,
            "text": text,
            "place": {"source": "unit", "grid": grid},
        }
        said = orjson.dumps(data).decode()
        yield (
            ("case.events", "intake", case_id, 1, "intake.CaseSubmitted.v1", at, "", said),
            (case_id, 1, '{"router": 1}', '{"submitted": true}', ""),
            (case_id, grid, case_id.bytes, at),
            (case_id, at, "dispatched", "已派单。"),
        )


if __name__ == "__main__":
    main()
