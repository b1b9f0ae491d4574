"""The resident's page end to end on a real PostgreSQL, as a browser without a script sends it."""

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from html import unescape
from pathlib import Path

import httpx
import pytest

from schemas import router
from schemas.router import CaseReplied
from services.intake.channels import configured
from services.intake.channels.web.guard import AT_ONCE
from services.intake.channels.web.pages import SHANGHAI
from services.intake.guessing import WRONG_AT_ONCE
from tests.intake_kit import GRID, Intake, body, running
from tests.picture_kit import GPS, jpeg

TEXT = "三单元楼道灯坏了半个月，晚上看不见。"
FIRE = "现在楼道着火了，冒浓烟，快来人！"
HOME = {"Origin": "http://intake.test"}


@pytest.fixture
async def intake(intake_url: str, tmp_path: Path) -> AsyncIterator[Intake]:
    async with running(intake_url, tmp_path, configured({})) as service:
        yield service


async def token(intake: Intake) -> str:
    page = await intake.client.get("/")
    found = re.search(r'name="form_token" value="([^"]+)"', page.text)
    assert found is not None
    return found[1]


async def send(
    intake: Intake, path: str, fields: dict[str, str], *files: bytes, headers: dict[str, str] = HOME
) -> httpx.Response:
    parts: list[tuple[str, tuple[str | None, bytes]]] = [(k, (None, v.encode())) for k, v in fields.items()]
    parts += [("files", ("../../photo.jpg", content)) for content in files]
    return await intake.client.post(path, files=parts, headers=headers)


async def reported(intake: Intake, *files: bytes, **fields: str) -> str:
    answer = await send(intake, "/report", {"text": TEXT, "form_token": await token(intake)} | fields, *files)
    assert answer.status_code == 201, answer.text
    return code_in(answer)


def code_in(answer: httpx.Response) -> str:
    found = re.search(r'class="code">([^<]+)<', answer.text)
    assert found is not None, answer.text
    return found[1]


async def only_case(intake: Intake) -> str:
    return str(await intake.pool.fetchval("SELECT case_id FROM intake.case_file"))


async def test_the_page_needs_no_script_and_no_foreign_host(intake: Intake) -> None:
    page = await intake.client.get("/", headers={"Host": "evil.test"})
    assert page.status_code == 200
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert "evil.test" not in page.text
    assert re.findall(r'(?:src|href)="([^"]+)"', page.text) == [
        "web/style.css", "web/report.js", ".?lang=en", "track?lang=zh",
    ]  # fmt: skip
    assert not re.search(r"<script(?! src)| on[a-z]+=|<style| style=", page.text)
    assert 'lang="zh-CN"' in page.text
    english = await intake.client.get("/?lang=en")
    assert "Report a matter" in english.text
    for asset, media in (("style.css", "text/css"), ("report.js", "text/javascript")):
        found = await intake.client.get(f"/web/{asset}")
        assert found.headers["content-type"].startswith(media)
    cookie = page.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie


async def test_the_phone_says_where_the_matter_lies(intake: Intake) -> None:
    """R-LAD-01, R-LAD-05: coordinates come as text from a form; with a danger, too, all that was said is kept."""
    here = {"longitude": "117.1509", "latitude": "34.2648"}
    await reported(intake, **here)
    await reported(intake, **here, text=FIRE, address="博苑花园3幢", phone="13800138000")
    units = [row[0] for row in await intake.pool.fetch("SELECT unit FROM intake.case_file")]
    assert [len(unit) for unit in units] == [len("GL010101")] * 2
    assert await intake.count("record_key") == 1


async def test_a_resident_reports_follows_and_ends_a_matter(intake: Intake) -> None:
    """R-PET-13, R-HOT-09, R-PRIV-01: without a log-in; the photo's place is gone, the phone encrypted."""
    code = await reported(
        intake, jpeg(), b"MZ no photo", kind="help", address="博苑花园3幢", phone="13800138000", name="王大爷"
    )
    case_id = await only_case(intake)
    (event,) = await intake.events(case_id, "CaseSubmitted")
    assert (event["channel"], event["kind"], event["title"]) == ("web", "help", TEXT)
    assert event["place"]["address"] == "博苑花园3幢"
    assert "王大爷" not in str(event)
    files = await intake.client.get(f"/v1/cases/{case_id}/attachments", headers=intake.operator)
    (photo,) = files.json()["attachments"]
    content = await intake.client.get(
        f"/v1/cases/{case_id}/attachments/{photo['attachment_id']}", headers=intake.operator
    )
    assert GPS not in content.content
    fields = {"code": code.lower(), "form_token": await token(intake)}
    shown = await send(intake, "/track", {"code": code})
    assert (shown.status_code, "您的诉求已受理登记。" in shown.text) == (200, True)
    assert "track-rate" not in shown.text  # R-HOT-09: nothing was done yet that could be rated
    added = await send(intake, "/track-add", fields | {"text": "又坏一盏"})
    assert "已记录" in added.text
    await intake.say(case_id, CaseReplied(unit="GL0101", result="已修好", solved=True))
    assert "track-rate" in (await send(intake, "/track", {"code": code})).text
    fields["form_token"] = await token(intake)
    rated = await send(
        intake,
        "/track-rate",
        fields | {"contacted": "yes", "resolved": "no", "satisfied": "no", "note": "没修"},
    )
    assert rated.status_code == 200, rated.text
    unsure = await send(intake, "/track-withdraw", fields)
    assert (unsure.status_code, "请勾选确认撤回" in unsure.text) == (422, True)
    fields["form_token"] = await token(intake)
    gone = await send(intake, "/track-withdraw", fields | {"sure": "yes"})
    assert "已收到您的撤回申请。" in gone.text
    kinds = [
        name
        for name in ("CaseSupplemented", "FeedbackGiven", "CaseWithdrawn")
        if await intake.events(case_id, name)
    ]
    assert kinds == ["CaseSupplemented", "FeedbackGiven", "CaseWithdrawn"]
    fields["form_token"] = await token(intake)
    late = await send(intake, "/track-add", fields | {"text": "再说一句"})
    assert (late.status_code, "已经撤回" in late.text) == (409, True)


