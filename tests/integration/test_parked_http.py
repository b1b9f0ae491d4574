"""Parked events over HTTP as every service has them: who may, what is answered, what is refused and how."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

import httpx
import pytest

from chassis.applied import account
from chassis.host import Host
from chassis.http import Role, create_app
from chassis.http.parked import add_parked_routes
from chassis.kafka.records import UNREADABLE, decode
from chassis.metrics import Metrics
from chassis.store import ParkedEvent, Store
from chassis.telemetry import Telemetry
from schemas.envelope import Envelope
from schemas.message import CASE_EVENTS
from tests.integration.conftest import Bench
from tests.parked_kit import mended, resolutions, told
from tests.toy import counter_service, publish, ticked
from tests.unit.http_kit import make_client, make_settings, make_token, no_lifespan, ready
from tests.unit.kafka_kit import Record


@pytest.fixture
async def ops(bench: Bench, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """Ops at the mended counter."""
    app = create_app(
        make_settings(tmp_path), "counter", "", ready, no_lifespan, Metrics(), Telemetry(None, 0)
    )
    add_parked_routes(app, "counter", lambda: bench.parked(mended()))
    async with make_client(app, make_token(tmp_path, Role.OPS, unit="GL")) as client:
        yield client


async def park(bench: Bench, *amounts: int) -> UUID:
    """Let the unmended counter meet ticks of those amounts."""
    case = uuid4()
    await publish(bench.pool, *(ticked(case, number, amount) for number, amount in enumerate(amounts, 1)))
    await bench.drain()
    return case


async def test_cases_are_listed_page_by_page(bench: Bench, ops: httpx.AsyncClient) -> None:
    cases = [await park(bench, 14, 1) for _ in range(3)]
    page = (await ops.get("/v1/parked", params={"limit": 2})).json()
    assert page["service"] == "counter"
    assert [(item["case_id"], item["events"]) for item in page["items"]] == [
        (str(case), 2) for case in cases[:2]
    ]
    first = page["items"][0]["first"]
    assert first["since"].endswith("Z")
    assert first | {"since": "", "time": ""} == {
        "event": "outside/1",
        "type": "outside.Ticked.v1",
        "time": "",
        "reason": "refused: unlucky: 14 cannot be counted",
        "behind": False,
        "since": "",
        "data": None,
    }
    last = (await ops.get("/v1/parked", params={"limit": 2, "cursor": page["next"]})).json()
    assert [item["case_id"] for item in last["items"]] == [str(cases[2])]
    assert last["next"] is None
    exact = (await ops.get("/v1/parked", params={"limit": 3})).json()
    assert (len(exact["items"]), exact["next"]) == (3, None)


async def test_a_case_is_shown_in_order_and_its_words_only_when_asked(
    bench: Bench, ops: httpx.AsyncClient
) -> None:
    case = await park(bench, 14, 1)
    story = (await ops.get(f"/v1/parked/{case}")).json()
    assert [(event["event"], event["behind"], event["data"]) for event in story["events"]] == [
        ("outside/1", False, None),
        ("outside/2", True, None),
    ]
    whole = (await ops.get(f"/v1/parked/{case}", params={"data": True})).json()
    assert [event["data"] for event in whole["events"]] == ['{"amount":14}', '{"amount":1}']


async def test_a_retry_says_what_was_settled_and_what_failed(bench: Bench, ops: httpx.AsyncClient) -> None:
    case = await park(bench, 13, 14, 1)
    answer = await ops.post(f"/v1/parked/{case}/retry")
    assert answer.status_code == 200
    assert answer.json() == {
        "service": "counter",
        "case_id": str(case),
        "settled": [{"event": "outside/1", "type": "outside.Ticked.v1", "resolution": "retried"}],
        "failed": {
            "event": "outside/2",
            "type": "outside.Ticked.v1",
            "reason": "refused: unlucky: 14 cannot be counted",
        },
        "waiting": 2,
    }
    discarded = await ops.post(
        f"/v1/parked/{case}/discard", json={"event": "outside/2", "reason": " entered twice "}
    )
    assert [one["resolution"] for one in discarded.json()["settled"]] == ["discarded", "retried"]
    assert discarded.json()["waiting"] == 0
    assert await resolutions(bench.pool, case) == {1: "retried", 2: "discarded: entered twice", 3: "retried"}
    by = {"subject": "caller", "role": "ops", "unit": "GL"}
    assert [data["by"] for _, _, data in await told(bench.pool, case) if "by" in data] == [by] * 4


async def test_all_behind_an_event_is_given_up_with_it(bench: Bench, ops: httpx.AsyncClient) -> None:
    case = await park(bench, 14, 1)
    body = {"event": "outside/1", "reason": "a trial", "all": True}
    answer = await ops.post(f"/v1/parked/{case}/discard", json=body)
    assert [one["resolution"] for one in answer.json()["settled"]] == ["discarded", "discarded"]


async def test_what_cannot_be_done_is_a_problem(bench: Bench, ops: httpx.AsyncClient) -> None:
    case, free = await park(bench, 14, 1), uuid4()
    reason = {"reason": "entered twice"}
    for answer in (
        await ops.get(f"/v1/parked/{free}"),
        await ops.post(f"/v1/parked/{free}/retry"),
        await ops.post(f"/v1/parked/{free}/discard", json=reason | {"event": "outside/1"}),
    ):
        assert (answer.status_code, answer.json()["code"]) == (404, "nothing_parked")
        assert answer.json()["detail"] == "At counter, nothing of this case is parked here."
    second = await ops.post(f"/v1/parked/{case}/discard", json=reason | {"event": "outside/2"})
    assert (second.status_code, second.json()["code"]) == (409, "not_first")
    assert second.json()["detail"] == "At counter, the event that keeps the others waiting is outside/1."


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"event": "outside/1"}, "reason"),
        ({"event": "outside/1", "reason": "  "}, "reason"),
        ({"event": "outside/1", "reason": "a\x00b"}, "reason"),
        ({"event": "outside/1", "reason": "x" * 501}, "reason"),
        ({"event": "1", "reason": "?"}, "event"),
        ({"event": "outside/0", "reason": "?"}, "event"),
        ({"event": "outside/1", "reason": "?", "every": True}, "every"),
    ],
)
async def test_a_discard_names_event_and_reason(
    bench: Bench, ops: httpx.AsyncClient, body: dict[str, object], field: str
) -> None:
    case = await park(bench, 14)
    answer = await ops.post(f"/v1/parked/{case}/discard", json=body)
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == [field]
    assert await resolutions(bench.pool, case) == {}


async def test_a_case_that_cannot_be_read_is_a_conflict(bench: Bench, ops: httpx.AsyncClient) -> None:
    case = await park(bench, 1, 14)
    async with bench.pool.acquire() as connection:
        await connection.execute('UPDATE counter.aggregate SET state = \'{"total": "x"}\'')
    answer = await ops.post(f"/v1/parked/{case}/discard", json={"event": "outside/2", "reason": "?"})
    assert (answer.status_code, answer.json()["code"]) == (409, "case_unreadable")


async def test_a_batch_that_never_ends_is_no_fault_of_the_caller(bench: Bench, tmp_path: Path) -> None:
    """It is not waited for without end; nothing has happened, and the stream is free again."""
    case = await park(bench, 13)
    app = create_app(
        make_settings(tmp_path), "counter", "", ready, no_lifespan, Metrics(), Telemetry(None, 0)
    )
    add_parked_routes(app, "counter", lambda: bench.parked(mended(), patience_s=0.05))
    async with make_client(app, make_token(tmp_path, Role.OPS)) as ops:
        async with bench.pool.acquire() as connection, connection.transaction():
            await connection.execute("UPDATE counter.stream_position SET updated_at = now()")
            answer = await ops.post(f"/v1/parked/{case}/retry")
        assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
        assert "counter is busy with the stream or with this case" in answer.json()["detail"]
        assert (await ops.post(f"/v1/parked/{case}/retry")).json()["waiting"] == 0


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.OPS])
async def test_only_ops_may(ops: httpx.AsyncClient, tmp_path: Path, role: Role) -> None:
    """R-PRIV-01: the words in an event are nobody's business here."""
    headers = {"Authorization": f"Bearer {make_token(tmp_path, role)}"}
    for method, path in (
        ("GET", ""),
        ("GET", f"/{uuid4()}"),
        ("POST", f"/{uuid4()}/retry"),
        ("POST", f"/{uuid4()}/discard"),
    ):
        body = {"event": "outside/1", "reason": "?"} if path.endswith("discard") else None
        answer = await ops.request(method, f"/v1/parked{path}", headers=headers, json=body)
        assert (answer.status_code, answer.json()["code"]) == (403, "role_required")


