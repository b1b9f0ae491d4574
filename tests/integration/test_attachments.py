"""Files of a case end to end on a real PostgreSQL."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest

from chassis.http import Role
from schemas import router
from schemas.department import HandlingMode
from services.intake.attachments import storage
from tests.intake_kit import GRID, Intake, body, running
from tests.picture_kit import GPS, jpeg

PDF = b"%PDF-1.7\n" + bytes(range(256)) * 2500


@pytest.fixture
async def intake(intake_url: str, tmp_path: Path) -> AsyncIterator[Intake]:
    async with running(intake_url, tmp_path) as service:
        yield service


async def add(intake: Intake, path: str, content: bytes, **headers: str) -> httpx.Response:
    return await intake.client.post(f"{path}/attachments", content=content, headers=headers)


async def rows(intake: Intake) -> list[int]:
    return [await intake.count(table) for table in ("attachment", "attachment_piece", "record_key")]


async def test_a_scanned_letter_is_kept_encrypted_and_served_safely(intake: Intake) -> None:
    """R-PRIV-01: the event names it and tells nothing of it; whoever reads it is recorded; erasing takes it too."""
    case = await intake.accepted(body(channel="letter"))
    path = f"/v1/cases/{case['case_id']}"
    answer = await add(intake, path, PDF, **intake.operator)
    assert answer.status_code == 201, answer.text
    (added,) = answer.json()["attachments"]
    assert (added["media_type"], added["size"], added["location_removed"]) == (
        "application/pdf", len(PDF), False,
    )  # fmt: skip
    (event,) = await intake.events(case["case_id"], "CaseSupplemented")
    reference = f"cases/{case['case_id']}/attachments/{added['attachment_id']}"
    assert event["attachments"] == [reference]
    assert event["text"] == "〔附件〕文件（application/pdf，625 KB）"
    assert event["by"]["subject"] == "op-1"
    stored = await intake.pool.fetch("SELECT ciphertext FROM intake.attachment_piece ORDER BY number")
    assert len(stored) == 3
    assert not any(PDF[:64] in row[0] or PDF[-64:] in row[0] for row in stored)
    read = await intake.client.get(f"/v1/{reference}", headers=intake.operator)
    assert (read.status_code, read.content) == (200, PDF)
    headers = read.headers
    assert headers["content-type"] == "application/pdf"
    assert headers["content-disposition"].startswith('attachment; filename="attachment-')
    assert (headers["x-content-type-options"], headers["cache-control"]) == ("nosniff", "no-store")
    assert headers["content-security-policy"] == "default-src 'none'; sandbox"
    assert (
        await intake.pool.fetchval("SELECT purpose FROM intake.access_log")
        == f"attachment {added['attachment_id']}"
    )
    supervisor = intake.as_role(Role.SUPERVISOR, unit="GL")
    erased = await intake.client.post(
        f"{path}/person/erasure", json={"reason": "本人要求"}, headers=supervisor
    )
    assert erased.status_code == 200, erased.text
    assert await rows(intake) == [0, 0, 0]
    assert (await intake.client.get(f"/v1/{reference}", headers=intake.operator)).status_code == 404


async def test_a_resident_adds_a_photo_with_the_tracking_code(intake: Intake) -> None:
    """R-PET-13, R-PRIV-01: its place is removed, and no name of it is kept anywhere."""
    case = await intake.accepted(body())
    path = f"/v1/track/{case['tracking_code']}"
    named = {
        "Content-Disposition": 'attachment; filename="../../etc/zhangsan-id.jpg"',
        "Content-Type": "text/html",
    }
    answer = await add(intake, path, jpeg(), **named)
    assert answer.status_code == 201, answer.text
    (added,) = answer.json()["attachments"]
    assert (added["media_type"], added["location_removed"]) == ("image/jpeg", True)
    address = f"/v1/cases/{case['case_id']}/attachments/{added['attachment_id']}"
    read = await intake.client.get(address, headers=intake.operator)
    assert read.headers["content-type"] == "image/jpeg"
    assert GPS not in read.content
    assert "zhangsan" not in str(await intake.events(case["case_id"]))
    told = (await intake.client.get(path)).json()["timeline"]
    assert [entry["words"] for entry in told] == ["您的诉求已受理登记。", "已收到您补充的情况。"]
    assert (await add(intake, "/v1/track/WRONGWRONGWR", jpeg())).status_code == 404


async def test_only_who_may_read_the_case_reads_its_files(intake: Intake) -> None:
    """R-LAD-04, R-HOT-14: not the unit complained of, nor another street, nor, in confidence, others."""
    case = await intake.accepted(body(subjects=["GL0101"], reporter={"name": "李四", "confidential": True}))
    path = f"/v1/cases/{case['case_id']}"
    added = (await add(intake, path, jpeg(), **intake.operator)).json()["attachments"][0]
    address = f"{path}/attachments/{added['attachment_id']}"
    expected = {(Role.OPERATOR, "GL"): 200, (Role.OPERATOR, "GL0101"): 404, (Role.SUPERVISOR, "GL02"): 404}
    expected |= {(Role.GRID_WORKER, "GL010101"): 404, (Role.OPERATOR, "GL01"): 403, (Role.OPS, "GL"): 403}
    for (role, unit), status in expected.items():
        headers = intake.as_role(role, unit=unit)
        for read in (address, f"{path}/attachments"):
            assert (await intake.client.get(read, headers=headers)).status_code == status, (role, unit)
    assert (await intake.client.get(address)).status_code == 401
    other = await intake.accepted(body())
    elsewhere = f"/v1/cases/{other['case_id']}/attachments/{added['attachment_id']}"
    assert (await intake.client.get(elsewhere, headers=intake.operator)).status_code == 404


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        (b"", 422, "attachment_empty"),
        (b"<html><script>alert(1)</script></html>", 415, "unsupported_attachment"),
        (b"\xff\xd8\xff\xe0 no picture", 422, "attachment_broken"),
        (b"%PDF-1.7" + b"\0" * storage.MOST_BYTES, 413, "attachment_too_large"),
        (jpeg(scan=b"\0" * storage.MOST_BYTES), 413, "attachment_too_large"),
    ],
    ids=["empty", "html", "broken", "large", "large picture"],
)
async def test_what_is_refused_leaves_nothing(intake: Intake, content: bytes, status: int, code: str) -> None:
    """R-PRIV-01: no row, no event."""
    case = await intake.accepted(body())

    async def dribbled() -> AsyncIterator[bytes]:  # without a Content-Length: counted as it comes
        for at in range(0, max(1, len(content)), 1 << 20):
            yield content[at : at + (1 << 20)]

    path = f"/v1/cases/{case['case_id']}/attachments"
    answer = await intake.client.post(path, content=dribbled(), headers=intake.operator)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert await rows(intake) == [0, 0, 0]
    assert await intake.events(case["case_id"], "CaseSupplemented") == []


async def test_a_closed_case_takes_no_files_and_keeps_none(intake: Intake) -> None:
    """R-PET-18."""
    case = await intake.accepted(body())
    await intake.say(case["case_id"], router.CaseClosed(outcome=router.Outcome.RESOLVED, unit=GRID))
    refused = await add(intake, f"/v1/track/{case['tracking_code']}", jpeg())
    assert (refused.status_code, refused.json()["code"]) == (409, "case_closed")
    assert await rows(intake) == [0, 0, 0]


async def test_a_case_has_room_for_so_many_files(intake: Intake, monkeypatch: pytest.MonkeyPatch) -> None:
    """By number, and by their size together."""
    monkeypatch.setattr(storage, "MOST_FILES", 2)
    monkeypatch.setattr(storage, "MOST_OF_A_CASE", len(PDF) + 100)
    case = await intake.accepted(body())
    path = f"/v1/cases/{case['case_id']}"
    assert (await add(intake, path, PDF, **intake.operator)).status_code == 201
    full = await add(intake, path, PDF, **intake.operator)
    assert (full.status_code, full.json()["code"]) == (413, "too_many_attachments")
    monkeypatch.setattr(storage, "MOST_OF_A_CASE", 10 * len(PDF))
    statuses = [(await add(intake, path, PDF, **intake.operator)).status_code for _ in range(2)]
    assert statuses == [201, 413]
    assert (await rows(intake))[0] == 2


async def test_the_same_file_under_one_key_is_added_once(intake: Intake) -> None:
    """And another file under that key is refused; neither leaves anything behind."""
    case = await intake.accepted(body())
    path = f"/v1/cases/{case['case_id']}"
    key = intake.operator | {"Idempotency-Key": "scan-1"}
    answers = [await add(intake, path, PDF, **key) for _ in range(2)]
    assert answers[0].json() == answers[1].json()
    other = await add(intake, path, jpeg(), **key)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert (await rows(intake))[0] == 1
    stale = await add(intake, path, jpeg(), **intake.operator, **{"If-Match": '"1"'})
    assert (stale.status_code, (await rows(intake))[0]) == (412, 1)


async def test_what_broke_off_is_swept_away(intake: Intake) -> None:
    """R-PRIV-01: a process that died in the middle leaves pieces that nobody can read, and not for long."""
    case = await intake.accepted(body())
    case_id = case["case_id"]
    await add(intake, f"/v1/cases/{case_id}", PDF, **intake.operator)
    await intake.pool.execute(
        "UPDATE intake.attachment SET stored = false, received_at = received_at - interval '2 hours'"
    )
    shown = await intake.client.get(f"/v1/cases/{case_id}/attachments", headers=intake.operator)
    assert shown.json() == {"attachments": []}
    await add(intake, f"/v1/cases/{case_id}", jpeg(), **intake.operator)
    assert await rows(intake) == [1, 1, 1]


def dispatched(unit: str, *helpers: str, **registered: Any) -> router.CaseDispatched:
    """Return a dispatch to `unit`; with `registered`, the first that is heard of the case."""
    judgement = router.Judgement(by=router.TriagedBy.ENGINE, matter="m", track="S", urgency=3)
    return router.CaseDispatched(
        unit=unit,
        number=1,
        rung=3,
        mode=HandlingMode.JOINT,
        track="S",
        urgency=3,
        helpers=tuple(router.SeatGiven(unit=unit, number=n) for n, unit in enumerate(helpers, 2)),
        route=router.Route(policy="p", jurisdiction="GL"),
        registered=router.Registration(judgement=judgement, **registered) if registered else None,
    )


Readers = dict[tuple[Role, str], int]


async def reads(intake: Intake, address: str, expected: Readers) -> None:
    """Check with which status each reads a file, and its case's list."""
    for (role, unit), status in expected.items():
        headers = intake.as_role(role, unit=unit)
        for read in (address, address.rpartition("/")[0]):
            assert (await intake.client.get(read, headers=headers)).status_code == status, (role, unit)


