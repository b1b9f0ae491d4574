"""The three pages: the form, what was received, and how a matter stands. Plain HTML that works without a script."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from zoneinfo import ZoneInfo

from services.intake.channels.web.html import Html, tag, together
from services.intake.channels.web.texts import Texts
from services.intake.progress import RATED_STATUSES
from services.intake.views import TimelineEntry, Tracking

SHANGHAI: Final = ZoneInfo("Asia/Shanghai")
KINDS: Final = ("complain", "help", "consult", "suggest", "report")
RATED: Final = ("contacted", "resolved", "satisfied")
_ACCEPT: Final = "image/jpeg,image/png,image/webp,image/heic,application/pdf,video/mp4,audio/mp4,.m4a,.amr"


@dataclass(frozen=True, slots=True)
class Around:
    """What every page needs: its language, the district's name, and the token of its forms."""

    texts: Texts
    district: str
    token: str


def form_page(
    around: Around, given: Mapping[str, str], problems: Sequence[str] = (), danger: str | None = None
) -> Html:
    """Return the form, filled with what was given before."""
    t = around.texts
    kinds = (tag("option", t[kind], value=kind, selected=given.get("kind") == kind) for kind in KINDS)
    fields = (
        _label(t["kind"], tag("select", *kinds, name="kind")),
        _area(t["text"], "text", given.get("text"), t["text_hint"], rows=6, required=True),
        _input(
            t["address"], "address", given.get("address"), t["address_hint"], autocomplete="street-address"
        ),
        tag(
            "p",
            tag("button", t["locate"], type="button", id="locate", class_="quiet", hidden=True),
            tag("span", id="located", data_yes=t["located"], data_no=t["unlocated"], role="status"),
            class_="where",
        ),
        tag("input", type="hidden", name="latitude", id="latitude", value=given.get("latitude", "")),
        tag("input", type="hidden", name="longitude", id="longitude", value=given.get("longitude", "")),
        tag(
            "fieldset",
            tag("legend", t["contact"]),
            _input(t["name"], "name", given.get("name"), autocomplete="name"),
            _input(t["phone"], "phone", given.get("phone"), type="tel", autocomplete="tel"),
            tag("p", t["contact_hint"], class_="hint"),
            _tick(t["confidential"], "confidential", checked="confidential" in given),
        ),
        _trap(t),
        _files(t),
    )
    form = _form(around, "report", *fields, button=t["send"])
    track = tag(
        "p", t["have_code"], " ", tag("a", t["track"], href=f"track?lang={t.language}"), class_="track"
    )
    told = together(_danger(danger or t["danger"]), _problems(t, problems))
    return _page(around, ".", told, form, track)


def received_page(
    around: Around, code: str, danger: str | None, files: Sequence[str], failed: Sequence[str] = ()
) -> Html:
    """Return what was received, with the tracking code to keep."""
    t = around.texts
    see = _form(around, "track", _hidden("code", code), button=t["track"])
    return _page(
        around,
        ".",
        _danger(danger),
        tag("h2", t["received"]),
        tag("p", t["code"], class_="label"),
        tag("p", spaced(code), class_="code"),
        tag("p", t["keep"]),
        _list(files),
        _list(failed, "failed"),
        see,
    )


def code_page(around: Around, problems: Sequence[str] = (), code: str | None = None) -> Html:
    """Return the question for the tracking code; `code`: the one in the link that was followed."""
    t = around.texts
    typed = {"autocomplete": "off", "autocapitalize": "characters"}
    field = _input(t["code"], "code", code, t["code_hint"], required=True, **typed)
    return _page(around, "track", _problems(t, problems), _form(around, "track", field, button=t["track"]))


def status_page(
    around: Around,
    code: str,
    seen: Tracking,
    said: Sequence[str] = (),
    problems: Sequence[str] = (),
    danger: str | None = None,
    *,
    may_reopen: bool = False,
) -> Html:
    """Return how a matter stands, and what its reporter may do; `may_reopen`: it is closed, and not for good."""
    t = around.texts
    steps = (_step(entry) for entry in reversed(seen.timeline))
    own = _hidden("code", code)
    adding = (own, _area(t["add_text"], "text", None, rows=4), _files(t))
    rating = (own, *(_choice(t, name) for name in RATED), _area(t["note"], "note", None, rows=3))
    again = (own, _area(t["reopen_reason"], "reason", None, rows=3, required=True))
    is_rated = seen.status in RATED_STATUSES
    leaving = (
        own,
        _area(t["reason"], "reason", None, rows=2),
        _tick(t["sure"], "sure", required=True),
    )
    return _page(
        around,
        "track",
        _danger(danger),
        _problems(t, problems),
        _list(said),
        tag("p", t["code"], " ", spaced(code), class_="label"),
        tag("p", t["status"], class_="label"),
        tag("p", seen.words, class_="status", lang="zh"),
        tag("h2", t["steps"]),
        tag("p", t["words_are_chinese"], class_="hint") if t["words_are_chinese"] else None,
        tag("ol", *steps, class_="steps", lang="zh"),
        _reopening(around, seen, again) if may_reopen else None,
        _folded(t["add"], _form(around, "track-add", *adding, button=t["send"])),
        _folded(t["rate"], _form(around, "track-rate", *rating, button=t["send"])) if is_rated else None,
        _folded(t["withdraw"], _form(around, "track-withdraw", *leaving, button=t["withdraw"])),
        tag("p", tag("a", t["again"], href=f".?lang={t.language}")),
    )


