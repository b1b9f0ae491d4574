"""Departments that have nothing but a Kafka client: the router on a real broker."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from chassis.http import Role
from chassis.kafka.connection import KafkaConnection
from chassis.kafka.letters import Letter
from chassis.kafka.topics import Topic, Topics
from chassis.metrics import Metrics
from chassis.migrate import CHASSIS, RELAY
from services.router.api.reply_records import Received, receive
from tests.databases import Databases
from tests.department_kit import Department, departments, topics_of
from tests.kafka_kit import on_topic, topics_of_a_test
from tests.router_api_kit import COMMUNITY, COMPONENT, DISTRICT, HOTLINE, URBAN, RouterUnderTest, running

WATER = "GL-WATER-AFFAIRS"
FLOODED = "municipal.flooding"
DONE = {"result": "三盏路灯的线路已修复，灯已点亮。", "check": {"unit": COMMUNITY, "matches": True}}
LIMIT_S = 30


@dataclass
class Scene:
    """The router, and the systems of two departments."""

    router: RouterUnderTest
    connection: KafkaConnection
    urban: Department
    water: Department

    async def at(self, case: str, status: str) -> dict[str, Any]:
        """The case as the hotline sees it, once it has a status."""
        async with asyncio.timeout(LIMIT_S):
            while True:
                found = (await self.router.get(case, Role.OPERATOR, HOTLINE)).body
                if found["status"] == status:
                    return dict(found)
                await asyncio.sleep(0.02)  # polled: the inbox works by itself

    async def settled(self, count: int) -> None:
        """Wait until so many letters were dealt with."""
        query = (
            "SELECT coalesce(sum(split_part(position, '@', 1)::int), 0) FROM relay.inbox_position"
            " WHERE position <> ''"
        )
        async with asyncio.timeout(LIMIT_S):
            while await self.router.pool.fetchval(query) < count:
                await asyncio.sleep(0.02)  # polled: it is stored by the inbox's own connection


@pytest.fixture
async def connection(kafka_bootstrap: str) -> AsyncIterator[KafkaConnection]:
    """Topics of one test alone; most other departments have none to write on, which stalls nobody."""
    told = [f"dept.{unit}.assigned" for unit in ("GL", "GL01", "GL-POWER", HOTLINE)]
    async with topics_of_a_test(kafka_bootstrap, more=[*topics_of(URBAN, WATER), *told]) as made:
        yield made


@pytest.fixture
async def url(databases: Databases) -> AsyncIterator[str]:
    async with databases.lent(CHASSIS, RELAY, "router") as address:
        yield address


@pytest.fixture
async def scene(connection: KafkaConnection, url: str, tmp_path: Path) -> AsyncIterator[Scene]:
    async with (
        running(url, tmp_path, connection) as router,
        departments(connection, URBAN, WATER) as (urban, water),
    ):
        yield Scene(router, connection, urban, water)


async def test_a_department_settles_a_case_with_a_kafka_client_alone(scene: Scene) -> None:
    """R-HOT-05, R-HOT-07, R-GRD-02: told, signed, spoke with the resident, reported, replied; then a callback."""
    case = await scene.router.submit(title="路灯不亮", text="北门外三盏路灯坏了。", matter=COMPONENT)
    told = await scene.urban.assigned(case)
    assert (told.unit, told.role, told.title) == (URBAN, "lead", "路灯不亮")
    await scene.urban.reply("sign", case, by="clerk-17", id="order-1/sign")
    await scene.urban.reply("contact", case, note="已电话联系13912345678，今晚到场检修")
    await scene.urban.reply("progress", case, note="线路已查明")
    await scene.urban.reply("reply", case, **DONE)
    await scene.at(case, "CALLBACK")
    closed = await scene.router.post(
        f"{case}/callback", Role.OPERATOR, DISTRICT, {"contacted": True, "resolved": True, "satisfied": True}
    )
    assert (closed.status, closed.body["status"]) == (200, "CLOSED")
    ended = await scene.urban.told("assigned", lambda event: "AssignmentEnded" in event.type)
    assert str(ended.case_id) == case.rpartition("/")[2]
    row = await scene.router.pool.fetchrow(
        "SELECT (SELECT data ->> 'by' FROM chassis.event_log WHERE type = 'router.AssignmentSigned.v1'),"
        " (SELECT data ->> 'note' FROM chassis.event_log WHERE type = 'router.ContactRecorded.v1')"
    )
    assert row is not None
    assert '"subject":"dept-GL-URBAN:clerk-17"' in row[0].replace(" ", "")
    assert row[1] == "已电话联系〔电话〕，今晚到场检修"
    assert await on_topic(scene.connection, f"dept.{URBAN}.rejected") == []


async def test_each_bad_reply_is_rejected_with_its_reason_and_the_next_goes_on(scene: Scene) -> None:
    """Nothing of them has an effect, nothing stalls; the good one behind them is done."""
    mine = await scene.router.submit(title="路灯不亮", text="路灯坏了。", matter=COMPONENT)
    theirs = await scene.router.submit(title="积水", text="路口积水。", matter=FLOODED)
    strange = await scene.router.submit()
    await scene.urban.assigned(mine)
    await scene.water.assigned(theirs)
    sent = [
        (await scene.urban.write(b'{"action": '), "invalid_json"),
        (await scene.urban.write(b"\xff\xfe"), "invalid_utf8"),
        (await scene.urban.write(None), "invalid_json"),
        (
            await scene.urban.write(b'{"action": "sign", "case_id": "' + b"7" * 300_000 + b'"}'),
            "body_too_large",
        ),
        (await scene.urban.reply("sign", mine, colour="red"), "validation_failed"),
        (await scene.urban.reply("sign", theirs), "not_responsible"),  # it only helps there
        (await scene.urban.reply("sign", strange), "case_unknown"),
        (await scene.urban.reply("sign", str(uuid4())), "case_unknown"),
        (await scene.urban.reply("callback", mine, contacted=True), "role_required"),
        (await scene.urban.reply("sign", mine, version=1), "version_mismatch"),
        (await scene.urban.reply("reply", mine, **DONE), "wrong_status"),
        (
            await scene.urban.reply("whistle", mine, units=[WATER], occasion="emergency", reason="联合处置"),
            "not_the_street",
        ),
    ]
    await scene.urban.reply("sign", mine, id="good")
    await scene.at(mine, "SIGNED")
    told = {rejection.offset: rejection for rejection in await scene.urban.rejections(len(sent))}
    assert sorted(told) == sorted(offset for offset, _ in sent)
    found = {offset: rejection.code for offset, rejection in told.items()}
    assert found == dict(sent)
    assert all(rejection.reason and rejection.unit == URBAN for rejection in told.values())
    assert (await scene.at(theirs, "DISPATCHED"))["unit"]["code"] == WATER
    assert await on_topic(scene.connection, f"dept.{WATER}.rejected") == []


async def test_strange_records_hold_up_nobody(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """Headers without a value, and even a defect of ours in reading one letter."""
    case = await scene.router.submit(title="路灯不亮", text="路灯坏了。", matter=COMPONENT)
    theirs = await scene.router.submit(title="积水", text="路口积水。", matter=FLOODED)
    await scene.urban.assigned(case)
    await scene.water.assigned(theirs)

    def defective(letter: Letter) -> Received:
        if letter.value == b"{}":
            raise RuntimeError("a defect")
        return receive(letter)

    monkeypatch.setattr("services.router.api.replies.receive", defective)
    sign = json.dumps({"action": "sign", "case_id": case.rpartition("/")[2]}).encode()
    strange = [("traceparent", None), ("traceparent", b"\xff"), ("", b""), ("ce_type", None)]
    await scene.urban.write(sign, strange[:1])
    await scene.urban.write(sign, strange)
    await scene.urban.write(b"{}")
    codes = [rejection.code for rejection in await scene.urban.rejections(2)]
    assert codes == ["wrong_status", "internal_error"]
    await scene.water.reply("sign", theirs)
    await scene.at(case, "SIGNED")
    await scene.at(theirs, "SIGNED")


async def test_a_repeat_takes_effect_once(scene: Scene) -> None:
    """The department's own id makes it harmless to send again; the same id for something else is told."""
    case = await scene.router.submit(title="路灯不亮", text="路灯坏了。", matter=COMPONENT)
    await scene.urban.assigned(case)
    for _ in range(3):
        await scene.urban.reply("sign", case, id="sign-1")
    await scene.urban.reply("contact", case, id="sign-1", note="已联系")
    rejection = await scene.urban.rejected()
    assert (rejection.code, rejection.id, rejection.action) == ("idempotency_key_reused", "sign-1", "contact")
    [record] = await on_topic(scene.connection, f"dept.{URBAN}.rejected")
    assert record.traceparent == ""  # the department traces nothing
    assert (await scene.router.events(case)).count("AssignmentSigned") == 1
    assert len(await on_topic(scene.connection, f"dept.{URBAN}.rejected")) == 1


