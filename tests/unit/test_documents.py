"""Printed documents are real Chinese PDFs that read back as they were meant."""

import pytest

from services.documents import Document, PrintingFailed, Section, render
from tests.document_kit import embedded_fonts, ink, right_margin, words

ODD = '#strong[甲] *乙* $x$ <丙> \\ "丁"'
GIVEN = Document(
    title="人民调解协议书",
    number="鼓民调〔2026〕第1号",
    sections=(
        Section(fields=(("申请人", "张三，男"), ("被申请人", ODD))),
        Section("一、争议事实", paragraphs=("楼上夜间噪声。", "双方均无异议。")),
        Section("二、协议内容", paragraphs=("二十二时后停止。", "赔偿三百元。"), numbered=True),
    ),
    signatures=("申请人", "人民调解员"),
    seal="琵琶街道人民调解委员会",
    date="2026年3月2日",
)


def test_a_document_reads_back_as_it_was_written() -> None:
    """Title, number, tables, paragraphs, signatures and seal; what looks like markup is only text."""
    read = words(render(GIVEN))
    for part in (
        GIVEN.title,
        GIVEN.number,
        "张三，男",
        "一、争议事实",
        "1．二十二时后停止。",
        "2．赔偿三百元。",
    ):
        assert part in read
    assert "人民调解员（签名、盖章或者按指印）：" in read
    assert "琵琶街道人民调解委员会（印章）" in read
    assert "#strong[甲]" in read
    assert "$x$" in read


def test_the_font_travels_with_the_document_and_draws_every_character() -> None:
    """A machine without Chinese fonts shows it, too; more text is more ink."""
    pdf = render(GIVEN)
    assert {"NotoSerifSC-Regular", "NotoSansSC-Regular"} <= embedded_fonts(pdf)
    short = render(Document("通知", "一号", (Section(paragraphs=("甲",)),)))
    assert 0.0001 < ink(short) < ink(pdf) < 0.2


def test_a_character_that_no_font_has_is_marked_and_named() -> None:
    """R-MED-07, R-PET-08: a name of Extension B, Hangul, a picture: whoever signs sees what is to be written in."""
    odd = Document("协议", "一号", (Section(fields=(("申请人", "𠮷田김😀"),)),), signatures=("申请人 𠮷田",))
    read = words(render(odd))
    assert "〔U+20BB7〕田〔U+AE40〕〔U+1F600〕" in read
    assert "手工补写：〔U+20BB7〕、〔U+AE40〕、〔U+1F600〕。" in read
    assert "手工补写" not in words(render(GIVEN))


def test_nothing_runs_off_the_page() -> None:
    """R-MED-07: neither ten thousand letters without a break, nor beside the line that somebody signs."""
    endless = Document("协议", "一号", (Section(fields=(("甲", "W" * 300),), paragraphs=("x" * 10_000,)),))
    name = "一家名称很长的有限责任公司及其分支机构联合体甲乙丙"
    signed = Document("协议", "一号", (Section(paragraphs=("甲",)),), signatures=(name,))
    for pdf in (render(endless), render(signed)):
        assert right_margin(pdf) > 0.05
    read = words(render(signed))
    assert read.count("_") > 20


def test_the_same_data_print_the_same_bytes() -> None:
    """So that a document can be compared with the one that was signed."""
    assert render(GIVEN) == render(GIVEN)


def test_what_cannot_be_printed_says_nothing_of_the_document() -> None:
    """R-PRIV-01: the error of a fault of ours names no party."""
    broken = Document(title="张三", number="一", sections=({"title": "no section"},))  # type: ignore[arg-type]
    with pytest.raises(PrintingFailed) as caught:
        render(broken)
    assert "张三" not in str(caught.value)
