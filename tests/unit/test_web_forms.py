"""The web page without a database: HTML, tokens, limits, clients' addresses, and forms read as they arrive."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from starlette.requests import Request
from starlette.types import Message

from chassis.http import Problem
from chassis.http.clients import address_of
from services.intake.channels.web.guard import AT_ONCE, Guard
from services.intake.channels.web.html import Html, tag, together
from services.intake.channels.web.reading import Field, FormReader
from services.intake.channels.web.tokens import LIFETIME, FormTokens, Shown
from tests.intake_kit import make_settings

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
BOUNDARY = "xYzZY"


def test_everything_people_wrote_is_escaped() -> None:
    nasty = "\"'><script>alert(1)</script>&"
    assert tag("p", nasty, title=nasty) == (
        '<p title="&quot;&#x27;&gt;&lt;script&gt;alert(1)&lt;/script&gt;&amp;">'
        "&quot;&#x27;&gt;&lt;script&gt;alert(1)&lt;/script&gt;&amp;</p>"
    )
    assert tag("input", name="a", disabled=True, value=None, checked=False) == '<input name="a" disabled>'
    assert together(Html("<br>"), None, "<") == "<br>&lt;"


def test_a_token_holds_for_its_browser_and_twelve_hours() -> None:
    tokens = FormTokens(b"k" * 32)
    token = tokens.make("browser", NOW)
    shown = tokens.check(token, "browser", NOW + LIFETIME - timedelta(seconds=2))
    assert shown is not None
    assert shown.number == token.split(".")[1]
    assert tokens.check(token, "other", NOW) is None
    assert tokens.check(token, "browser", NOW + LIFETIME + timedelta(seconds=1)) is None
    assert tokens.check(token, "browser", NOW - timedelta(hours=1)) is None
    assert FormTokens(b"x" * 32).check(token, "browser", NOW) is None
    for forged in ("", "a.b", "zz.b.c", token[:-1] + "g", token.replace(".", ".0", 1), "é.é.é"):
        assert tokens.check(forged, "browser", NOW) is None


def test_a_danger_passes_where_nothing_else_does() -> None:
    """R-LAD-05."""
    guard = Guard(clock=lambda: 0.0)
    for _ in range(AT_ONCE):
        guard.admit("a", Shown("1"), "", danger=False)
    for shown, trap, code in (
        (Shown("1"), "", "too_many_reports"),
        (None, "", "form_expired"),
        (None, "x", "robot"),
    ):
        with pytest.raises(Problem) as caught:
            guard.admit("a", shown, trap, danger=False)
        assert caught.value.code == code
        guard.admit("a", shown, trap, danger=True)
    guard.admit("b", Shown("1"), "", danger=False)


@pytest.mark.parametrize(
    ("peer", "told", "expected"),
    [
        ("192.0.2.9", "203.0.113.5", "192.0.2.9"),
        ("10.0.0.7", "203.0.113.5", "203.0.113.5"),
        ("10.0.0.7", "1.1.1.1, 203.0.113.5, 10.1.2.3", "203.0.113.5"),
        ("10.0.0.7", "", "10.0.0.7"),
        ("10.0.0.7", "<script>", ""),
        ("10.0.0.7", "10.0.0.7,10.0.0.7", "10.0.0.7"),
        ("2001:db8::1:2", None, "2001:db8::/64"),
        ("::ffff:192.0.2.9", None, "192.0.2.9"),
    ],
)
def test_a_client_cannot_choose_its_address(
    tmp_path: Path, peer: str, told: str | None, expected: str
) -> None:
    """R-PRIV-01: X-Forwarded-For counts from one's own proxies only, and from its end."""
    settings = make_settings(tmp_path).model_copy(update={"trusted_proxies": "10.0.0.7, 10.1.0.0/16"})
    headers = [(b"x-forwarded-for", told.encode())] if told is not None else []
    request = Request({"type": "http", "client": (peer, 1), "headers": headers})
    assert address_of(settings)(request) == expected


def form(*parts: tuple[str, bytes]) -> bytes:
    body = b"".join(
        f"--{BOUNDARY}\r\nContent-Disposition: form-data; {head}\r\n\r\n".encode() + content + b"\r\n"
        for head, content in parts
    )
    return body + f"--{BOUNDARY}--\r\n".encode()


async def read(
    body: bytes, size: int, media: str = f"multipart/form-data; boundary={BOUNDARY}"
) -> list[object]:
    chunks = [body[at : at + size] for at in range(0, len(body), size)]

    async def receive() -> Message:
        chunk = chunks.pop(0) if chunks else b""
        return {"type": "http.request", "body": chunk, "more_body": bool(chunks)}

    headers = [(b"content-type", media.encode())]
    reader = FormReader(Request({"type": "http", "method": "POST", "headers": headers}, receive))
    found: list[object] = []
    async for part in reader.parts():
        if isinstance(part, Field):
            found.append((part.name, part.value))
        else:
            found.append(b"".join([chunk async for chunk in part.chunks]))
    return found


@pytest.mark.parametrize("size", [1, 7, 100_000])
async def test_a_form_is_read_in_whatever_pieces_it_arrives(size: int) -> None:
    photo = bytes(range(256)) * 5
    body = form(
        ('name="text"', "灯坏了".encode()),
        ('name="files"; filename=""', b""),
        ('name="files"; filename="../../x.jpg"', photo),
        ('name="files"; filename="b"', b"\r\n--xYz"),
        ('name="late"', b""),
    )
    assert await read(body, size) == [("text", "灯坏了"), photo, b"\r\n--xYz", ("late", "")]
    plain = await read(b"a=%E7%81%AF&b=", size, "application/x-www-form-urlencoded")
    assert plain == [("a", "灯"), ("b", "")]


@pytest.mark.parametrize(
    ("body", "media", "status"),
    [
        (b"{}", "application/json", 400),
        (b"x", "multipart/form-data", 400),
        (b"no boundary here", f"multipart/form-data; boundary={BOUNDARY}", 400),
        (form(('name="a"', b"\xff")), f"multipart/form-data; boundary={BOUNDARY}", 400),
        (form(('name="a"', b"x" * 300_000)), f"multipart/form-data; boundary={BOUNDARY}", 413),
        (form(*[('name="a"', b"")] * 61), f"multipart/form-data; boundary={BOUNDARY}", 413),
        (form(('name="' + "a" * 9000 + '"', b"")), f"multipart/form-data; boundary={BOUNDARY}", 400),
        (b"a=" + b"x" * 300_000, "application/x-www-form-urlencoded", 413),
        (b"a=%ff", "application/x-www-form-urlencoded", 400),
    ],
)
async def test_what_is_no_form_or_too_much_is_refused(body: bytes, media: str, status: int) -> None:
    with pytest.raises(Problem) as caught:
        await read(body, 4096, media)
    assert caught.value.status_code == status
