"""The table of what can be done to a mediation: path, command, and an example with which it can be walked."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, Final
from uuid import UUID

from pydantic import BaseModel, Field, create_model

from chassis.calendar import SHANGHAI
from chassis.http import FieldError
from chassis.http.actions import ActionBody
from chassis.http.problems import unprocessable
from chassis.masking import mask_fields
from chassis.vault import Vault
from schemas import mediation as m
from schemas.message import Actor
from schemas.values import Sealed
from services.mediation.api.papers import PAPERS, PaperModel, seal

_PROSE: Final = frozenset({"reason", "note", "reference"})
_NOT_OF_THE_BODY: Final = frozenset({"actor", "sealed"})
_NO_PAPER: Final = Sealed(record_id=UUID(int=0), key_id="", wrapped_key=b"", ciphertext=b"")


@dataclass(frozen=True)
class Action:
    """One `POST /v1/mediations/{case_id}/<path>`."""

    path: str
    command: type[m.MediationCommand]
    summary: str
    example: dict[str, Any]
    body: type[BaseModel] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "body", _body(self.command, self.example))

    def build(self, body: BaseModel, actor: Actor, vault: Vault, case_id: UUID) -> m.MediationCommand:
        """The command of a request's body and the caller; personal numbers in its prose are masked (R-PRIV-01).

        Raises Problem 422 where the paper does not go with the rest.
        """
        given = {name: getattr(body, name) for name in type(body).model_fields}
        paper: PaperModel | None = given.pop("paper", None)
        if paper is not None:
            if errors := _mismatch(given, paper):
                raise unprocessable(errors)
            given["sealed"] = seal(vault, case_id, paper, given.get("obligations", ()))
        return self.command.model_validate({**mask_fields(given, _PROSE, frozenset()), "actor": actor})

    def sample(self, actor: Actor) -> m.MediationCommand:
        """The example as a command, to ask the decider whether it would take the like of it."""
        given = {name: value for name, value in self.example.items() if name != "paper"}
        sealed = {"sealed": _NO_PAPER} if issubclass(self.command, m.SealedCommand) else {}
        return self.command.model_validate({**given, **sealed, "actor": actor})


def _body(command: type[m.MediationCommand], example: dict[str, Any]) -> type[BaseModel]:
    """The command without its actor, who is the caller, and with its paper in the place of what is sealed."""
    fields: dict[str, Any] = {
        name: (info.annotation, info)
        for name, info in command.model_fields.items()
        if name not in _NOT_OF_THE_BODY
    }
    if paper := PAPERS.get(command):
        told = "kept encrypted: nothing of it enters an event, a log or a trace"
        fields["paper"] = (paper, Field(description=told))
    made: type[BaseModel] = create_model(
        f"{command.__name__}Body",
        __base__=ActionBody,
        __doc__=command.__doc__,
        __cls_kwargs__={"json_schema_extra": {"examples": [example]}},
        **fields,
    )
    return made


def _mismatch(given: Mapping[str, Any], paper: PaperModel) -> list[FieldError]:
    """R-MED-07: every party is described, and every obligation has its words."""
    if parties := given.get("parties"):
        labels = sorted(party.label for party in parties)
        named = sorted(person.label for person in getattr(paper, "persons", ()))
        if labels != named:
            message = f"the persons are {', '.join(named)}"
            return [
                FieldError(
                    field="paper.persons", message=message, expected=f"one for each of {', '.join(labels)}"
                )
            ]
    if (obligations := given.get("obligations")) and len(obligations) != len(getattr(paper, "terms", ())):
        expected = f"{len(obligations)} terms, one for each obligation, in their order"
        return [
            FieldError(
                field="paper.terms", message="obligations and terms differ in number", expected=expected
            )
        ]
    return []


_DUE: Final = "2099-07-01"
_SOON: Final = (datetime.now(SHANGHAI) + timedelta(days=5)).replace(
    hour=10, minute=0, second=0, microsecond=0
)
"""A session lies within the time of the mediation: some days after the service was started."""
_OBLIGATION: Final = {"number": 1, "by": "B", "due": _DUE}

ACTIONS: Final[tuple[Action, ...]] = (
    Action(
        "parties",
        m.RegisterParties,
        "调解登记: who is in dispute; they stand encrypted, as A, B …, before anything else (R-MED-03)",
        {
            "parties": [{"label": "A", "side": "applicant"}, {"label": "B", "side": "respondent"}],
            "paper": {
                "persons": [
                    {"label": "A", "name": "张三", "address": "博苑社区3幢502室", "phone": "13800000000"},
                    {"label": "B", "name": "李四", "address": "博苑社区3幢602室"},
                ],
                "dispute": "楼上夜间装修，影响楼下休息，双方多次争执。",
            },
        },
    ),
    Action(
        "parties/kept",
        m.KeepParties,
        "沿用登记: the parties are those of the round before; each is asked again (R-LAD-02)",
        {},
    ),
    Action(
        "consent",
        m.RecordConsent,
        "征求意见: what each party says; one clear no ends it (R-MED-03, R-MED-04)",
        {"party": "A", "agrees": True},
    ),
    Action(
        "openness",
        m.SayOpenness,
        "公开或者不公开: a party wants closed doors, or lets it be public after all (R-MED-04)",
        {"party": "A", "closed": True},
    ),
    Action(
        "mediators",
        m.AssignMediators,
        "确定调解员: assigned, or chosen by the parties (R-MED-02); GET /v1/committees names them",
        {"mediators": ["GLM-0101-01"], "chosen_by_parties": True},
    ),
    Action(
        "mediators/refusal",
        m.RefuseMediator,
        "当事人不接受调解员: a party does not accept a mediator (R-MED-04)",
        {"party": "B", "mediator": "GLM-0101-01", "reason": "与对方当事人相识"},
    ),
    Action(
        "mediators/recusal",
        m.RecuseMediator,
        "回避: an interested mediator leaves",
        {"mediator": "GLM-0101-01", "reason": "系一方当事人近亲属"},
    ),
    Action(
        "sessions/schedule",
        m.ScheduleSession,
        "通知调解时间: tell the parties when the session is",
        {"at": _SOON.isoformat()},
    ),
    Action(
        "sessions",
        m.HoldSession,
        "调解笔录: record a session that was held, open or closed (R-MED-04)",
        {
            "open": False,
            "attended": ["A", "B"],
            "paper": {"record": "双方到场。甲方陈述夜间噪声影响休息，乙方愿意调整施工时间。"},
        },
    ),
    Action(
        "prolongation",
        m.ProlongMediation,
        "约定延长: all parties agree on more time (R-MED-06)",
        {"days": 15, "agreed": ["A", "B"]},
    ),
    Action(
        "appraisal",
        m.StartAppraisal,
        "委托鉴定: the time stands still (R-MED-15)",
        {"reason": "双方共同委托医学会进行医疗损害鉴定"},
    ),
    Action("appraisal/end", m.EndAppraisal, "鉴定完成: the rest of the time runs", {}),
    Action(
        "agreement/draft",
        m.DraftAgreement,
        "拟定协议: write down what the parties are to sign; print it at …/agreement.pdf (R-MED-07)",
        {
            "obligations": [_OBLIGATION],
            "paper": {
                "facts": "乙方装修房屋期间，多次在二十二时后施工。",
                "issues": "夜间施工噪声影响甲方休息。",
                "responsibility": "乙方对夜间施工造成的影响承担责任，甲方予以谅解。",
                "terms": ["乙方自即日起每日二十时后不再施工，并于2099年7月1日前向甲方支付补偿三百元。"],
                "manner": "银行转账。",
            },
        },
    ),
    Action(
        "agreement/signature",
        m.SignAgreement,
        "签署盖章: all parties and mediators signed, the committee sealed it; it takes effect (R-MED-07)",
        {
            "signed": ["A", "B"],
            "mediators": ["GLM-0101-01"],
            "sealed_by_committee": True,
        },
    ),
    Action(
        "agreement/oral",
        m.RecordOralAgreement,
        "口头协议: record what the parties agreed without paper (R-MED-07)",
        {
            "agreed": ["A", "B"],
            "obligations": [_OBLIGATION],
            "paper": {"terms": ["乙方自即日起每日二十时后不再施工。"]},
        },
    ),
    Action("continuation", m.ContinueMediation, "继续调解: on, after a partial agreement", {}),
    Action(
        "termination",
        m.TerminateMediation,
        "终止调解: for its reason; the parties always learn the other ways (R-MED-10, R-MED-12)",
        {"reason": "failed", "note": "双方分歧较大，难以达成协议", "asks_higher": True},
    ),
    Action(
        "police",
        m.ReportToPolice,
        "报告公安: where a public-order or criminal case may come of it (R-MED-11)",
        {"risk": "public_order", "note": "一方扬言报复，已劝离现场"},
    ),
    Action(
        "visits",
        m.RecordVisit,
        "履行回访: what was found performed, or that a party does not perform (R-MED-08)",
        {"performed": [1], "note": "已核对转账记录"},
    ),
    Action(
        "confirmation",
        m.FileConfirmation,
        "申请司法确认: all parties applied together, within 30 days of effect (R-MED-09)",
        {"jointly": ["A", "B"], "about": "civil"},
    ),
    Action(
        "confirmation/acceptance",
        m.RecordCourtAcceptance,
        "法院受理: the court accepted, under its number (R-MED-09)",
        {"reference": "（2026）苏0302民特调确1号"},
    ),
    Action("confirmation/extension", m.ExtendCourtTime, "法院延长: ten days more, once (R-MED-09)", {}),
    Action(
        "confirmation/decision",
        m.RecordCourtDecision,
        "法院裁定: confirmed, or not (R-MED-09)",
        {"confirmed": True, "reference": "（2026）苏0302民特调确1号"},
    ),
    Action(
        "confirmation/withdrawal",
        m.WithdrawConfirmation,
        "撤回申请: the parties took the application back (R-MED-09)",
        {},
    ),
    Action(
        "deadlines/recomputation",
        m.RecomputeMediationTimes,
        "重算时限: count provisional times again by the new year's schedule",
        {},
    ),
)

BY_PATH: Final[Mapping[str, Action]] = MappingProxyType({action.path: action for action in ACTIONS})