async def test_a_closed_matter_can_be_reopened_on_its_page(intake: Intake) -> None:
    """R-HOT-08: as long as that may be asked for, with a reason, once, and by the page's own form alone."""
    code = await reported(intake)
    case_id = await only_case(intake)
    assert "track-reopen" not in (await send(intake, "/track", {"code": code})).text
    until = datetime.now(UTC) + timedelta(days=5)
    end = router.CaseClosed(outcome=router.Outcome.RESOLVED, unit=GRID, reopen_until=until)
    await intake.say(case_id, end)
    shown = await send(intake, "/track", {"code": code})
    last = (until - timedelta(microseconds=1)).astimezone(SHANGHAI)
    assert 'action="track-reopen"' in shown.text
    assert f"{last:%Y-%m-%d}（含当日）前" in shown.text
    fields = {"code": code, "reason": "又不亮了", "form_token": await token(intake)}
    forged = await send(intake, "/track-reopen", fields, headers={"Origin": "https://evil.example"})
    bare = await send(intake, "/track-reopen", fields | {"form_token": ""})
    silent = await send(intake, "/track-reopen", fields | {"reason": " "})
    assert [answer.status_code for answer in (forged, bare, silent)] == [403, 403, 422]
    assert await intake.events(case_id, "ReopeningAsked") == []
    twice = [await send(intake, "/track-reopen", fields) for _ in range(2)]
    assert ["已记录" in answer.text for answer in twice] == [True, True]
    (asked,) = await intake.events(case_id, "ReopeningAsked")
    assert asked["reason"] == "又不亮了"
    again = await send(intake, "/track-reopen", fields | {"form_token": await token(intake)})
    assert (again.status_code, "您已要求重新办理" in again.text) == (409, True)


async def test_a_matter_that_can_no_more_be_reopened_shows_no_form(intake: Intake) -> None:
    """R-HOT-08."""
    code = await reported(intake)
    until = datetime.now(UTC) - timedelta(days=1)
    end = router.CaseClosed(outcome=router.Outcome.RESOLVED, unit=GRID, reopen_until=until)
    await intake.say(await only_case(intake), end)
    assert "track-reopen" not in (await send(intake, "/track", {"code": code})).text
    fields = {"code": code, "reason": "又不亮了", "form_token": await token(intake)}
    late = await send(intake, "/track-reopen", fields)
    assert (late.status_code, "已超过重新办理的期限" in late.text) == (409, True)


@pytest.mark.parametrize(("lang", "told"), [("en", "en"), ("zh", None)])
async def test_who_reports_in_english_is_told_in_english(intake: Intake, lang: str, told: str | None) -> None:
    """R-PET-13: notices speak the language of the page on which the matter was reported."""
    await reported(intake, lang=lang, phone="13800138000")
    person = await intake.client.get(
        f"/v1/cases/{await only_case(intake)}/person", params={"purpose": "回访"}, headers=intake.operator
    )
    assert person.json().get("language") == told


async def test_the_link_of_a_notice_brings_the_code_along(intake: Intake) -> None:
    """R-PET-13: one tap from the message to the case; what stands in the link is only ever shown as text."""
    page = await intake.client.get("/track", params={"code": '0123456789AB"><script>'})
    assert page.status_code == 200
    assert 'value="0123456789AB&quot;&gt;&lt;script&gt;"' in page.text


async def test_a_photo_alone_may_be_added(intake: Intake) -> None:
    code = await reported(intake)
    fields = {"code": code, "form_token": await token(intake), "text": ""}
    assert (await send(intake, "/track-add", fields)).status_code == 422
    answer = await send(intake, "/track-add", fields, jpeg())
    assert (answer.status_code, "已保存" in answer.text) == (200, True)
    assert await intake.count("attachment") == 1