async def photo(intake: Intake, case: dict[str, Any]) -> str:
    """Add a photo as the resident does; return its address."""
    answer = await add(intake, f"/v1/track/{case['tracking_code']}", jpeg())
    return f"/v1/cases/{case['case_id']}/attachments/{answer.json()['attachments'][0]['attachment_id']}"


async def test_the_units_that_handle_a_case_read_its_files_as_long_as_they_do(intake: Intake) -> None:
    """R-HOT-06, R-PRIV-01: the lead and its helpers, and who oversees them; past holders no longer."""
    case = await intake.accepted(body())
    address = await photo(intake, case)
    lead, helper, later = "GL-URBAN", "GL-CIVIL", "GL-LABOUR"
    none: Readers = {(Role.HANDLER, unit): 404 for unit in (lead, helper, later, "GL-POLICE")}
    await reads(intake, address, none | {(Role.SUPERVISOR, lead): 404})
    await intake.say(case["case_id"], dispatched(lead, helper, place=GRID))
    both: Readers = {(Role.HANDLER, lead): 200, (Role.SUPERVISOR, lead): 200, (Role.HANDLER, helper): 200}
    others: Readers = {(Role.MEDIATOR, lead): 404, (Role.OPERATOR, lead): 404, (Role.OPS, "GL"): 403}
    await reads(intake, address, none | both | others)
    (read, *_) = await intake.pool.fetch(
        "SELECT role, unit, purpose FROM intake.access_log WHERE unit = $1", lead
    )
    assert tuple(read) == ("handler", lead, f"attachment {address.rpartition('/')[2]}")
    police = router.PoliceJoined(police=router.SeatGiven(unit="GL-POLICE", number=3))
    await intake.say(case["case_id"], police, router.RedoOrdered(unit=lead, reason="未解决"))
    await reads(intake, address, none | both | {(Role.HANDLER, "GL-POLICE"): 200})
    row = router.Fired(table="escalations", row="subject-skipped", source="R-LAD-04")
    gone = (router.SeatGiven(unit=helper, number=2),)
    left = router.HelpersRecused(unit=lead, helpers=gone, subjects=(helper,), evidence=(), row=row)
    await intake.say(case["case_id"], left)
    await reads(
        intake, address, none | both | {(Role.HANDLER, helper): 404, (Role.HANDLER, "GL-POLICE"): 200}
    )
    query = "SELECT array_agg(unit) FROM intake.helper WHERE case_id = $1"
    assert await intake.pool.fetchval(query, UUID(case["case_id"])) == ["GL-POLICE"]
    await intake.say(case["case_id"], dispatched(later))
    await reads(intake, address, none | {(Role.HANDLER, later): 200})
    await intake.say(case["case_id"], router.CaseClosed(outcome=router.Outcome.RESOLVED, unit=later))
    await reads(intake, address, none | {(Role.OPERATOR, "GL"): 200})


