"""How reporters are reached, as the notifying service reads it: for whom, how much, and with which trace."""

import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from chassis.http import Role
from tests.intake_kit import Intake, body, running

REPORTER = {
    "name": "王大爷",
    "phone": "138 0013 8000",
    "email": "Wang.Daye@Example.cn",
    "wechat": "oWang_DaYe-01",
    "language": "en",
}
ADDRESSES = ("138 0013 8000", "Example.cn", "oWang_DaYe-01", "王大爷")


@pytest.fixture
async def intake(intake_url: str, tmp_path: Path) -> AsyncIterator[Intake]:
    async with running(intake_url, tmp_path) as service:
        yield service


async def contacts(intake: Intake, *whom: tuple[str, str], unit: str | None = None) -> list[Any]:
    asked = [{"case_id": case, "report": report} for case, report in whom]
    answer = await intake.client.post(
        "/v1/contacts",
        json={"purpose": "告知办理情况", "contacts": asked},
        headers=intake.as_role(Role.NOTIFIER, unit=unit, subject="notify"),
    )
    assert answer.status_code == 200, answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    found: list[Any] = answer.json()["contacts"]
    return found


async def test_contacts_are_what_a_notice_needs_and_each_reading_is_recorded(
    intake: Intake, caplog: pytest.LogCaptureFixture
) -> None:
    """R-PRIV-01: neither name nor words; who, when, which report and why are in the access log."""
    caplog.set_level(logging.INFO)
    case = await intake.accepted(body(reporter=REPORTER))
    bare = await intake.accepted(body())
    (found, nothing) = await contacts(intake, *((one["case_id"], one["case_id"]) for one in (case, bare)))
    refs = found.pop("refs")
    assert found == {
        "case_id": case["case_id"],
        "report": case["case_id"],
        "language": "en",
        "phone": "13800138000",
        "email": "Wang.Daye@Example.cn",
        "wechat": "oWang_DaYe-01",
        "tracking_code": case["tracking_code"],
    }
    assert len(set(refs.values())) == 3
    assert (nothing["phone"], nothing["tracking_code"], nothing["refs"]) == (None, None, {})
    rows = await intake.pool.fetch("SELECT case_id, subject, role, purpose, outcome FROM intake.access_log")
    assert {tuple(row) for row in rows} == {
        (UUID(case["case_id"]), "notify", "notifier", "告知办理情况", "read"),
        (UUID(bare["case_id"]), "notify", "notifier", "告知办理情况", "nothing"),
    }
    assert "how to reach reporters was read" in caplog.text
    events = str(await intake.events(case["case_id"]))
    assert not [text for text in ADDRESSES if text in caplog.text + events]
    assert (await intake.events(case["case_id"]))[0]["reachable_by"] == ["phone", "email", "wechat"]


async def test_the_same_address_has_the_same_name_whoever_wrote_it(intake: Intake) -> None:
    """R-PRIV-01: who opts out is known again, by a digest that needs intake's key."""
    other = {"phone": "+86 13800138000", "email": "wang.daye@example.cn"}
    first = await intake.accepted(body(reporter=REPORTER))
    second = await intake.accepted(body(reporter=other, title="路灯不亮", text="路口的路灯不亮已有一周。"))
    found = await contacts(intake, *((one["case_id"], one["case_id"]) for one in (first, second)))
    assert [one["refs"]["phone"] for one in found] == [found[0]["refs"]["phone"]] * 2
    assert [one["refs"]["email"] for one in found] == [found[0]["refs"]["email"]] * 2
    digests = await intake.pool.fetch("SELECT digest FROM intake.person_index")
    assert found[0]["refs"]["phone"] not in {row[0].hex() for row in digests}


async def test_a_reporter_is_read_for_the_own_case_and_those_it_is_linked_to(intake: Intake) -> None:
    """R-PET-18, R-PRIV-01: nobody's number is given out for somebody else's case, or after a withdrawal."""
    first = (await intake.accepted(body(reporter=REPORTER)))["case_id"]
    again = (await intake.accepted(body(reporter=REPORTER)))["case_id"]
    apart = (await intake.accepted(body(reporter={"phone": "13911112222"})))["case_id"]
    found = await contacts(intake, (first, again), (again, first), (first, apart), (first, str(UUID(int=1))))
    assert found[0]["phone"] == "13800138000"
    assert (found[0]["case_id"], found[0]["report"]) == (first, again)
    assert found[1:] == [None, None, None]
    answer = await intake.client.post(
        f"/v1/cases/{again}/withdrawal", json={"reason": "已解决"}, headers=intake.operator
    )
    assert answer.status_code == 200
    assert await contacts(intake, (first, again)) == [None]


async def test_only_the_notifying_service_reads_contacts_and_within_its_unit(intake: Intake) -> None:
    """R-PRIV-01: by role and jurisdiction; nothing that was refused is recorded as read."""
    case = (await intake.accepted(body(reporter=REPORTER)))["case_id"]
    whom = {"purpose": "告知办理情况", "contacts": [{"case_id": case, "report": case}]}
    for role in set(Role) - {Role.NOTIFIER}:
        answer = await intake.client.post("/v1/contacts", json=whom, headers=intake.as_role(role, unit="GL"))
        assert answer.status_code == 403, role
    assert await contacts(intake, (case, case), unit="GL02") == [None]
    assert await intake.count("access_log") == 0
    assert (await contacts(intake, (case, case), unit="GL01"))[0]["email"] == REPORTER["email"]


async def test_erased_means_unreachable_and_anonymous_means_no_address(intake: Intake) -> None:
    """R-PRIV-01."""
    case = (await intake.accepted(body(reporter=REPORTER)))["case_id"]
    answer = await intake.client.post(
        f"/v1/cases/{case}/person/erasure",
        json={"reason": "本人要求"},
        headers=intake.as_role(Role.SUPERVISOR, unit="GL"),
    )
    assert answer.status_code == 200, answer.text
    (found,) = await contacts(intake, (case, case))
    assert (found["phone"], found["email"], found["wechat"]) == (None, None, None)
    for named in ({"email": "a@example.cn"}, {"wechat": "oWang_DaYe-01"}):
        refused = await intake.submit(body(reporter={"anonymous": True, **named}))
        assert refused.json()["errors"][0]["field"] == "reporter.anonymous"
    for wrong in (
        {"email": "wang at example"},
        {"email": "ü@example.cn"},
        {"wechat": "老王"},
        {"language": "fr"},
    ):
        refused = await intake.submit(body(reporter=wrong))
        assert refused.json()["errors"][0]["field"] == f"reporter.{next(iter(wrong))}"
