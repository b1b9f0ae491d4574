"""Mails as they really come: charsets, encoded words, HTML, quotes, attachments, machines, and attacks."""

import base64
from email.message import EmailMessage

import pytest

from services.intake.channels.email.charsets import decoded
from services.intake.channels.email.html import text_of
from services.intake.channels.email.mime import Attached, Broken, Mail, header_text, read_mail
from services.intake.channels.email.quotes import own_words
from tests.imap_kit import USER, letter

NOTICES = "notices@gl.example.cn"
TEXT = "秋岭公寓三单元楼道灯坏了，請盡快維修。"


def read(mail: EmailMessage | bytes) -> Mail:
    return read_mail(mail if isinstance(mail, bytes) else mail.as_bytes(), own={USER, NOTICES})


def raw(content: bytes, kind: str = "text/plain", **headers: str) -> bytes:
    """Return a mail whose body is exactly these bytes."""
    lines = {"From": "wang@example.cn", "Subject": "x", "Content-Type": kind} | headers
    return "".join(f"{name}: {value}\r\n" for name, value in lines.items()).encode() + b"\r\n" + content


@pytest.mark.parametrize(
    ("encoding", "declared"),
    [
        ("utf-8", "utf-8"),
        ("gb18030", "gb18030"),
        ("gbk", "gbk"),
        ("gbk", "gb2312"),  # its small ancestor has no 請
        ("gbk", "utf-8"),
        ("gbk", "iso-8859-1"),
        ("gbk", "us-ascii"),
        ("gbk", ""),
        ("gbk", "x-unknown"),
        ("utf-8", "gbk"),
        ("utf-8", "gb2312"),
        ("utf-8", "iso-8859-1"),
        ("utf-8", ""),
        ("utf-16", "utf-16"),
        ("utf-8", "unicode_escape"),
        ("utf-8", "punycode"),
        ("utf-8", "hex"),
    ],
)
def test_chinese_is_read_in_every_charset_also_a_wrongly_declared_one(encoding: str, declared: str) -> None:
    assert decoded(TEXT.encode(encoding), declared or None) == TEXT


def test_other_charsets_and_broken_bytes_are_read_as_well_as_they_can_be() -> None:
    assert decoded("請維修".encode("big5"), "big5") == "請維修"
    assert decoded("café".encode("latin-1"), "iso-8859-1") in {"café", "caf\ufffd"}
    assert "灯坏" in decoded("灯坏".encode() + b"\xff", "utf-8")
    assert decoded(b"", "utf-8") == ""


@pytest.mark.parametrize("charset", ["utf-8", "gbk", "gb2312"])
def test_a_subject_may_be_split_within_a_character(charset: str) -> None:
    """Real programs cut encoded words after so many bytes, not characters."""
    whole = "三单元楼道灯坏了".encode(charset)
    words = [base64.b64encode(part).decode() for part in (whole[:5], whole[5:])]
    header = "\r\n ".join(f"=?{charset}?B?{word}?=" for word in words)
    assert header_text(header) == "三单元楼道灯坏了"


def test_headers_are_read_raw_encoded_and_broken() -> None:
    assert header_text("Re: =?gb2312?B?wrfGxg==?= now") == "Re: 路破 now"
    assert read(raw(b"x", Subject="路灯不亮")).subject == "路灯不亮"
    in_gbk = raw(b"x").replace(b"Subject: x", b"Subject: " + "路灯不亮".encode("gbk"))
    assert read(in_gbk).subject == "路灯不亮"
    assert header_text("=?utf-8?B?%%%?= 路灯") == " 路灯"
    mixed = raw(b"x", Subject="=?gb2312?B?wrfGxg==?= 不亮")
    assert read(mixed).subject == "路破 不亮"
    assert read(letter("x", Subject="回复：Re: 转发: 路灯")).subject == "路灯"