async def test_a_helper_that_was_recused_and_cleared_reads_the_files_again(intake: Intake) -> None:
    """R-LAD-04, R-HOT-06: also where it left and came back within one batch; and as the lead."""
    case = await intake.accepted(body())
    address = await photo(intake, case)
    lead, helper, other = "GL-URBAN", "GL-CIVIL", "GL-LABOUR"
    row = router.Fired(table="escalations", row="subject-skipped", source="R-LAD-04")

    def left(*subjects: str, helpers: tuple[router.SeatGiven, ...] = ()) -> router.HelpersRecused:
        return router.HelpersRecused(unit=lead, helpers=helpers, subjects=subjects, evidence=(), row=row)

    def cleared(unit: str, *helpers: str) -> router.CaseDispatched:
        judged = router.Judgement(by=router.TriagedBy.HUMAN, matter="m", track="S", urgency=3)
        found = router.Registration(judgement=judged, place=GRID)
        return dispatched(unit, *helpers).model_copy(update={"registered": found})

    recused = left(helper, other, helpers=(router.SeatGiven(unit=helper, number=2),))
    await intake.say(case["case_id"], dispatched(lead, helper, place=GRID), recused, cleared(lead, helper))
    await reads(intake, address, {(Role.HANDLER, helper): 200, (Role.HANDLER, other): 404})
    await intake.say(case["case_id"], recused)
    await reads(intake, address, {(Role.HANDLER, helper): 404, (Role.HANDLER, lead): 200})
    await intake.say(case["case_id"], cleared(lead, helper))
    await intake.say(case["case_id"], recused)
    await reads(intake, address, {(Role.HANDLER, helper): 404})
    await intake.say(case["case_id"], cleared(other, lead))
    await reads(intake, address, {(Role.HANDLER, other): 200, (Role.HANDLER, helper): 404})
    await intake.say(case["case_id"], cleared(helper))
    await reads(intake, address, {(Role.HANDLER, helper): 200, (Role.HANDLER, other): 404})


