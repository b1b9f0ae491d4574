"""A mail as it came, read: who wrote, what they wrote, what was attached, and whether anybody wrote at all."""

import hashlib
import re
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass, field
from email.errors import HeaderParseError
from email.header import decode_header
from email.message import Message
from email.parser import BytesParser
from email.policy import compat32
from email.utils import getaddresses
from typing import Final

from services.intake.channels.email.charsets import decoded
from services.intake.channels.email.html import text_of
from services.intake.channels.email.quotes import own_words

_MOST_NESTED: Final = 30
_MOST_PARTS: Final = 5_000
_MOST_HEADER_BYTES: Final = 256 * 1024
_LONGEST_HEADER: Final = 4_000
_NESTING: Final = re.compile(rb"boundary[*0-9]*\s*=|content-type:\s*message/", re.IGNORECASE)
_END_OF_HEADERS: Final = re.compile(rb"\r?\n\r?\n")
_REFERENCE: Final = re.compile(r"<([^<>\s]{1,250})>")
_ANSWERING: Final = re.compile(r"^\s*(?:re|回复|答复|回覆)\s*[:：]", re.IGNORECASE)
_PREFIX: Final = re.compile(r"^\s*(?:(?:re|fwd?|回复|答复|回覆|转发|轉寄)\s*[:：]\s*)+", re.IGNORECASE)
_RESPONDER: Final = re.compile(
    r"""\s*(?:
        [\[【(（]?(?:自动(?:回复|答复|回覆)|自動(?:回覆|回復|答覆))(?:[\])】）]|\s*(?:[:：]|$))
        |(?:auto(?:matic|mated)?[ -]?(?:reply|response)|out\ of\ (?:the\ )?office)\b(?:.{0,20}[:：]|\s*$)
        |auto\s*:
    )""",
    re.IGNORECASE | re.VERBOSE,
)
"""How the subjects of responders begin that set no header, as the large Chinese providers' do."""
_BULK: Final = frozenset({"bulk", "junk", "list", "auto_reply"})
_SPACE: Final = re.compile(r"\s+")


class Broken(Exception):
    """The mail cannot be read; the words say why, and hold nothing of it."""

    safe_to_log = True


@dataclass(frozen=True, slots=True)
class Attached:
    """What was attached: its name as the sender called it, its media type as they stated it, and its bytes."""

    name: str
    media_type: str
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Mail:
    """One mail."""

    message_id: str
    """Message-ID; of a mail without one the digest of all its bytes."""
    sender: str
    """The address that an answer goes to, in small letters: Reply-To, else From. Whoever merely claims another's
    address gets no news of that one's cases, for all news go there."""
    name: str | None
    subject: str
    """Without `Re:` and the like; may be empty."""
    text: str
    """What the sender wrote; may be empty."""
    quoted: str
    """The whole text of a mail that answers another, with what it quotes; empty for one that answers none."""
    references: tuple[str, ...]
    """Message ids that it answers."""
    attachments: tuple[Attached, ...]
    automatic: str | None
    """By what a machine's mail is known, so that nobody answers it: None for a person's."""