def spaced(code: str) -> str:
    """Return a tracking code in groups of four, as people read it out."""
    return "-".join(code[at : at + 4] for at in range(0, len(code), 4))


def _page(around: Around, here: str, *content: Html | None) -> Html:
    t = around.texts
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("title", f"{around.district} {t['title']}"),
        tag("link", rel="stylesheet", href="web/style.css"),
        tag("script", src="web/report.js", defer=True),
    )
    top = tag(
        "header",
        tag("div", tag("p", t["district"].format(around.district)), tag("h1", t["title"])),
        tag("a", t["other"], href=f"{here}?lang={t.other}", lang=t.other),
    )
    body = tag("body", top, tag("main", *content))
    lang = "zh-CN" if t.language == "zh" else "en"
    return Html(f"<!DOCTYPE html>\n{tag('html', head, body, lang=lang)}\n")


def _form(around: Around, action: str, *fields: Html, button: str) -> Html:
    own = (_hidden("lang", around.texts.language), _hidden("form_token", around.token))
    sent = tag("button", button, type="submit")
    return tag("form", *own, *fields, sent, method="post", action=action, enctype="multipart/form-data")


def _hidden(name: str, value: str) -> Html:
    return tag("input", type="hidden", name=name, value=value)


def _label(words: str, field: Html, hint: str | None = None) -> Html:
    return tag("label", tag("span", words), field, tag("span", hint, class_="hint") if hint else None)


def _input(words: str, name: str, value: str | None, hint: str | None = None, **more: str | bool) -> Html:
    return _label(words, tag("input", name=name, value=value, **{"type": "text", **more}), hint)


def _area(
    words: str, name: str, value: str | None, hint: str | None = None, *, rows: int, required: bool = False
) -> Html:
    return _label(words, tag("textarea", value, name=name, rows=rows, required=required), hint)


def _tick(words: str, name: str, *, checked: bool = False, required: bool = False) -> Html:
    box = tag("input", type="checkbox", name=name, value="yes", checked=checked, required=required)
    return tag("label", box, tag("span", words), class_="tick")


def _choice(t: Texts, name: str) -> Html:
    def answer(value: str) -> Html:
        button = tag("input", type="radio", name=name, value=value, required=True)
        return tag("label", button, tag("span", t[value]), class_="tick")

    answers = (answer("yes"), answer("no"))
    return tag("fieldset", tag("legend", t[name]), *answers, class_="choice")


def _files(t: Texts) -> Html:
    field = tag("input", type="file", name="files", multiple=True, accept=_ACCEPT)
    return _label(t["files"], field, t["files_hint"])


def _trap(t: Texts) -> Html:
    """A field that people do not see, and programs fill in."""
    field = tag("input", type="text", name="website", tabindex="-1", autocomplete="off")
    return tag("div", _label(t["website"], field), class_="trap", aria_hidden="true")


def _folded(title: str, content: Html) -> Html:
    return tag("details", tag("summary", title), content)


def _reopening(around: Around, seen: Tracking, fields: Sequence[Html]) -> Html:
    """R-HOT-08: with the last day on which it may be asked for."""
    t = around.texts
    last = (seen.reopen_until or seen.received_at) - timedelta(microseconds=1)
    until = tag("p", t["reopen_until"].format(last.astimezone(SHANGHAI).strftime("%Y-%m-%d")), class_="hint")
    form = _form(around, "track-reopen", *fields, button=t["reopen"])
    return _folded(t["reopen"], together(until, form))


def _danger(words: str | None) -> Html | None:
    return tag("p", words, class_="danger", role="alert") if words else None


def _problems(t: Texts, problems: Sequence[str]) -> Html | None:
    if not problems:
        return None
    listed = tag("ul", *(tag("li", words) for words in problems))
    return tag("div", tag("p", t["mend"]), listed, class_="problems", role="alert")


def _list(words: Sequence[str], kind: str = "said") -> Html | None:
    return tag("ul", *(tag("li", each) for each in words), class_=kind, role="status") if words else None


def _step(entry: TimelineEntry) -> Html:
    at = entry.at.astimezone(SHANGHAI)
    when = tag("time", at.strftime("%Y-%m-%d %H:%M"), datetime=at.isoformat(timespec="seconds"))
    return tag("li", when, entry.words)
