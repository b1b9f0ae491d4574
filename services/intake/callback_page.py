"""The page behind the signed link: plain HTML for any phone. No script, nothing from elsewhere, one form."""

import base64
import hashlib
from collections.abc import Mapping
from datetime import timedelta
from html import escape
from typing import Final

from chassis.calendar import SHANGHAI
from services.intake.views import CallbackView

_STYLE: Final = (
    "body{font:1.1rem/1.6 sans-serif;max-width:36rem;margin:0 auto;padding:1rem}"
    "fieldset{border:1px solid #999;border-radius:.4rem;margin:0 0 1rem}"
    "label{display:inline-block;padding:.4rem 1.2rem .4rem 0}"
    "textarea,button{font:inherit;width:100%;box-sizing:border-box}"
    "button{padding:.7rem;border:0;border-radius:.4rem;background:#0b57a4;color:#fff}"
    ".note{color:#555}.danger{border:2px solid #b00020;padding:.6rem}"
)
_HASH: Final = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
HEADERS: Final[Mapping[str, str]] = {
    "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{_HASH}'; form-action 'self';"
    " base-uri 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",  # the address is the key
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex",
    "Cache-Control": "no-store",
}
_QUESTIONS: Final = (
    ("contacted", "承办单位是否与您联系过？", "联系过", "没有"),
    ("resolved", "您反映的问题是否已经解决？", "已解决", "未解决"),
    ("satisfied", "您对办理结果是否满意？", "满意", "不满意"),
)
_CHOICES: Final = {(name, value): value == "yes" for name, *_ in _QUESTIONS for value in ("yes", "no")}
_SAYS: Final[Mapping[str, tuple[str, str]]] = {
    "case_unknown": ("链接无效", "请核对短信或微信中的链接是否完整；也可以用查询码查询，或拨打12345。"),
    "link_expired": ("链接已过期", "请用查询码查询办理情况，或拨打12345。"),
    "callback_answered": ("您已作过评价", "本次回访的评价我们已经收到，不能重复提交。"),
    "callback_over": ("本次回访已结束", "您可以用查询码查询办理情况，或拨打12345。"),
    "reopening_asked": ("您已要求重新办理", "我们已经收到，请等待办理。"),
    "reopening_over": ("已超过重新办理的期限", "如有新的情况，请作为新的诉求提交。"),
    "not_reopenable": (
        "本件不能重新办理",
        "您仍可选择法定途径，可拨打12345咨询；如有新的情况，请作为新的诉求提交。",
    ),
    "case_open": ("本件正在办理", "无须要求重新办理。"),
    "case_withdrawn": ("本件已撤回", "如问题仍然存在，请作为新的诉求提交。"),
    "report_withdrawn": ("您已撤回反映", "如问题再次影响您，请作为新的诉求提交。"),
    "validation_failed": ("还有内容没有填写", "请返回上一页，回答全部三个问题；要求重新办理的，请写明理由。"),
    "too_many_wrong_codes": ("请稍后再试", "来自您网络的无效链接过多。"),
}
_OTHER: Final = ("暂时无法办理", "请稍后再试，或拨打12345。")


def page(view: CallbackView) -> str:
    """The page as the case stands: the three questions, or what became of them; and the wish to reopen."""
    parts = [_alert(view.advice), f"<p>{escape(view.words)}</p>"]
    if view.reply is not None:
        parts.append(f"<p>{escape(view.reply)}</p>")
    if view.state == "open":
        parts.append(_questions())
    elif view.state == "answered":
        parts.append("<p>您的评价已收到，谢谢。</p>")
    if view.reopening:
        parts.append("<p>您要求重新办理，我们已经收到。</p>")
    elif view.reopen_until is not None:
        last = (view.reopen_until - timedelta(microseconds=1)).astimezone(SHANGHAI)
        parts.append(_reopening(f"{last:%Y年%m月%d日}"))
    return _html("诉求回访", "".join(parts))


def problem_page(code: str, advice: str | None = None) -> str:
    """Say why there is nothing to answer, and what to do instead; in a danger, whom to call first."""
    title, words = _SAYS.get(code, _OTHER)
    return _html(title, f"{_alert(advice)}<p>{words}</p>")


def chosen(name: str, value: str) -> str | bool:
    """Return what a field of the form says: of its radio buttons whether it is so, of others the text."""
    return _CHOICES.get((name, value), value)


def _alert(advice: str | None) -> str:
    return "" if advice is None else f'<p class="danger" role="alert">{escape(advice)}</p>'


def _questions() -> str:
    asked = "".join(
        f"<fieldset><legend>{question}</legend>"
        f'<label><input type="radio" name="{name}" value="yes" required> {yes}</label>'
        f'<label><input type="radio" name="{name}" value="no"> {no}</label></fieldset>'
        for name, question, yes, no in _QUESTIONS
    )
    note = _text("note", "补充说明（选填）", required=False)
    return f'<form method="post">{asked}{note}<button>提交评价</button></form>'


def _reopening(last: str) -> str:
    reason = _text(
        "reason", f"如问题仍未解决，{last}（含当日）前可以要求重新办理。请写明理由：", required=True
    )
    return f'<form method="post">{reason}<button>要求重新办理</button></form>'


def _text(name: str, label: str, *, required: bool) -> str:
    must = " required minlength=2" if required else ""
    return (
        f'<p><label for="{name}">{label}</label>'
        f'<textarea id="{name}" name="{name}" rows="4" maxlength="2000"{must}></textarea>'
        '<span class="note">请勿填写姓名、电话、证件号码。</span></p>'
    )


def _html(title: str, body: str) -> str:
    return (
        '<!DOCTYPE html><html lang="zh-CN"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{title}</title><style>{_STYLE}</style></head><body><h1>{title}</h1>{body}</body></html>"
    )