async def test_two_departments_work_side_by_side_each_in_its_order(scene: Scene) -> None:
    """Many records at once: those of one case in order, the flood of one department harms no other."""
    mine = await scene.router.submit(title="路灯不亮", text="路灯坏了。", matter=COMPONENT)
    theirs = await scene.router.submit(title="积水", text="路口积水。", matter=FLOODED)
    await scene.urban.assigned(mine)
    await scene.water.assigned(theirs)

    async def work(department: Department, case: str) -> None:
        await department.reply("sign", case)
        await department.reply("contact", case, note="已联系")
        for number in range(40):
            await department.reply("progress", case, note=f"第{number:02}步已完成")

    flood = [scene.urban.write(b"?") for _ in range(500)]
    await asyncio.gather(work(scene.urban, mine), work(scene.water, theirs), *flood)
    await scene.settled(500 + 84)
    for case in (mine, theirs):
        notes = await scene.router.pool.fetch(
            "SELECT data ->> 'note' FROM chassis.event_log WHERE type = 'router.ProgressReported.v1'"
            " AND case_id = $1 ORDER BY sequence",
            UUID(case.rpartition("/")[2]),
        )
        assert [row[0] for row in notes] == [f"第{number:02}步已完成" for number in range(40)]
    assert {told.code for told in await scene.urban.rejections(500)} == {"invalid_json"}
    assert (
        Metrics.text(scene.router.host.metrics).count(b'caseladder_letters_total{outcome="rejected"} 500.0')
        == 1
    )