def read_mail(raw: bytes, *, own: Set[str]) -> Mail:
    """Read a mail. `own`: our addresses, in small letters.

    Raises Broken for what no person's program sends, or what names nobody to answer.
    """
    _demand_sane(raw)
    try:
        message = BytesParser(policy=compat32).parsebytes(raw)
        headers = _headers(message)
        subject = headers.get("subject", "")
        references = tuple(_REFERENCE.findall(headers.get("in-reply-to", "") + headers.get("references", "")))
        is_answer = bool(references) or bool(_ANSWERING.match(subject))
        text, whole, attachments = _content(message, is_answer=is_answer)
    except (RecursionError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise Broken(f"not readable as MIME ({type(error).__name__})") from None
    automatic = _automatic(message, headers, own)
    name, sender = _sender(headers)
    if not sender and automatic is None:
        raise Broken("no address to answer to")
    digest = hashlib.sha256(raw).hexdigest()
    return Mail(
        message_id=headers.get("message-id", "").strip() or f"digest:{digest}",
        sender=sender.lower(),
        name=name,
        subject=_SPACE.sub(" ", _PREFIX.sub("", subject)).strip(),
        text=text,
        quoted=whole if is_answer else "",
        references=references,
        attachments=attachments,
        automatic=automatic,
    )


def _demand_sane(raw: bytes) -> None:
    """Refuse what would cost the parser more than its size: depth, or a great many parts or headers."""
    end = _END_OF_HEADERS.search(raw)
    if (end.start() if end else len(raw)) > _MOST_HEADER_BYTES:
        raise Broken("its headers are too long")
    if sum(1 for _ in _NESTING.finditer(raw)) > _MOST_NESTED:
        raise Broken("its parts are nested too deeply")
    if raw.count(b"\n--") > _MOST_PARTS:
        raise Broken("it has too many parts")


def _headers(message: Message) -> Mapping[str, str]:
    """Return the first of each header, decoded, by its name in small letters."""
    found: dict[str, str] = {}
    for name, value in message.raw_items():
        found.setdefault(name.lower(), header_text(str(value)[:_LONGEST_HEADER]))
    return found


def header_text(value: str) -> str:
    """Return a header's text: encoded words decoded, raw bytes guessed, line folds as spaces."""
    value = value.replace("\r", "").replace("\n", "")
    if "=?" not in value:
        return _guessed(value)
    try:
        pieces = decode_header(value)
    except (HeaderParseError, ValueError):
        return _guessed(value)
    return "".join(_piece(piece, charset) for piece, charset in pieces)


def _piece(piece: str | bytes, charset: str | None) -> str:
    if isinstance(piece, str):
        return _guessed(piece)
    if charset is None:  # between encoded words, as the library writes what is none
        return _guessed(piece.decode("raw-unicode-escape", "replace"))
    return decoded(piece, charset)


def _guessed(value: str) -> str:
    """Read what stood there as raw bytes, which the parser keeps as lone surrogates."""
    return decoded(value.encode("utf-8", "surrogateescape"), None)


def _sender(headers: Mapping[str, str]) -> tuple[str | None, str]:
    for header in ("reply-to", "from"):
        for name, address in getaddresses([headers.get(header, "")]):
            if "@" in address:
                return (name.strip()[:100] or None) if header == "from" else None, address.strip()
    return None, ""


def _automatic(message: Message, headers: Mapping[str, str], own: Set[str]) -> str | None:
    """Return by what a mail is known to come from a machine (RFC 3834), or from ourselves."""
    if headers.get("auto-submitted", "no").partition(";")[0].strip().lower() != "no":
        return "auto-submitted"
    if headers.get("precedence", "").strip().lower() in _BULK:
        return "precedence"
    if headers.get("return-path", "").strip() == "<>":
        return "empty return path"
    if "list-id" in headers or "x-autoreply" in headers or "x-autorespond" in headers:
        return "list or responder"
    if message.get_content_type() == "multipart/report":
        return "delivery report"
    addresses = {address.lower() for _, address in getaddresses([headers.get("from", "")])}
    if any(address.partition("@")[0] in {"mailer-daemon", "postmaster"} for address in addresses):
        return "mailer daemon"
    if addresses & own:
        return "our own address"
    return "subject of a responder" if _RESPONDER.match(headers.get("subject", "")) else None


def _content(message: Message, *, is_answer: bool) -> tuple[str, str, tuple[Attached, ...]]:
    plain: list[str] = []
    html: list[str] = []
    attached: list[Attached] = []
    for part in _leaves(message):
        kind = part.get_content_type()
        payload = _payload(part)
        name = part.get_filename()
        is_text = kind in {"text/plain", "text/html"} and name is None
        if not is_text or part.get_content_disposition() == "attachment":
            shown = _SPACE.sub(" ", header_text(name or "")).strip()[:100]
            attached.append(Attached(shown or "无名", kind, payload))
            continue
        text = decoded(payload, str(part.get_param("charset") or "") or None).replace("\x00", "")
        (plain if kind == "text/plain" else html).append(text)
    text = whole = "\n".join(plain)
    if not text.strip():
        page = "\n".join(html)
        whole = text_of(page, with_quotes=True)
        text = (text_of(page, with_quotes=False) if is_answer else "") or whole
    return own_words(text, is_answer=is_answer), whole, tuple(attached)


def _leaves(message: Message) -> Iterator[Message]:
    """Yield the parts that hold something; a mail within the mail counts as an attachment."""
    if message.get_content_maintype() == "multipart" and isinstance(inner := message.get_payload(), list):
        for part in inner:
            if isinstance(part, Message):
                yield from _leaves(part)
        return
    yield message


def _payload(part: Message) -> bytes:
    if part.get_content_maintype() == "message":
        return part.as_bytes()
    raw = part.get_payload(decode=True)
    return raw if isinstance(raw, bytes) else b""
