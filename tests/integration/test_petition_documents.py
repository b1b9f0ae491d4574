"""The official documents of a petition: real Chinese PDFs that read back as they were meant, for few eyes only."""

from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID

import pytest

from schemas.intake import PersonErased
from tests.document_kit import embedded_fonts, ink, words
from tests.petition_api_kit import OFFICER, SUPERVISOR, PetitionUnderTest, running
from tests.petition_kit import BRANCH, BUREAU, DISTRICT, LAND, OFFICE


@pytest.fixture
async def service(petition_url: str, tmp_path: Path) -> AsyncIterator[PetitionUnderTest]:
    async with running(petition_url, tmp_path) as petition:
        yield petition


async def _final(service: PetitionUnderTest, *, outcome: str = "NOT_SUPPORT") -> str:
    """A petition that three levels have decided, by the examples of /docs."""
    path = await service.receive()
    steps: list[tuple[str, str, dict[str, str]]] = [
        ("registration", OFFICE, {}),
        ("assignment", OFFICE, {"unit": BRANCH}),
        ("acceptance", BRANCH, {}),
        ("investigation", BRANCH, {}),
        ("extension", BRANCH, {}),
        ("opinion", BRANCH, {"outcome": outcome}),
    ]
    for reviewer, issuer in ((BUREAU, BRANCH), (DISTRICT, BUREAU)):
        steps += [("delivery", issuer, {}), ("review", OFFICE, {}), ("review-opinion", reviewer, {})]
    for action, unit, changes in steps:
        role = SUPERVISOR if action == "extension" else OFFICER
        answer = await service.send(f"{path}/{action}", unit, role, changes)
        assert answer.status == 200, (action, answer.body)
    return path


async def test_the_six_documents_read_back(service: PetitionUnderTest) -> None:
    """R-PET-01, 03, 07, 08, 09: each names the petitioner, the matter, its unit, and what the law has it say."""
    path = await _final(service)
    expected = {
        "forwarding": ("信访事项交办告知书", "交通警察大队", "提交办结报告", "区信访局（印章）"),
        "acceptance": ("信访事项受理告知书", "受理", "办结并书面答复", "交通警察大队（印章）"),
        "extension": ("延长信访事项办理期限告知书", "三十四条", "30日", "需要委托测绘"),
        "opinion": ("信访事项处理意见书", "不予支持", "土地管理法第四十八条", "向公安分局申请复查"),
        "review-opinion": ("信访事项复查意见书", "予以维持", "向鼓楼区申请复核", "公安分局（印章）"),
        "recheck-opinion": ("信访事项复核意见书", "信访终结意见", "鼓楼区（印章）"),
    }
    assert (await service.get(path)).body["documents"] == list(expected)
    for name, parts in expected.items():
        answer = await service.pdf(f"{path}/documents/{name}")
        assert (answer.status_code, answer.headers["content-type"]) == (200, "application/pdf")
        assert answer.headers["cache-control"] == "no-store"
        read = words(answer.content)
        for part in (*parts, "王某某", "征地补偿"):
            assert part in read, (name, part)
    for part in ("一、投诉请求", "二、事实和理由", "三、法律法规依据", "四、处理意见", "0.8亩"):
        assert part in words((await service.pdf(f"{path}/documents/opinion")).content)


async def test_a_document_carries_its_font_and_is_drawn(service: PetitionUnderTest) -> None:
    """A machine without Chinese fonts prints it, too."""
    path = await _final(service)
    pdf = (await service.pdf(f"{path}/documents/opinion")).content
    assert "NotoSerifSC-Regular" in embedded_fonts(pdf)
    assert 0.001 < ink(pdf) < 0.2


async def test_documents_are_for_who_has_the_petition_and_each_reading_is_noted(
    service: PetitionUnderTest,
) -> None:
    """R-PRIV-01: not for another unit, not for who only oversees; noted, without what it says."""
    path = await _final(service)
    document = f"{path}/documents/opinion"
    assert (await service.pdf(document, OFFICER, LAND)).status_code == 404
    for unit in (OFFICE, BRANCH, BUREAU):
        assert (await service.pdf(document, OFFICER, unit)).status_code == 200
    rows = await service.pool.fetch("SELECT subject, unit, what FROM petition.access_log ORDER BY entry")
    assert [(row["unit"], row["what"]) for row in rows] == [(u, "opinion") for u in (OFFICE, BRANCH, BUREAU)]
    assert rows[0]["subject"] == f"petition_officer-{OFFICE}"


async def test_erased_is_erased(service: PetitionUnderTest) -> None:
    """R-PRIV-01: after intake's erasure no document can be printed any more."""
    path = await _final(service)
    await service.say("intake", UUID(path.split("/")[3]), PersonErased(reason="居民申请"))
    answer = await service.pdf(f"{path}/documents/opinion")
    assert (answer.status_code, answer.json()["code"]) == (404, "erased")


async def test_there_is_no_document_before_its_step_nor_without_an_address(
    service: PetitionUnderTest,
) -> None:
    """R-PET-02: who cannot be written to gets no notice."""
    path = await service.receive()
    await service.do(f"{path}/registration", petitioner=None)
    await service.do(f"{path}/forwarding")
    assert (await service.get(path)).body["documents"] == []
    answer = await service.pdf(f"{path}/documents/forwarding")
    assert (answer.status_code, answer.json()["code"]) == (404, "no_document")