def test_html_is_read_as_a_reader_sees_it() -> None:
    page = (
        "<html><head><title>t</title><style>p{color:red}</style></head><body><p>路灯&nbsp;不亮<br>第二行</p>"
        "<script>alert(1)</script><table><tr><td>甲</td></tr><tr><td>乙&lt;丙</td></tr></table>"
        "<blockquote>您好，这里是回执</blockquote></body>"
    )
    assert text_of(page, with_quotes=False) == "路灯 不亮\n第二行\n\n甲\n\n乙<丙"
    assert "回执" in text_of(page, with_quotes=True)
    assert text_of("<b>没有<i>结束", with_quotes=False) == "没有结束"


def test_an_html_mail_has_a_text_and_the_plain_part_counts_first() -> None:
    mail = letter("纯文本")
    mail.add_alternative("<p>网页</p>", subtype="html")
    assert read(mail).text == "纯文本"
    only = raw("<p>路灯不亮</p>".encode("gbk"), "text/html; charset=gb2312")
    assert read(only).text == "路灯不亮"


@pytest.mark.parametrize(
    "quoted",
    [
        '------------------ 原始邮件 ------------------\n发件人: "12345"',
        "-----Original Message-----\nFrom: 12345",
        "On Mon, Mar 2, 2026 at 9:00 AM 12345 <a@b.cn> wrote:\n> 您好",
        "在 2026-03-02 09:00:00，12345 写道：\n> 您好",
        "发件人：12345\n发送时间：2026年3月2日\n收件人：我",
        "> 您好\n> 已受理",
        "发自我的iPhone",
        "-- \n王某 13800138000",
    ],
)
def test_what_is_quoted_and_the_signature_are_cut(quoted: str) -> None:
    """R-PRIV-01: only the resident's own new words become facts."""
    assert own_words(f"又坏了一盏。\n\n{quoted}\n", is_answer=True) == "又坏了一盏。"


def test_nothing_is_cut_that_would_leave_nothing_or_is_no_answer() -> None:
    assert own_words("> 您好\n> 又坏了", is_answer=True) == "> 您好\n> 又坏了"
    forwarded = "请看下面\n---- 转发邮件 ----\n发件人: 物业\n主题: 停水"
    assert own_words(forwarded, is_answer=False) == forwarded


def test_attachments_come_with_name_and_type() -> None:
    mail = letter("见附件")
    mail.add_attachment(b"x" * 1234, maintype="image", subtype="jpeg", filename="现场照片.jpg")
    mail.add_attachment(letter("内层").as_bytes(), maintype="application", subtype="octet-stream")
    inner = letter("不是我写的")
    mail.add_attachment(inner)
    seen = read(mail)
    assert seen.text == "见附件"
    assert seen.attachments[0] == Attached("现场照片.jpg", "image/jpeg", b"x" * 1234)
    assert [file.media_type for file in seen.attachments[1:]] == [
        "application/octet-stream",
        "message/rfc822",
    ]


def test_the_sender_is_whom_an_answer_reaches() -> None:
    """R-PET-18: claiming another's address in From gives no share in that one's cases."""
    assert read(letter("x", From="=?utf-8?B?546L?= <Wang@Example.cn>")).sender == "wang@example.cn"
    assert read(letter("x", From="Wang <wang@example.cn>")).name == "Wang"
    forged = read(letter("x", Reply_To="mallory@example.org"))
    assert (forged.sender, forged.name) == ("mallory@example.org", None)
    with pytest.raises(Broken, match="no address"):
        read(letter("x", From="nobody"))


def test_a_mail_without_a_number_is_known_by_its_bytes() -> None:
    one, two = letter("x", Message_ID=""), letter("y", Message_ID="")
    assert read(one).message_id == read(one).message_id != read(two).message_id
    assert read(letter("x")).message_id == "<1@example.cn>"
    answer = read(letter("x", In_Reply_To="<a@gl>", References="<b@gl> <a@gl>"))
    assert answer.references == ("a@gl", "b@gl", "a@gl")


