"""One trace tells the whole route of a case through separate processes, and nothing about its people."""

from collections.abc import AsyncIterator
from secrets import token_hex

import pytest

from tests.e2e.collector import Collector, Span
from tests.e2e.system import System
from tests.e2e.town import PLAIN, Town, until, visiting

SUBMIT, SIGN = "intake SubmitCase", "router SignAssignment"
POSTED, SIGNING = "POST /v1/cases", "POST /v1/cases/{case_id}/sign"


@pytest.fixture(params=["system", "kafka_system"], ids=["embedded", "kafka"])
def traced(request: pytest.FixtureRequest) -> System:
    """A system on one transport after the other; both tell the collector every case."""
    system: System = request.getfixturevalue(request.param)
    return system


@pytest.fixture
async def town(traced: System) -> AsyncIterator[Town]:
    """The people who use it."""
    async with visiting(traced) as people:
        yield people


@pytest.fixture
def prefix(town: Town) -> str:
    """What stands before the names of topics."""
    return town.system.connection.prefix if on_kafka(town) else ""


def on_kafka(town: Town) -> bool:
    return bool(town.system.connection.bootstrap)


async def spans(collector: Collector, trace: str, *wanted: tuple[str, str]) -> dict[tuple[str, str], Span]:
    """Wait until the trace holds those spans, and return all of it by service and name, the first of each."""

    async def look() -> dict[tuple[str, str], Span] | None:
        found: dict[tuple[str, str], Span] = {}
        for span in collector.trace(trace):
            found.setdefault((span.service, span.name), span)
        return found if set(wanted) <= found.keys() else None

    return await until(look)


async def linked(collector: Collector, span: Span, service: str, name: str) -> Span:
    """Wait for the span of a batch that links to a case's span, and return it."""

    async def look() -> Span | None:
        of = [
            s for s in list(collector.spans) if (s.service, s.name) == (service, name) and span.id in s.links
        ]
        return of[0] if of else None

    return await until(look)


async def test_one_trace_tells_the_route(town: Town, collector: Collector, prefix: str) -> None:
    """R-HOT-02, R-HOT-07: under the caller's span; what is done later joins the trace and links to its request."""
    trace, caller, other, signer = token_hex(16), token_hex(8), token_hex(16), token_hex(8)
    case = await submitted(town, f"00-{trace}-{caller}-01")
    process = f"process {prefix}case.events"
    await spans(collector, trace, ("router", process))
    later = {"traceparent": f"00-{other}-{signer}-01"}
    signed = await town.ask("router", f"POST /v1/cases/{case}/sign", "handler", "GL0101", headers=later)
    assert signed.status == 200, signed.body

    sign = ("router", SIGN)
    told = "notify", process
    found = await spans(collector, trace, sign, ("intake", SUBMIT), ("intake", process), told)
    submit, routed = found["intake", SUBMIT], found["router", process]
    request = (await spans(collector, trace, ("intake", POSTED)))["intake", POSTED]
    assert (request.parent, submit.parent, routed.parent) == (caller, request.id, submit.id)
    asked = (await spans(collector, other, ("router", SIGNING)))["router", SIGNING]
    assert (asked.kind, asked.parent) == ("SERVER", signer)
    assert found["intake", process].parent == routed.id
    assert (found[sign].parent, found[sign].links) == (routed.id, (asked.id,))

    async def heard() -> bool | None:
        """Intake has heard of the signature, too."""
        return any(span.parent == found[sign].id for span in collector.trace(trace)) or None

    await until(heard)
    tree = {(s.service, s.name, s.kind) for s in collector.trace(trace)}
    assert tree == {
        ("intake", POSTED, "SERVER"),
        ("intake", SUBMIT, "INTERNAL"),
        ("router", process, "CONSUMER"),
        ("intake", process, "CONSUMER"),
        (*told, "CONSUMER"),
        ("router", SIGN, "INTERNAL"),
    }
    known = {span.id for span in collector.trace(trace)} | {caller}
    assert [span.name for span in collector.trace(trace) if span.parent not in known] == []
    cases = {
        span.attributes["caseladder.case_id"] for span in collector.trace(trace) if span.kind != "SERVER"
    }
    assert cases == {case}
    assert collector.trace(other) == [asked]


@pytest.mark.parametrize(("track", "service"), [("M", "mediation"), ("P", "petition")])
async def test_who_has_a_part_in_the_case_is_in_its_trace(
    town: Town, collector: Collector, prefix: str, track: str, service: str
) -> None:
    """R-HOT-02: the services of the procedures too, and only where theirs is the case's."""
    trace, process = token_hex(16), f"process {prefix}case.events"
    await submitted(town, f"00-{trace}-{token_hex(8)}-01", track=track)
    found = await spans(collector, trace, ("router", process), (service, process))
    assert found[service, process].parent == found["router", process].id
    assert {"mediation", "petition"} & {span.service for span in collector.trace(trace)} == {service}