async def test_a_restart_in_the_middle_loses_and_doubles_nothing(
    connection: KafkaConnection, url: str, tmp_path: Path
) -> None:
    """Positions set back as after a crash before they were stored: what was done or rejected stays as it was."""
    async with departments(connection, URBAN, WATER) as (urban, water):
        async with running(url, tmp_path, connection) as router:
            scene = Scene(router, connection, urban, water)
            case = await router.submit(title="路灯不亮", text="路灯坏了。", matter=COMPONENT)
            await urban.assigned(case)
            early = await urban.reply("progress", case, note="还没有签收")  # refused now, lawful later
            await urban.reply("sign", case)
            await urban.reply("contact", case, note="已联系")
            await scene.at(case, "HANDLING")
            assert (await urban.rejected()).offset == early
            await scene.settled(3)
            before = await router.events(case)
            await router.pool.execute("UPDATE relay.inbox_position SET position = ''")
        await urban.reply("progress", case, note="停机时发送")
        async with running(url, tmp_path, connection) as router:
            scene = Scene(router, connection, urban, water)
            await scene.settled(4)
            assert await router.events(case) == [*before, "ProgressReported"]
            await urban.write(b"?")
            assert (await urban.rejected()).code == "invalid_json"  # and not the early one once more
        assert [event.case_id.int > 0 for event in await on_topic(connection, f"dept.{URBAN}.rejected")] == [
            True,
            False,
        ]


async def test_a_defect_of_ours_is_told_and_holds_up_nobody(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    mine = await scene.router.submit(title="路灯不亮", text="路灯坏了。", matter=COMPONENT)
    theirs = await scene.router.submit(title="积水", text="路口积水。", matter=FLOODED)
    await scene.urban.assigned(mine)
    await scene.water.assigned(theirs)
    decider = type(scene.router.host.service.decider)
    decide = decider.decide

    def broken(self: Any, state: Any, given: Any, at: Any) -> Any:
        if getattr(getattr(given, "actor", None), "unit", None) == URBAN:
            raise RuntimeError("13912345678")
        return decide(self, state, given, at)

    monkeypatch.setattr(decider, "decide", broken)
    await scene.urban.reply("sign", mine)
    await scene.water.reply("sign", theirs)
    await scene.at(theirs, "SIGNED")
    rejection = await scene.urban.rejected()
    assert rejection.code == "internal_error"
    assert "incident" in rejection.reason
    assert "139" not in caplog.text


async def test_an_outage_of_the_database_is_survived(scene: Scene) -> None:
    """The inbox's session is cut in the middle; what was written meanwhile is done once."""
    case = await scene.router.submit(title="路灯不亮", text="路灯坏了。", matter=COMPONENT)
    await scene.urban.assigned(case)
    await scene.urban.reply("sign", case)
    await scene.at(case, "SIGNED")
    await scene.settled(1)
    cut = await scene.router.pool.fetchval(
        "SELECT count(pg_terminate_backend(pid)) FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 2"
        " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    )
    assert cut == 2  # the relay's, too
    await scene.urban.reply("contact", case, note="已联系")
    await scene.at(case, "HANDLING")
    assert (await scene.router.events(case)).count("ContactRecorded") == 1


async def test_a_topic_that_was_made_anew_is_read_from_its_beginning(
    connection: KafkaConnection, url: str, tmp_path: Path
) -> None:
    """The broker lost everything: the offsets mean other records now."""
    topic = f"dept.{URBAN}.replies"
    async with departments(connection, URBAN, WATER) as (urban, water):
        async with running(url, tmp_path, connection) as router:
            for _ in range(3):
                await urban.write(b"?")
            await urban.rejections(3)
            await Scene(router, connection, urban, water).settled(3)
        async with Topics(connection) as topics:
            await topics.delete([connection.topic(topic)])
            await recreated(topics, Topic(topic, 1, 1))
    async with departments(connection, URBAN, WATER) as (urban, water):
        for _ in range(4):
            await urban.write(b"!")
        async with running(url, tmp_path, connection):
            assert [told.offset for told in await urban.rejections(7)] == [0, 1, 2, 0, 1, 2, 3]


async def recreated(topics: Topics, topic: Topic) -> None:
    """Make a topic as soon as the broker has forgotten the former one."""
    async with asyncio.timeout(LIMIT_S):
        while True:
            try:
                await topics.create([topic])
                if not await topics.differences([topic]):
                    return
            except RuntimeError:
                pass
            await asyncio.sleep(0.1)  # polled: a deletion is not announced