@pytest.mark.parametrize(
    "headers",
    [
        {"Auto-Submitted": "auto-replied"},
        {"Auto-Submitted": "auto-generated; x"},
        {"Precedence": "bulk"},
        {"Precedence": "auto_reply"},
        {"Return-Path": "<>"},
        {"List-Id": "<news.example.cn>"},
        {"X-Autoreply": "yes"},
        {"From": "MAILER-DAEMON@example.cn"},
        {"From": ""},
        {"From": USER},
        {"From": f"区12345 <{NOTICES.upper()}>"},
        {"Subject": "自动回复：您的诉求"},
        {"Subject": "自动回复:Re: 您的诉求"},
        {"Subject": "【自动回复】已收到"},
        {"Subject": "自動回覆: 已收到"},
        {"Subject": "自动答复"},
        {"Subject": "=?gb18030?B?19S2r7vYuLQ6xPq6ww==?="},
        {"Subject": "Automatic reply: your case"},
        {"Subject": "Out of Office: away"},
        {"Subject": "Auto: away"},
        {"Content-Type": 'multipart/report; boundary="b"'},
    ],
)
def test_machines_are_not_answered(headers: dict[str, str]) -> None:
    """No loop with a responder, no case from a bounce."""
    if headers == {"From": ""}:
        headers = {"From": "", "Auto-Submitted": "auto-replied"}
    assert read(raw(b"x", **headers)).automatic is not None


def test_people_are_answered() -> None:
    for headers in (
        {},
        {"Auto-Submitted": "no"},
        {"Precedence": "normal"},
        {"Return-Path": "<w@example.cn>"},
        {"Subject": "自动回复的短信看不懂"},
        {"Subject": "小区自动门坏了：三天没人修"},
        {"Subject": "Re: 自动扶梯停了"},
        {"Subject": "Automatic door is broken: please help"},
    ):
        assert read(raw(b"x", **headers)).automatic is None


def nested(depth: int) -> bytes:
    """Return a mail with so many levels of multipart, each opened and never closed."""
    levels = "".join(f'Content-Type: multipart/mixed; boundary="b{n}"\n\n--b{n}\n' for n in range(depth))
    return (f"From: wang@example.cn\nSubject: x\n{levels}Content-Type: text/plain\n\n灯坏了\n").encode()


@pytest.mark.parametrize(
    "attack",
    [
        nested(5_000),
        b"From: a@b.cn\n" + b"Content-Type: message/rfc822\n\n" * 5_000,
        b"From: a@b.cn\nContent-Type: multipart/mixed; boundary=b\n\n" + b"--b\n\n\n" * 100_000,
        b"".join(b"X-%d: y\n" % number for number in range(100_000)) + b"\nx",
    ],
)
def test_a_mail_that_attacks_the_parser_is_broken(attack: bytes) -> None:
    """Deep nesting, a great many parts or headers: refused by their count, before they are parsed."""
    with pytest.raises(Broken):
        read(attack)


def test_what_people_send_is_not_taken_for_an_attack() -> None:
    assert read(nested(5)).text == "灯坏了"


@pytest.mark.parametrize(
    "content",
    [b"", b"\x00", b"\xff" * 100, b"From", b"\n\n\n", b"Content-Type: multipart/mixed\n\nx", b"=?utf-8?B?"],
)
def test_nonsense_is_broken_and_nothing_worse(content: bytes) -> None:
    with pytest.raises(Broken):
        read(content)


@pytest.mark.parametrize(
    "page", ["<!--" * 60_000, "<![CDATA[" * 60_000, "<a " * 100_000, "<div>" * 60_000 + "x"]
)
def test_html_that_attacks_the_parser_ends(page: str) -> None:
    """300,000 characters of what never closes; the parser of the standard library takes them in one pass."""
    assert len(text_of(page, with_quotes=True)) <= len(page)
