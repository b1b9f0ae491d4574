"""What a resident reads of a case: each event as a status code and plain Chinese words (R-PET-13, R-LEDGER-01).

One table, by event type. What units write to each other (objections, progress notes, reasons of supervision) is
never shown; what a unit replies to the resident is.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Final, NamedTuple

from chassis.masking import mask
from schemas import intake, router
from schemas.message import Event
from schemas.procedure import HandBack
from schemas.router import Outcome
from services.stages import PROCEDURES, stage_words

RECEIVED: Final = "received"
CALLBACK: Final = "callback"
REPLIED: Final = "replied"
QUEUED: Final = "triage"
"""A human decides where it goes."""
RECEIVED_WORDS: Final = "您的诉求已受理登记。"
ENDED_STATUSES: Final = frozenset({"answered", "redirected", "closed", "withdrawn"})
"""Statuses after which nothing more is done about a case."""
RATED_STATUSES: Final = frozenset({REPLIED, CALLBACK, "answered", "redirected", "settled", "redo", "closed"})
"""Statuses in which there is something to say of the handling; before, a rating would be of nothing (R-HOT-09)."""
WITHHELD_WORDS: Final = "诉求人要求保密，办理情况仅限承办单位和热线中心知悉。"
"""For staff who may see that there is a confidential case, and no more (R-HOT-14)."""


class Progress(NamedTuple):
    """An entry of the time line. `status` None leaves the status as it was."""

    status: str | None
    words: str


Names = Callable[[str], str]
"""The name of a unit by its code."""
Entry = Callable[[Names, Event], Progress | None]

_masked = partial(mask, keep_lines=True)
"""What an office says may be where to call it."""
_OUTCOMES: Final = {
    Outcome.RESOLVED: "您的诉求已办结。",
    Outcome.UNSATISFIED: "本件经办理、答复和回访，您仍不满意，现予办结；您可以选择已告知您的法定途径。",
    Outcome.UNREACHABLE: "承办单位已答复，多次回访未能联系到您，本件办结；如仍有问题请再次反映。",
    Outcome.WITHDRAWN: "按您的意愿，本件已撤回并办结。",
}
_ENDED: Final = "本件所在程序已依法终结。"
_TRACKS: Final = {"S": "服务办理", "M": "人民调解", "P": "信访", "L": "法定途径"}
_HANDED_BACK: Final = {
    HandBack.SETTLED: "程序已办结",
    HandBack.FAILED: "程序已结束，未能达成一致",
    HandBack.EXIT: "程序已结束，该事项依法转由其他法定途径办理",
    HandBack.ENDED: "程序已依法终结",
}


def _says(status: str | None, words: str) -> Entry:
    return lambda _names, _event: Progress(status, words)


def _withdrawn(_: Names, event: Event) -> Progress | None:
    """Each withdrawal is told to who made it; that none stands any more the router tells, by closing the case.

    Where others stand by it, the case is where it was: its callback waits on for them (R-PET-18).
    """
    assert isinstance(event, intake.CaseWithdrawn)  # noqa: S101
    if event.last:
        return None
    if event.emergency is not None:
        return Progress(None, "已收到您的撤回申请；因其中反映险情，本件继续处置。")
    if event.at_line:
        return Progress(None, "已收到您的撤回申请；险情已转出处置，本件继续，有新情况请随时补充。")
    return Progress(None if event.stands else "withdrawn", "已收到您的撤回申请。")


def _supplemented(_: Names, event: Event) -> Progress | None:
    """What came with a co-report is told there, in the words of its registration."""
    assert isinstance(event, intake.CaseSupplemented)  # noqa: S101
    return None if event.report is not None else Progress(None, "已收到您补充的情况。")


def _dispatched(names: Names, event: Event) -> Progress | None:
    assert isinstance(event, router.CaseDispatched)  # noqa: S101 - the table is keyed by type
    if event.registered is not None and event.registered.sealed:
        return Progress("dispatched", "您的诉求已密转有权处理的机关。")
    helped = "，其他单位协办" if event.helpers else ""
    return Progress("dispatched", f"已派单至{names(event.unit)}办理{helped}。")


def _answered(_: Names, event: Event) -> Progress | None:
    assert isinstance(event, router.CaseAnswered)  # noqa: S101
    return Progress("answered", f"已答复：{_masked(event.answer)}" if event.answer else "已当场答复。")


def _redirected(names: Names, event: Event) -> Progress | None:
    assert isinstance(event, router.CaseRedirected)  # noqa: S101
    authority = f"，受理机关：{names(event.exit.authority)}" if event.exit.authority else ""
    return Progress("redirected", f"该事项应当通过法定途径“{event.exit.name}”办理{authority}。")


def _transferred(_: Names, event: Event) -> Progress | None:
    assert isinstance(event, router.EmergencyTransferred)  # noqa: S101
    return Progress("emergency", f"情况紧急，已立即转{event.line}处置。")


def _extended(_: Names, event: Event) -> Progress | None:
    assert isinstance(event, router.ExtensionDecided)  # noqa: S101
    return Progress("handling", "经批准，办理期限已延长。") if event.granted else None


def _suspended(_: Names, event: Event) -> Progress | None:
    assert isinstance(event, router.SuspensionDecided)  # noqa: S101
    return Progress("suspended", "目前条件尚不具备，已挂账，条件具备后继续办理。") if event.granted else None


def _chosen(_: Names, event: Event) -> Progress | None:
    assert isinstance(event, router.TrackChosen)  # noqa: S101
    return Progress(None, f"按您的选择，转入{_TRACKS.get(event.track, '其他')}程序。")


def _in_procedure(names: Names, event: Event) -> Progress | None:
    assert isinstance(event, router.ProcedureAdvanced)  # noqa: S101
    name = PROCEDURES[event.procedure]
    entered = f"您的诉求已进入{name}程序" if event.entered else f"{name}程序有新进展"
    told = _masked(event.told)
    return Progress(
        event.procedure, f"{entered}：{stage_words(event.stage)}，由{names(event.unit)}负责。{told}"
    )


def _out_of_procedure(_: Names, event: Event) -> Progress | None:
    """Settled or failed: the reply that follows says how. Else this is all that the resident hears of the end."""
    assert isinstance(event, router.ProcedureEnded)  # noqa: S101
    said = f"{PROCEDURES[event.procedure]}{_HANDED_BACK[event.result]}"
    is_answered = event.result in {HandBack.SETTLED, HandBack.FAILED}
    return Progress(None, f"{said}。" if is_answered else _masked(f"{said}：{event.explanation}"))


def _replied(names: Names, event: Event) -> Progress | None:
    assert isinstance(event, router.CaseReplied)  # noqa: S101
    why = f"未解决的原因：{event.explanation}" if event.explanation else ""
    return Progress(REPLIED, _masked(f"{names(event.unit)}答复：{event.result}{why}"))


def _offered(_: Names, event: Event) -> Progress | None:
    assert isinstance(event, router.LawfulReviewOffered)  # noqa: S101
    ways = "；".join(way.name for way in event.routes)
    why = f"说明：{event.explanation}" if event.explanation else ""
    return Progress("review", _masked(f"您对办理结果仍不满意，可以依法选择：{ways}。{why}"))


def _settled(names: Names, event: Event) -> Progress | None:
    assert isinstance(event, router.SettledOnSite)  # noqa: S101
    return Progress("settled", f"{names(event.unit)}已现场处置，待核实。")


def _closed(_: Names, event: Event) -> Progress | None:
    assert isinstance(event, router.CaseClosed)  # noqa: S101
    ended = event.outcome is Outcome.UNSATISFIED and not event.review_offered
    return Progress("closed", _ENDED if ended else _OUTCOMES[event.outcome])


TABLE: Final[Mapping[type[Event], Entry]] = {
    intake.CoReporterAdded: _says(
        "linked", "您反映的情况已有他人反映，已并入同一事件办理；凭本查询码可查看进展，办结后单独回访您。"
    ),
    intake.CaseSupplemented: _supplemented,
    intake.CaseWithdrawn: _withdrawn,
    intake.FeedbackGiven: _says(None, "已收到您的评价。"),
    intake.ReopeningAsked: _says(None, "已收到您重新办理的要求。"),
    intake.PersonErased: _says(None, "您的个人信息已删除。"),
    router.TriageQueued: _says(QUEUED, "正在人工甄别，确定承办单位。"),
    router.CaseAnswered: _answered,
    router.CaseRedirected: _redirected,
    router.CaseLinked: _says("linked", "与您此前反映的事项相同，已并入原件，办理进展以原件为准。"),
    router.CaseUnlinked: _says(None, "经核实，本件与原件不是同一事项，现单独办理，进展以本件为准。"),
    router.EmergencyTransferred: _transferred,
    router.CaseDispatched: _dispatched,
    router.AssignmentSigned: _says("signed", "承办单位已签收。"),
    router.ContactRecorded: _says(None, "承办单位已与您联系。"),
    router.ProgressReported: _says("handling", "承办单位正在办理。"),
    router.ExtensionDecided: _extended,
    router.SuspensionDecided: _suspended,
    router.CaseResumed: _says("handling", "已恢复办理。"),
    router.CaseEscalated: _says("escalated", "已提请上级单位或者主管部门办理。"),
    router.TrackChosen: _chosen,
    router.ProcedureAdvanced: _in_procedure,
    router.ProcedureEnded: _out_of_procedure,
    router.SettledOnSite: _settled,
    router.CaseReplied: _replied,
    router.CallbackOpened: _says(CALLBACK, "等待回访，请留意来电。"),
    router.RedoOrdered: _says("redo", "回访后已退回承办单位重新办理。"),
    router.LawfulReviewOffered: _offered,
    router.CaseClosed: _closed,
    router.CaseReopened: _says("reopened", "按您的要求，本件已重新办理。"),
}


def progress(names: Names, event: Event) -> Progress | None:
    """Return what the resident is told of an event; None: nothing."""
    entry = TABLE.get(type(event))
    return entry(names, event) if entry is not None else None


_OWN: Final = frozenset({"linked", "withdrawn"})
"""Statuses that say what the first reporter did."""
_ANSWERS: Final = {
    "answered": "该事件已有答复，热线将单独回访告知您。",
    "replied": "承办单位已就该事件答复，热线将单独回访告知您。",
}
"""What the first reporter was answered may name them: a co-reporter hears that there is an answer (R-PRIV-01)."""
Step = tuple[datetime, str | None, str]


def public_steps(steps: Sequence[Step]) -> list[Step]:
    """Return what a co-reporter is told of the first case: how far it is, and nothing that its reporter said,
    did or was told alone."""
    return [
        (at, status, _ANSWERS.get(status, words))
        for at, status, words in steps
        if status is not None and status not in _OWN
    ]