async def test_who_handles_a_linked_case_reads_the_files_of_its_reports(intake: Intake) -> None:
    """R-PET-18, R-LAD-04: a co-reporter's photo goes to who handles the incident, not to whom it complains of."""
    first = await intake.accepted(body())
    headers = intake.operator
    joined = await intake.client.post(
        f"/v1/cases/{first['case_id']}/co-reporters",
        json={"reporter": {"phone": "13800138001"}},
        headers=headers,
    )
    assert joined.status_code == 201, joined.text
    address = await photo(intake, joined.json())
    await intake.say(first["case_id"], dispatched("GL-URBAN", "GL-CIVIL", place=GRID))
    await reads(intake, address, {(Role.HANDLER, "GL-URBAN"): 200, (Role.HANDLER, "GL-LABOUR"): 404})
    own = await photo(intake, first)
    whole = f"/v1/cases/{first['case_id']}/attachments"
    listed = (await intake.client.get(whole, headers=intake.as_role(Role.HANDLER, unit="GL-URBAN"))).json()
    found = [
        f"/v1/cases/{each['case_id']}/attachments/{each['attachment_id']}" for each in listed["attachments"]
    ]
    assert found == [address, own]
    await intake.pool.execute(
        "UPDATE intake.case_file SET subjects = '{GL-URBAN}' WHERE case_id = $1", joined.json()["case_id"]
    )
    listed = (await intake.client.get(whole, headers=intake.as_role(Role.HANDLER, unit="GL-URBAN"))).json()
    assert [each["case_id"] for each in listed["attachments"]] == [first["case_id"]]
    await intake.pool.execute("UPDATE intake.case_file SET subjects = NULL")
    path = f"/v1/cases/{first['case_id']}/withdrawal"
    assert (await intake.client.post(path, json={}, headers=intake.operator)).status_code == 200
    await reads(intake, address, {(Role.HANDLER, "GL-URBAN"): 200})  # the other report stands
    accused = dispatched("GL-URBAN", "GL-CIVIL").model_copy(update={"subjects": ("GL-CIVIL",)})
    await intake.say(first["case_id"], accused)
    await reads(intake, address, {(Role.HANDLER, "GL-URBAN"): 200, (Role.HANDLER, "GL-CIVIL"): 404})


