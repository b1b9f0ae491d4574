"""The table of what can be done to a case: path, command, roles, and an example that is never refused for its
fields alone. One generic route serves them all over HTTP (`services.router.api.commands`); what a unit may do, its
department may do by a record on its topic as well (`services.router.api.replies`)."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, create_model, field_validator

from chassis.http import FieldError, Role
from chassis.http.problems import unprocessable
from chassis.masking import mask_fields
from schemas import router as r
from schemas.message import Actor
from schemas.replies import OF_UNITS, body_fields
from schemas.written import seen
from services.router.api.access import WORKERS
from services.router.domain.workorder import WorkOrder

_PROSE: Final = frozenset({"reason", "note", "reference", "leader"})
_TO_THE_RESIDENT: Final = frozenset({"result", "explanation", "answer"})
"""Words that the resident reads; they may say which office to call."""
_FAR: Final = "2099-12-31T09:00:00+08:00"


@dataclass(frozen=True)
class Action:
    """One `POST /v1/cases/{case_id}/<path>`. The roles are tried in order; the first that fits acts."""

    path: str
    command: type[r.RouterCommand]
    roles: tuple[Role, ...]
    summary: str
    example: dict[str, Any]
    independent: bool = False
    """Nobody decides so on their own unit's case."""
    check: Callable[[BaseModel], list[FieldError]] | None = None
    """What the fields must be together; returns those that are wrong."""
    other: Callable[[WorkOrder, Actor], dict[str, Any]] | None = None
    """Another example that may be taken of a case where the first is refused."""
    body: type[BaseModel] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "body", _body(self.command, self.example))

    def build(self, body: BaseModel, actor: Actor) -> r.RouterCommand:
        """The command of a request's body and the caller; phone and id numbers in its prose are masked.

        Raises Problem 422 naming the fields that do not go together.
        """
        if self.check is not None and (errors := self.check(body)):
            raise unprocessable(errors)
        masked = mask_fields(body.model_dump(), _PROSE, _TO_THE_RESIDENT)
        return self.command.model_validate({**masked, "actor": actor})

    def samples(self, state: WorkOrder, actor: Actor) -> Iterator[r.RouterCommand]:
        """The examples as commands, to ask the decider whether it would take the like of one of them."""
        for example in (self.example, *([self.other(state, actor)] if self.other else [])):
            yield self.command.model_validate({**example, "actor": actor})


def _body(command: type[r.RouterCommand], example: dict[str, Any]) -> type[BaseModel]:
    """The command without its actor, who is the caller: a model with a schema of its own."""
    config = ConfigDict(frozen=True, extra="forbid", json_schema_extra={"examples": [example]})
    made: type[BaseModel] = create_model(
        f"{command.__name__}Body",
        __config__=config,
        __doc__=command.__doc__,
        __validators__={"what_shows_nothing_is_blank": field_validator("*", mode="before")(seen)},
        **body_fields(command),
    )
    return made


def _answers_of_the_called(body: BaseModel) -> list[FieldError]:
    """R-HOT-08, R-HOT-09: whoever was reached answered both questions; whoever was not, none.

    The command itself takes a missing answer as no, which would order a redo that nobody asked for.
    """
    reached = body.model_dump()["contacted"]
    wrong = [name for name in ("resolved", "satisfied") if (name in body.model_fields_set) is not reached]
    if reached:
        message, expected = (
            "The resident was contacted: this answer is missing.",
            "what they said: true or false",
        )
    else:
        message, expected = "Who was not contacted answered nothing.", "leave it out"
    return [FieldError(field=name, message=message, expected=expected) for name in wrong]


def _words_of_the_contact(body: BaseModel) -> list[FieldError]:
    """A note may be left out; one that shows nothing is no record of what was said."""
    if "note" not in body.model_fields_set or body.model_dump()["note"]:
        return []
    expected = "what was said or agreed, or no note at all"
    return [FieldError(field="note", message="The note is blank.", expected=expected)]


def _without_a_proposal(_: WorkOrder, __: Actor) -> dict[str, Any]:
    """The unit that the other example proposes may be the one that has the case."""
    return {"reason": "不属我单位职责"}


def _recusal(state: WorkOrder, actor: Actor) -> dict[str, Any]:
    """R-LAD-04: whoever has the case is interested, or helps and says so of itself; that may be said before any
    work was done on it."""
    declared = {"kind": "interest_declaration", "reference": "回避申请2026-001"}
    helps = actor.unit in {seat.unit for seat in state.helpers}
    interested = actor.unit if helps else state.unit
    subjects = [interested] if interested else []
    return {"ground": r.Ground.SUBJECT_SKIPPED, "subjects": subjects, "evidence": [declared]}


def _of_unit(
    path: str,
    summary: str,
    example: dict[str, Any],
    *also: Role,
    check: Callable[[BaseModel], list[FieldError]] | None = None,
    other: Callable[[WorkOrder, Actor], dict[str, Any]] | None = None,
) -> Action:
    """What a unit does with its own case; the command stands in the table of replies."""
    return Action(path, OF_UNITS[path], (*WORKERS, *also), summary, example, check=check, other=other)


