"""Departments on Kafka between separate processes: `up --transport kafka`, a broker of these tests alone."""

import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from chassis.kafka.connection import KafkaConnection
from chassis.kafka.local_broker import LocalKafka
from tests import kafka_broker
from tests.department_kit import departments
from tests.e2e.system import ROOT, System
from tests.e2e.test_docs import _BLOCK, Shell, blocks, run_block
from tests.e2e.town import Town, visiting

pytestmark = pytest.mark.xdist_group("departments")  # one broker and system, in one process
PAGE = "docs/how-to/connect-a-department.md"
URBAN = "GL-URBAN"
LAMP = {"title": "路灯不亮", "matter": "municipal.streetlight", "place": {"address": "秋岭公寓3幢502室"}}
REPORTER = {"name": "欧阳秋水", "phone": "13812345678", "id_number": "11010519491231002X"}
WORDS = "北门外三盏路灯坏了一周。我的电话138 1234 5678，身份证11010519491231002X，请尽快维修。"
SATISFIED = {"contacted": True, "resolved": True, "satisfied": True}


@pytest.fixture(scope="module")
def broker(quick_java: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalKafka]:
    """A broker that may be killed, with the very names of the topics that the page has."""
    if missing := kafka_broker.missing_here():
        kafka_broker.give_up(f"a Kafka of these tests alone needs more: {missing}", os.environ)
    with kafka_broker.small(tmp_path_factory.mktemp("kafka") / "kafka") as running:
        yield running


@pytest.fixture(scope="module")
def on_kafka(broker: LocalKafka, tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """A system of these tests alone."""
    plain = {"CASELADDER_KAFKA_PREFIX": ""}  # the page's topics have none
    running = System(tmp_path_factory.mktemp("system"), plain, "kafka", broker.bootstrap)
    running.start()
    yield running
    running.stop()


@pytest.fixture
async def people(on_kafka: System) -> AsyncIterator[Town]:
    async with visiting(on_kafka) as found:
        yield found


async def test_a_street_lamp_from_call_to_close_by_kafka_alone(people: Town, broker: LocalKafka) -> None:
    """R-GRD-02, R-PRIV-01: its topics are all it has, the broker dies in between, and who called stays secret."""
    async with departments(KafkaConnection(broker.bootstrap), URBAN) as (urban,):
        case = await people.submit(**LAMP, text=WORDS, reporter=REPORTER)
        told = await urban.assigned(case.id)
        assert (told.role, told.title) == ("lead", "路灯不亮")
        await urban.reply("sign", case.id, by="clerk-17")
        await urban.reply("reply", case.id, result="还没有联系就答复")
        assert (await urban.rejected()).code == "wrong_status"
    broker.kill()
    broker.start()
    async with departments(KafkaConnection(broker.bootstrap), URBAN) as (urban,):
        await urban.reply("contact", case.id, note="已电话联系13812345678，今晚到场")
        await urban.reply("progress", case.id, note="线路已查明")
        check = {"unit": "GL0101", "matches": True}
        await urban.reply("reply", case.id, result="路灯已修复，灯已点亮。", check=check)
        await people.placed(case, "CALLBACK")
        closed = await people.do(case, "callback", "operator", "GL", SATISFIED)
        assert closed["status"] == "CLOSED"
        await urban.told("assigned", lambda event: event.type == "router.DepartmentAssignmentEnded.v1")
    assert "区城市管理局答复：路灯已修复，灯已点亮。" in await people.told(case, "closed")
    values = await everything_told(broker.bootstrap)
    assert any("路灯不亮" in value for value in values)
    secrets = (*REPORTER.values(), "138 1234 5678", "秋岭公寓", "502室")
    assert [(secret, value) for secret in secrets for value in values if secret in value] == []


async def everything_told(bootstrap: str) -> list[str]:
    """All that departments are told, on all their topics."""
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, auto_offset_reset="earliest")
    await consumer.start()
    try:
        topics = [name for name in await consumer.topics() if name.endswith((".assigned", ".rejected"))]
        consumer.assign([TopicPartition(topic, 0) for topic in topics])
        ends = await consumer.end_offsets(consumer.assignment())
        found: list[str] = []
        while len(found) < sum(ends.values()):
            for records in (await consumer.getmany(timeout_ms=200)).values():
                found += [f"{record.headers} {record.value.decode()}" for record in records]
        return found
    finally:
        await consumer.stop()


def test_the_page_for_a_departments_integrator_is_right(
    on_kafka: System, broker: LocalKafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its commands as they are pasted, then its program, until it has signed a case."""
    monkeypatch.setenv("KAFKA", broker.bootstrap)
    monkeypatch.setenv("KAFKA_LIBS", str(broker.jars))
    shell = Shell(on_kafka)
    try:
        for block in blocks(ROOT / PAGE):
            run_block(shell, block, PAGE)
        succeeded, said = shell.run(
            'until curl -sS "$ROUTER/v1/cases/$CASE" -H "Authorization: Bearer '
            '$(.venv/bin/python -m services token --role operator --unit GL)" | grep CALLBACK; do :; done'
        )
        assert succeeded, said
    finally:
        shell.close()


async def test_the_program_of_the_page_signs(people: Town, broker: LocalKafka, tmp_path: Path) -> None:
    page = (ROOT / PAGE).read_text(encoding="utf-8")
    [program] = [block[2] for block in _BLOCK.finditer(page) if block[1] == "python"]
    file = tmp_path / "department.py"
    file.write_text(program, encoding="utf-8")
    case = await people.submit(**LAMP)
    environment = os.environ | {"KAFKA": broker.bootstrap, "UNIT": URBAN}
    with subprocess.Popen([sys.executable, str(file)], env=environment, stdout=subprocess.PIPE) as department:  # noqa: ASYNC220 - it starts at once
        try:
            await people.placed(case, "SIGNED")
        finally:
            department.kill()
        said, _ = department.communicate()
    assert "to do:" in said.decode()
