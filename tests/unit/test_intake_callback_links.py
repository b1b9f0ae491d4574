"""Signed links: what we made opens one callback; nothing else does. The page is one that any phone shows."""

import base64
from datetime import UTC, datetime
from html.parser import HTMLParser
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from services.intake.callback_links import CallbackLinks, Link
from services.intake.callback_page import HEADERS, page, problem_page
from services.intake.views import CallbackView

KEY = bytes(range(32))
LINKS = CallbackLinks(KEY)
AT = datetime(2026, 6, 8, 2, 0, tzinfo=UTC)
LINK = Link(UUID(int=7), 2, AT)


@given(
    st.uuids(),
    st.integers(1, 999),
    st.datetimes(datetime(2026, 1, 1), datetime(2099, 1, 1)),  # noqa: DTZ001 - made aware below
)
def test_what_was_made_is_read(case_id: UUID, callback: int, expires: datetime) -> None:
    """R-HOT-08: case, callback and expiry come back, and fit into an address as they are."""
    link = Link(case_id, callback, expires.replace(microsecond=0, tzinfo=UTC))
    token = LINKS.token(link)
    assert LINKS.read(token) == link
    assert token.replace("-", "").replace("_", "").isalnum()
    assert len(token) == 51


@given(st.integers(0, 37), st.integers(1, 255))
def test_no_byte_can_be_changed(place: int, difference: int) -> None:
    """R-PRIV-01: neither case, callback, expiry nor the signature."""
    raw = bytearray(base64.urlsafe_b64decode(LINKS.token(LINK) + "="))
    raw[place] ^= difference
    assert LINKS.read(base64.urlsafe_b64encode(bytes(raw)).decode().rstrip("=")) is None


@given(st.text(max_size=80))
def test_whatever_else_is_sent_opens_nothing(token: str) -> None:
    assert LINKS.read(token) is None


def test_another_key_opens_nothing() -> None:
    """R-PRIV-01: the tracking code's key signs links, yet for this purpose alone."""
    assert CallbackLinks(bytes(32)).read(LINKS.token(LINK)) is None
    assert str(LINK.case_id) not in LINKS.token(LINK)


class Seen(HTMLParser):
    """The elements of a page, and whether all that was opened was closed."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.named: list[str] = []
        self._open: list[str] = []
        self.feed(html)
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.named += [value for name, value in attrs if name == "name" and value and tag != "meta"]
        if tag not in {"meta", "input"}:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag


def test_the_page_needs_no_script_and_loads_nothing() -> None:
    """R-HOT-08, R-HOT-09: three questions, a note, one form; what is said is shown as words, never as mark-up."""
    view = CallbackView(state="open", status="callback", words="等待回访", reply="<script>alert(1)</script>")
    html = page(view)
    seen = Seen(html)
    assert set(seen.named) == {"contacted", "resolved", "satisfied", "note"}
    assert {"script", "img", "link", "iframe"}.isdisjoint(seen.tags)
    assert "http" not in html.replace('<meta name="viewport"', "")
    assert "&lt;script&gt;" in html
    assert "default-src 'none'" in HEADERS["Content-Security-Policy"]


def test_each_state_has_its_page() -> None:
    """R-HOT-08: answered, over, to be reopened until a day, asked for already; and what was wrong with the link."""
    view = CallbackView(state="answered", status="closed", words="已办结。")
    assert "您的评价已收到" in page(view)
    until = datetime(2026, 6, 30, 16, tzinfo=UTC)
    again = page(view.model_copy(update={"reopen_until": until}))
    assert "2026年06月30日（含当日）" in again
    assert Seen(again).named == ["reason"]
    asked = page(view.model_copy(update={"reopen_until": None, "reopening": True}))
    assert "form" not in Seen(asked).tags
    danger = page(view.model_copy(update={"advice": "请立即拨打119"}))
    assert "请立即拨打119" in danger
    pages = {
        code: problem_page(code) for code in ("case_unknown", "link_expired", "callback_answered", "else")
    }
    assert len(set(pages.values())) == len(pages)
    assert [Seen(html).tags.count("h1") for html in pages.values()] == [1] * len(pages)