async def test_confidential_files_are_for_the_lead_and_sealed_ones_for_their_recipient(
    intake: Intake,
) -> None:
    """R-HOT-14, R-PET-10: not for helpers nor who stands above; of sealed matter for nobody else at all."""
    case = await intake.accepted(body(reporter={"name": "李四", "confidential": True}))
    address = await photo(intake, case)
    await intake.say(case["case_id"], dispatched("GL-URBAN", "GL-CIVIL", place=GRID, confidential=True))
    expected: Readers = {(Role.HANDLER, "GL-URBAN"): 200, (Role.HANDLER, "GL-CIVIL"): 403}
    expected |= {
        (Role.HANDLER, "GL"): 403,
        (Role.HANDLER, "GL-LABOUR"): 404,
        (Role.SUPERVISOR, "GL-URBAN"): 200,
    }
    await reads(intake, address, expected)
    sealed = await intake.accepted(body(text="举报某局干部贪污受贿"))
    address = await photo(intake, sealed)
    await intake.say(sealed["case_id"], dispatched("GL-DISCIPLINE", "GL-CIVIL", place=GRID, sealed=True))
    expected = {
        (Role.HANDLER, "GL-DISCIPLINE"): 200,
        (Role.HANDLER, "GL-CIVIL"): 404,
        (Role.HANDLER, "GL"): 404,
    }
    await reads(intake, address, expected | {(Role.SUPERVISOR, "GL"): 404, (Role.OPERATOR, "GL"): 404})