ACTIONS: Final[tuple[Action, ...]] = (
    Action(
        "triage",
        r.TriageCase,
        (Role.OPERATOR, Role.SUPERVISOR),
        "研判: decide on a case in the triage queue",
        {"judged": "dispatch", "matter": "neighbour.noise", "urgency": 3},
    ),
    _of_unit("sign", "签收: accept the order", {}),
    _of_unit(
        "objection",
        "退单: say that your unit is not competent (R-HOT-05)",
        {"reason": "该路段由市级管养，不属我单位职责", "proposed": "GL-URBAN"},
        other=_without_a_proposal,
    ),
    Action(
        "objection/adjudication",
        r.AdjudicateObjection,
        (Role.SUPERVISOR,),
        "退单复核: decide an objection (R-HOT-05)",
        {"upheld": False, "reason": "依职责清单属该单位职责，请继续办理"},
        independent=True,
    ),
    _of_unit(
        "contact",
        "联系居民: you spoke with the resident",
        {"note": "已电话联系，约定明日上午上门"},
        check=_words_of_the_contact,
    ),
    _of_unit(
        "progress",
        "进展: tell how far it is",
        {"note": "已到现场核实，正在协调物业维修"},
    ),
    _of_unit(
        "extension",
        "申请延期: ask for more time (R-HOT-07)",
        {"reason": "配件需向厂家订购，预计五日到货", "days": 5},
    ),
    Action(
        "extension/decision",
        r.DecideExtension,
        (Role.SUPERVISOR,),
        "延期审批: grant or refuse more time",
        {"granted": True, "reason": "情况属实，同意延期"},
        independent=True,
    ),
    _of_unit(
        "suspension",
        "申请挂账: ask for the suspended register (R-GRD-02)",
        {"reason": "需待老旧小区改造立项后一并解决"},
    ),
    Action(
        "suspension/decision",
        r.DecideSuspension,
        (Role.SUPERVISOR,),
        "挂账审批: grant or refuse the suspended register",
        {"granted": True, "reason": "客观条件暂不具备，同意挂账"},
        independent=True,
    ),
    _of_unit(
        "resume",
        "销账恢复: take the case off the suspended register",
        {"reason": "改造项目已立项，恢复办理"},
        Role.SUPERVISOR,
    ),
    _of_unit(
        "help",
        "协办反馈: deliver your part, or report why you cannot (R-HOT-06)",
        {"done": True, "note": "已完成现场执法取证，材料移交主办单位"},
    ),
    _of_unit(
        "escalation",
        "上报: lift the case, with ground and evidence (R-LAD-10)",
        {
            "ground": "NO_LEGAL_POWER",
            "evidence": [
                {"kind": "legal_basis", "reference": "职责清单第12项", "note": "社区无行政处罚权"},
                {"kind": "handling_record", "reference": "处置记录2026-031", "note": "已两次上门劝阻"},
                {"kind": "mediation_record", "reference": "调解记录2026-007"},
            ],
        },
        Role.SUPERVISOR,
        other=_recusal,
    ),
    _of_unit(
        "whistle",
        "吹哨: the street summons departments (R-HOT-12)",
        {
            "units": ["GL-URBAN", "GL-POLICE"],
            "occasion": "joint_enforcement",
            "reason": "占道经营反复，需联合执法",
        },
        Role.SUPERVISOR,
    ),
    Action(
        "instruction",
        r.InstructCase,
        (Role.SUPERVISOR,),
        "批办: a leader sets owner and deadline (R-MODE-01)",
        {"unit": "GL-URBAN", "handle_by": _FAR, "leader": "分管副区长", "note": "请限期办结并报告结果"},
    ),
    _of_unit(
        "reply",
        "办结反馈: say what was done",
        {"result": "已上门调解，双方约定二十二时后停止施工", "solved": True},
    ),
    Action(
        "callback/claim",
        r.ClaimCallback,
        (Role.OPERATOR,),
        "回访认领: you are calling now, so nobody else does (R-HOT-08)",
        {},
    ),
    Action(
        "callback",
        r.RecordCallback,
        (Role.OPERATOR,),
        "回访: what the resident says (R-HOT-08, R-HOT-09)",
        {"contacted": True, "resolved": True, "satisfied": True},
        check=_answers_of_the_called,
    ),
    Action(
        "track",
        r.ChooseTrack,
        (Role.OPERATOR,),
        "选择途径: the resident enters another track (R-LAD-09)",
        {"track": "P"},
    ),
    Action(
        "emergency/confirmation",
        r.ConfirmEmergency,
        (Role.OPERATOR,),
        "险情接警: the emergency line took the case over (R-HOT-13)",
        {"reference": "119接警单20260302-0031"},
    ),
    Action(
        "emergency/remainder",
        r.DispatchRemainder,
        (Role.OPERATOR, Role.SUPERVISOR),
        "险情后续: what remains becomes an ordinary order (R-HOT-13)",
        {"matter": "utilities.billing"},
    ),
    Action(
        "unlink",
        r.UnlinkCase,
        (Role.OPERATOR, Role.SUPERVISOR),
        "解除并件: the case was linked wrongly and is one of its own (R-PET-18)",
        {"reason": "两件反映的不是同一处路灯", "matter": "municipal.streetlight"},
    ),
    Action(
        "supervision",
        r.SuperviseCase,
        (Role.SUPERVISOR,),
        "督办: supervise the unit for a stated reason (R-HOT-10)",
        {"reason": "同类问题一周内多次反映，请加快办理"},
    ),
    Action(
        "deadlines/recomputation",
        r.RecomputeDeadlines,
        (Role.SUPERVISOR,),
        "重算时限: count provisional deadlines again by the new year's schedule",
        {},
    ),
)

BY_PATH: Final[Mapping[str, Action]] = MappingProxyType({action.path: action for action in ACTIONS})
