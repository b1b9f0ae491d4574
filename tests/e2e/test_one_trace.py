"""One trace tells the whole route of a case through separate processes, and nothing about its people."""

from tests.e2e.collector import Collector, Span
from tests.e2e.town import PLAIN, Town, until

TRACE, CALLER = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
OTHER, SIGNER = "6e0c63257de34c92bf9efcd03927272e", "a2fb4a1d1a96d312"
PROCESS = "case.events process"


async def spans(collector: Collector, trace: str, *wanted: tuple[str, str]) -> dict[tuple[str, str], Span]:
    """Wait until the trace holds those spans, and return all of it by service and name, the first of each."""

    async def look() -> dict[tuple[str, str], Span] | None:
        found: dict[tuple[str, str], Span] = {}
        for span in collector.trace(trace):
            found.setdefault((span.service, span.name), span)
        return found if set(wanted) <= found.keys() else None

    return await until(look)


async def test_one_trace_tells_the_route(town: Town, collector: Collector) -> None:
    """R-HOT-02, R-HOT-07: under the caller's span; what is done later joins the trace and links to its request."""
    body = {
        "title": "老人照料",
        "text": "老人独自在家无人照料。",
        "matter": PLAIN,
        "place": {"grid": "GL010101"},
    }
    headers = {"traceparent": f"00-{TRACE}-{CALLER}-01"}
    answer = await town.ask("intake", "POST /v1/cases", "operator", "GL", body=body, headers=headers)
    path = f"/v1/cases/{answer.body['case_id']}"
    await spans(collector, TRACE, ("router", PROCESS))
    later = {"traceparent": f"00-{OTHER}-{SIGNER}-01"}
    signed = await town.ask("router", f"POST {path}/sign", "handler", "GL0101", headers=later)
    assert signed.status == 200, signed.body

    sign = ("router", "router SignAssignment")
    found = await spans(collector, TRACE, sign, ("intake", "intake SubmitCase"), ("intake", PROCESS))
    submitted, routed = found["intake", "intake SubmitCase"], found["router", PROCESS]
    assert (submitted.parent, routed.parent) == (CALLER, submitted.id)
    assert found["intake", PROCESS].parent == routed.id
    assert (found[sign].parent, found[sign].links) == (routed.id, (SIGNER,))
    known = {span.id for span in collector.trace(TRACE)} | {CALLER}
    assert [span.name for span in collector.trace(TRACE) if span.parent not in known] == []
    for span in (submitted, routed, found[sign]):
        assert answer.body["case_id"] in span.attributes["caseladder.case_id"]
    assert not collector.trace(OTHER)


async def test_a_batch_that_was_read_is_linked_from_each_case(town: Town, collector: Collector) -> None:
    """R-HOT-02: without a caller's span intake begins the trace; the batch's own is linked both ways."""
    case = await town.submit()
    await town.told(case, "dispatched")

    async def begun() -> Span | None:
        of_case = [s for s in collector.spans if case.id in s.attributes.get("caseladder.case_id", "")]
        return next((s for s in of_case if s.name == "intake SubmitCase"), None)

    root = await until(begun)
    assert root.parent == ""
    routed = (await spans(collector, root.trace, ("router", PROCESS)))["router", PROCESS]

    async def batch() -> Span | None:
        return next((span for span in collector.spans if (span.id,) == routed.links), None)

    receiving = await until(batch)
    assert (receiving.service, receiving.name, receiving.parent) == ("router", "case.events receive", "")
    assert receiving.trace != root.trace
    assert root.id in receiving.links


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
    refused = await town.act(case, "callback", "operator", "GL", {"contacted": True})
    assert refused.status == 409

    async def done() -> bool | None:
        of_case = [s for s in collector.spans if case.id in s.attributes.get("caseladder.case_id", "")]
        return {"router RecordContact", "router RecordCallback"} <= {s.name for s in of_case} or None

    await until(done)
    sent = b"".join(collector.bodies)
    assert case.id.encode() in sent
    for secret in (*told, note, case.code, "handler-GL0101"):
        assert secret.encode() not in sent