async def test_every_service_has_it_and_says_so(tmp_path: Path) -> None:
    """A service that makes its app from its host gets the routes without doing anything, also in the document."""
    app = Host(make_settings(tmp_path), counter_service()).create_app("Counter", "Counts.")
    async with make_client(app) as anybody:
        paths = (await anybody.get("/openapi.json")).json()["paths"]
        assert (await anybody.get("/v1/parked")).status_code == 401
    roles = {
        (method, path): operation["x-roles"]
        for path, operations in paths.items()
        if path.startswith("/v1/parked")
        for method, operation in operations.items()
    }
    assert roles == {
        ("get", "/v1/parked"): ["ops"],
        ("get", "/v1/parked/{case_id}"): ["ops"],
        ("post", "/v1/parked/{case_id}/retry"): ["ops"],
        ("post", "/v1/parked/{case_id}/discard"): ["ops"],
    }


async def test_what_is_wrong_with_a_foreign_record_is_told_without_its_data(
    bench: Bench, ops: httpx.AsyncClient
) -> None:
    """Of each: all foreign records are of the same case, which is none, so that most only wait behind another."""
    records = [Record(ticked(uuid4(), 1), offset=offset).spoilt("ce_sequence", b"x") for offset in (4, 5)]
    foreign = [decode(record, CASE_EVENTS) for record in records]
    async with bench.pool.acquire() as connection:
        parked = [ParkedEvent(event, "set aside", behind=event is not foreign[0]) for event in foreign]
        await Store("counter").park(connection, parked)
    shown = "set aside: its body or one of its ce_ headers cannot be read"
    [item] = (await ops.get("/v1/parked")).json()["items"]
    assert item["first"]["reason"] == shown
    story = (await ops.get(f"/v1/parked/{item['case_id']}")).json()["events"]
    assert [(event["reason"], event["data"]) for event in story] == [(shown, None)] * 2