async def test_what_people_wrote_comes_back_escaped(intake: Intake) -> None:
    nasty = '"><script>alert(1)</script>'
    fields = {
        "text": nasty,
        "phone": "12",
        "address": nasty,
        "form_token": await token(intake),
        "lang": nasty,
    }
    answer = await send(intake, "/report", fields)
    assert (answer.status_code, "电话应为6至20位数字" in answer.text) == (422, True)
    assert "<script>alert" not in answer.text
    assert nasty in unescape(answer.text)
    assert await intake.count("case_file") == 0
    code = await reported(intake)
    case_id = await only_case(intake)
    await intake.say(case_id, router.CaseReplied(unit=GRID, result=f"已办{nasty}", solved=True))
    shown = await send(intake, "/track", {"code": code})
    assert "<script>alert" not in shown.text
    assert "&lt;script&gt;" in shown.text


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.test"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site", "Origin": "http://intake.test"},
        {"Sec-Fetch-Site": "same-site"},
    ],
    ids=["origin", "null", "fetch site", "neighbour"],
)
async def test_another_sites_page_cannot_send_our_form(intake: Intake, headers: dict[str, str]) -> None:
    """Not even with a token that holds, nor with words of danger: a stranger would speak for the visitor."""
    for text in (TEXT, FIRE):
        answer = await send(
            intake, "/report", {"text": text, "form_token": await token(intake)}, headers=headers
        )
        assert answer.status_code == 403
    assert await intake.count("case_file") == 0
    code = (await intake.accepted(body()))["tracking_code"]
    fields = {"code": code, "sure": "yes", "form_token": await token(intake)}
    assert (await send(intake, "/track-withdraw", fields, headers=headers)).status_code == 403
    assert await intake.events(await only_case(intake), "CaseWithdrawn") == []


async def test_a_form_without_its_token_or_with_another_browsers_is_not_taken(intake: Intake) -> None:
    """The words come back with a fresh token, so that sending again is enough."""
    stolen = await token(intake)
    for forged in ("", "1.2.3"):
        answer = await send(intake, "/report", {"text": TEXT, "form_token": forged})
        assert (answer.status_code, TEXT in answer.text) == (403, True)
    intake.client.cookies.clear()
    answer = await send(intake, "/report", {"text": TEXT, "form_token": stolen})
    assert answer.status_code == 403
    found = re.search(r'name="form_token" value="([^"]+)"', answer.text)
    assert found is not None
    assert (await send(intake, "/report", {"text": TEXT, "form_token": found[1]})).status_code == 201
    trapped = await send(intake, "/report", {"text": TEXT, "form_token": await token(intake), "website": "x"})
    assert trapped.status_code == 422
    assert await intake.count("case_file") == 1


async def test_a_form_sent_twice_is_one_case(intake: Intake) -> None:
    fields = {"text": TEXT, "form_token": await token(intake)}
    codes = {code_in(await send(intake, "/report", fields, jpeg())) for _ in range(2)}
    assert len(codes) == 1
    assert await intake.count("case_file") == 1
    assert await intake.count("attachment") == 1


async def test_a_danger_is_always_taken(intake: Intake) -> None:
    """R-LAD-05: without a token, with nonsense in the other fields, and after all that an address may send."""
    for _ in range(AT_ONCE):
        await reported(intake)
    held = await send(intake, "/report", {"text": TEXT, "form_token": await token(intake)})
    assert (held.status_code, held.headers["retry-after"].isdecimal()) == (429, True)
    answer = await send(
        intake, "/report", {"text": FIRE, "phone": "x", "longitude": "0", "latitude": "", "website": "y"}
    )
    assert (answer.status_code, "消防119" in answer.text) == (201, True)
    api = await intake.client.post("/v1/public/cases", json={"text": FIRE, "form_token": ""})
    assert (api.status_code, "消防119" in api.json()["advice"]) == (201, True)


async def test_the_public_api_takes_one_case_for_a_token(intake: Intake) -> None:
    """R-PRIV-01: an unknown field is refused, so is staff's; the answer opens the case."""
    form = (await intake.client.get("/v1/public/form")).json()
    content = {"text": TEXT, "form_token": form["form_token"], "reporter": {"phone": "13800138000"}}
    answers = [await intake.client.post("/v1/public/cases", json=content) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].json() == answers[1].json()
    code = answers[0].json()["tracking_code"]
    assert (await intake.client.get(f"/v1/track/{code}")).json()["status"] == "received"
    for wrong, status in (({"urgency": 1}, 422), ({"form_token": "1.2.3"}, 403), ({"website": "x"}, 422)):
        refused = await intake.client.post("/v1/public/cases", json=content | wrong)
        assert refused.status_code == status


async def test_who_guesses_codes_on_the_page_is_held_up_as_at_the_api(intake: Intake) -> None:
    """R-PRIV-01: one measure for both; a right code is never held up."""
    code = await reported(intake)
    for number in range(WRONG_AT_ONCE):
        answer = await send(intake, "/track", {"code": f"{number:012}"})
        assert (answer.status_code, "没有这个查询码" in answer.text) == (404, True)
    assert (await send(intake, "/track", {"code": "wrong"})).status_code == 429
    assert (await intake.client.get("/v1/track/wrong")).status_code == 429
    assert (await send(intake, "/track", {"code": code})).status_code == 200