async def submitted(town: Town, traceparent: str, **changes: str) -> str:
    """Submit a case under that span, and return its id."""
    body = {
        "title": "老人照料",
        "text": f"老人独自在家无人照料，编号{token_hex(8)}。",
        "matter": PLAIN,
        "place": {"grid": "GL010101"},
    }
    headers = {"traceparent": traceparent}
    answer = await town.ask(
        "intake", "POST /v1/cases", "operator", "GL", body=body | changes, headers=headers
    )
    assert answer.status == 201, answer.body
    return str(answer.body["case_id"])


async def test_what_many_cases_share_is_linked_to_each(town: Town, collector: Collector, prefix: str) -> None:
    """R-HOT-02: commit, publication and receipt have traces of their own, linked with the case's on both sides."""
    trace = token_hex(16)
    await submitted(town, f"00-{trace}-{token_hex(8)}-01")
    process, receive = f"process {prefix}case.events", f"receive {prefix}case.events"
    found = await spans(collector, trace, ("intake", SUBMIT), ("router", process), ("intake", process))
    submit, routed, told = found["intake", SUBMIT], found["router", process], found["intake", process]

    committed = await linked(collector, submit, "intake", "COMMIT intake")
    assert (committed.parent, committed.kind) == ("", "CLIENT")
    for emitted, applied in ((submit, routed), (routed, told)):
        receiving = await linked(collector, emitted, applied.service, receive)
        assert applied.links == (receiving.id,)
        assert (receiving.parent, receiving.kind) == ("", "CLIENT")
        assert receiving.trace != trace
        await spans(collector, receiving.trace, (applied.service, f"COMMIT {applied.service}"))
        wrote = next(s for s in collector.trace(receiving.trace) if s.name.startswith("COMMIT"))
        assert (wrote.parent, wrote.attributes["db.system.name"]) == (receiving.id, "postgresql")
        assert same_place(applied) == same_place(receiving)
        if on_kafka(town):
            sending = await linked(collector, emitted, emitted.service, f"send {prefix}case.events")
            assert (sending.parent, sending.kind) == ("", "PRODUCER")
            assert same_place(sending) == same_place(applied)


def same_place(span: Span) -> list[str | int | None]:
    """Return where a message lay, in the words of the conventions."""
    names = ("system", "destination.name", "destination.partition.id")
    server = [span.attributes.get("server.address"), span.attributes.get("server.port")]
    return [span.attributes[f"messaging.{name}"] for name in names] + server


async def test_spans_say_where_a_message_lay(town: Town, collector: Collector, prefix: str) -> None:
    """The attributes of OpenTelemetry's conventions for messaging, by which trace stores know what they show."""
    trace = token_hex(16)
    case = await submitted(town, f"00-{trace}-{token_hex(8)}-01")
    key = ("router", f"process {prefix}case.events")
    attributes = dict((await spans(collector, trace, key))[key].attributes)
    host, _, port = town.system.connection.bootstrap.rpartition(":")
    partition = attributes.pop("messaging.destination.partition.id")
    if on_kafka(town):
        assert int(partition) in range(6)
        offset = attributes.pop("messaging.kafka.offset")
        assert isinstance(offset, int)
        assert offset >= 0
        there: dict[str, str | int] = {"server.address": host, "server.port": int(port)}
    else:
        assert partition == "0"
        there = {}
    assert attributes == there | {
        "messaging.system": "kafka" if on_kafka(town) else "caseladder",
        "messaging.operation.name": "process",
        "messaging.operation.type": "process",
        "messaging.destination.name": f"{prefix}case.events",
        "messaging.consumer.group.name": f"{prefix}caseladder.router" if on_kafka(town) else "router",
        "messaging.message.id": f"intake/{case}/1",
        "caseladder.case_id": case,
        "caseladder.event.type": "intake.CaseSubmitted.v1",
    }


async def test_no_span_tells_anything_of_a_person(town: Town, collector: Collector) -> None:
    """R-PRIV-01, R-HOT-14: no words, name, phone, id number, account or tracking code in any trace."""
    told = ["欧阳某某", "13912345678", "320303199001011234", "独居老人摔倒后无人照料", "王家巷八号"]
    case = await town.submit(
        matter=PLAIN,
        title="老人照料",
        text=f"{told[3]}，电话{told[1]}，身份证{told[2]}。",
        place={"grid": "GL010101", "address": told[4]},
        reporter={"name": told[0], "phone": told[1], "id_number": told[2]},
    )
    note = "已与老人女儿约定明日上门"
    await town.placed(case)
    await town.do(case, "sign", "handler", "GL0101")
    await town.do(case, "contact", "handler", "GL0101", {"note": note})
    refused = await town.act(case, "callback", "operator", "GL", {"contacted": False})
    assert refused.status == 409

    async def done() -> bool | None:
        of_case = [s for s in list(collector.spans) if s.attributes.get("caseladder.case_id") == case.id]
        return {"router RecordContact", "router RecordCallback"} <= {s.name for s in of_case} or None

    await until(done)
    sent = b"".join(collector.bodies)
    assert case.id.encode() in sent
    for secret in (*told, note, case.code, "handler-GL0101"):
        assert secret.encode() not in sent