async def test_a_record_that_is_no_event_can_be_seen_and_given_up(
    bench: Bench, ops: httpx.AsyncClient
) -> None:
    """What a foreign producer wrote to the stream: its place is its name, and it has no trace."""
    nobody, place = UUID(int=0), f"{CASE_EVENTS}/2"
    found = Envelope(place, nobody, 3528, UNREADABLE, datetime.now(UTC), CASE_EVENTS, "", "{}")
    async with bench.pool.acquire() as connection:
        await Store("counter").park(connection, [ParkedEvent(found, "unknown", behind=False)])
        assert (await account("counter", [], connection, [], datetime.now(UTC))).foreign == 1
    [item] = (await ops.get("/v1/parked")).json()["items"]
    assert (item["case_id"], item["first"]["event"]) == (str(nobody), f"{place}/3528")
    again = (await ops.post(f"/v1/parked/{nobody}/retry")).json()
    assert again["failed"]["reason"] == "counter knows no event of type unreadable"
    body = {"event": f"{place}/3528", "reason": "not ours"}
    given_up = await ops.post(f"/v1/parked/{nobody}/discard", json=body)
    assert (given_up.status_code, given_up.json()["waiting"]) == (200, 0), given_up.text
    async with bench.pool.acquire() as connection:
        assert (await account("counter", [], connection, [], datetime.now(UTC))).foreign == 0
