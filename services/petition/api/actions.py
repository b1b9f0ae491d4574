"""The table of what can be done to a petition: path, command, roles, and an example to be sent as it stands."""

from typing import Final

from chassis.http import Role
from schemas import petition as p
from services.petition.api.access import DESKS, WORKERS
from services.petition.api.action import Action
from services.petition.records import OpinionWords, Petitioner

OPINION: Final = {
    "claim": "请求补发2024年征地补偿款差额。",
    "facts": "经查，申请人承包地0.8亩于2024年3月征收，补偿款按0.8亩计发。",
    "reasons": "勘测图与承包合同一致，面积登记无误。",
    "decision": "请求缺乏事实根据，不予支持。",
}
_OVERSEERS: Final = (Role.PETITION_OFFICER, Role.SUPERVISOR)
_STAFF: Final = (*WORKERS, Role.SUPERVISOR)

ACTIONS: Final[tuple[Action, ...]] = (
    Action(
        "registration",
        p.RegisterPetition,
        _STAFF,
        "登记: register it, with who petitions (R-PET-01, R-PET-12, R-PET-18)",
        {"channel": "visit", "petitioner": {"name": "王某某", "address": "鼓楼区澄湖街道博苑社区1号楼101室"}},
        words=("petitioner", Petitioner, False),
    ),
    Action(
        "forwarding",
        p.ForwardPetition,
        _STAFF,
        "转送: to the competent unit, within 15 days (R-PET-01)",
        {"unit": "GL-TRAFFIC-POLICE", "reason": "属该单位职责范围"},
    ),
    Action(
        "assignment",
        p.AssignPetition,
        _STAFF,
        "交办: with a completion report (R-PET-01)",
        {"unit": "GL-LAND", "reason": "群众反映强烈，请限期办结", "report_by": "2099-03-31T18:00:00+08:00"},
    ),
    Action(
        "separation",
        p.RoutePetition,
        _STAFF,
        "诉访分离: to its statutory procedure (R-PET-06)",
        {
            "way": "administrative",
            "exit": "reconsideration",
            "explanation": "您对处罚决定不服，可自知道之日起六十日内申请行政复议。",
        },
    ),
    Action(
        "sealing",
        p.SealPetition,
        (*WORKERS, *DESKS),
        "检举控告: sealed to the discipline body (R-PET-10)",
        {"subjects": ["GL-LAND"]},
    ),
    Action(
        "refusal",
        p.DeclinePetition,
        _STAFF,
        "不予受理: not ours; say where to go (R-PET-02)",
        {"explanation": "该事项不属于本机关职权范围。", "go_to": "市交通运输局"},
    ),
    Action(
        "objection",
        p.ObjectPetition,
        _STAFF,
        "提出异议: within 5 working days (R-PET-03)",
        {"reason": "该路段由区城市管理局管养，不属我单位职权范围", "proposed": "GL-URBAN"},
    ),
    Action(
        "objection/decision",
        p.DecidePetitionObjection,
        _STAFF,
        "异议核实: the sender consents, or not (R-PET-03)",
        {"consents": True, "reason": "经核实，异议成立，同意交还"},
    ),
    Action(
        "dispute/decision",
        p.DecidePetitionDispute,
        _STAFF,
        "受理争议: the common superior decides (R-PET-04)",
        {"units": ["GL-URBAN", "GL-LAND"], "unit": "GL-URBAN", "reason": "依职责清单由城市管理局受理"},
    ),
    Action("acceptance", p.AcceptPetition, _STAFF, "受理, within 15 days (R-PET-02, R-PET-03, R-PET-17)", {}),
    Action(
        "investigation",
        p.InvestigatePetition,
        _STAFF,
        "调查: hear the petitioner, look into the facts",
        {"note": "已约见申请人听取陈述"},
    ),
    Action(
        "hearing",
        p.OpenPetitionHearing,
        _STAFF,
        "听证: open a hearing (XF31, XF36)",
        {"reason": "事项重大、疑难，举行听证"},
    ),
    Action(
        "hearing/closing",
        p.ClosePetitionHearing,
        _STAFF,
        "听证结束",
        {"note": "听证会已举行，形成听证笔录"},
    ),
    Action(
        "mediation",
        p.MediatePetition,
        _STAFF,
        "调解: mediate inside the petition (R-PET-16)",
        {"both_consent": True, "within_discretion": True},
    ),
    Action(
        "extension",
        p.ExtendPetition,
        (Role.SUPERVISOR,),
        "延长办理期限: once, by the unit's head (R-PET-07)",
        {"days": 30, "reason": "需要委托测绘，情况复杂", "head": "区自然资源局主要负责人"},
    ),
    Action(
        "ordinary",
        p.LeaveSimpleProcedure,
        _STAFF,
        "转为普通程序: leave the simple procedure (R-PET-17)",
        {"reason": "事实存在争议，需要进一步调查"},
    ),
    Action(
        "opinion",
        p.IssueOpinion,
        _STAFF,
        "处理意见书 (R-PET-07, R-PET-08)",
        {"outcome": "NOT_SUPPORT", "legal_basis": ["土地管理法第四十八条"], "words": OPINION},
        words=("words", OpinionWords, True),
    ),
    Action(
        "review-opinion",
        p.IssueReviewOpinion,
        _STAFF,
        "复查或者复核意见 (R-PET-09)",
        {
            "confirms": True,
            "outcome": "NOT_SUPPORT",
            "legal_basis": ["信访工作条例第三十五条"],
            "words": {**OPINION, "decision": "原处理意见认定事实清楚、适用依据正确，予以维持。"},
        },
        words=("words", OpinionWords, True),
    ),
    Action(
        "delivery",
        p.DeliverOpinion,
        _STAFF,
        "送达: when the petitioner received the opinion (R-PET-09)",
        {},
    ),
    Action(
        "execution",
        p.ReportExecution,
        _STAFF,
        "执行情况: what became of the supported claim (XF32)",
        {"done": True, "note": "差额补偿款已发放"},
    ),
    Action(
        "review",
        p.RequestReview,
        (*WORKERS, *DESKS),
        "申请复查、复核: the petitioner asks, within 30 days (R-PET-09)",
        {},
    ),
    Action(
        "completion",
        p.ReportPetitionCompletion,
        _STAFF,
        "办结报告 of an assigned petition (R-PET-01)",
        {"note": "已出具处理意见书并送达"},
    ),
    Action(
        "answer",
        p.AnswerPetition,
        _STAFF,
        "答复: a suggestion or a duty (XF29, XF31 (5))",
        {"answer": "partly_adopted", "explanation": "您关于增设路灯的建议已采纳，年内实施。"},
    ),
    Action(
        "leader",
        p.SetPetitionLeader,
        _OVERSEERS,
        "领导包案 (R-PET-19)",
        {"leader": "分管副区长", "note": "群众反映强烈的突出问题"},
    ),
    Action(
        "third-party",
        p.InviteThirdParty,
        _STAFF,
        "邀请第三方 (R-PET-20)",
        {"kind": "lawyer", "note": "邀请律师参与化解"},
    ),
    Action(
        "recusal",
        p.RecuseOfficer,
        (*WORKERS, *DESKS),
        "回避: a member of staff takes no more part (R-PET-11)",
        {"officer": "officer-7", "unit": "GL-LAND", "reason": "与信访人有亲属关系"},
    ),
    Action(
        "subjects",
        p.NamePetitionSubjects,
        (*WORKERS, *DESKS),
        "被反映单位: further units are complained of (R-PET-11)",
        {"subjects": ["GL-URBAN"], "reason": "信访人来电反映该单位工作人员推诿"},
    ),
    Action(
        "supervision",
        p.SupervisePetition,
        _OVERSEERS,
        "督办, on a ground of XF40 (R-PET-14)",
        {"ground": "shirking", "reason": "推诿拖延", "recommendation": "请明确承办人并限期办理"},
    ),
    Action(
        "supervision/answer",
        p.AnswerSupervision,
        _STAFF,
        "督办反馈 (XF40)",
        {"adopted": True, "note": "已明确承办人"},
    ),
    Action(
        "urgent-report",
        p.ReportUrgentPetition,
        _STAFF,
        "紧急报告: a major or urgent matter, at once (R-PET-15)",
        {"note": "可能引发群体性事件，已到场疏导"},
    ),
    Action(
        "evaluation",
        p.EvaluatePetition,
        (*WORKERS, *DESKS),
        "满意度评价: what the petitioner says of it, once there is a result (R-PET-13)",
        {"office_satisfied": True, "unit_satisfied": True},
    ),
    Action(
        "deadlines/recomputation",
        p.RecomputePetitionDeadlines,
        (Role.SUPERVISOR,),
        "重算时限 by a new year's schedule",
        {},
    ),
)
