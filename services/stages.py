"""The procedures and their stages in plain Chinese, for residents and units (domain.md §4)."""

from collections.abc import Mapping
from typing import Final

from schemas.procedure import ProcedureName

PROCEDURES: Final[Mapping[ProcedureName, str]] = {"mediation": "人民调解", "petition": "信访"}
STAGES: Final[Mapping[str, str]] = {
    "APPLIED": "已收到调解申请",
    "REFERRED": "已转交调解",
    "PROACTIVE": "主动介入调解",
    "CONSENT": "正在征求各方当事人意见",
    "ACCEPTED": "已受理",
    "MEDIATING": "正在调解",
    "AGREED_WRITTEN": "已达成书面协议",
    "AGREED_ORAL": "已达成口头协议",
    "PARTIAL": "已部分达成协议",
    "FOLLOW_UP": "正在回访协议履行情况",
    "RECEIVED": "已收到信访事项",
    "REGISTERED": "已登记",
    "FORWARDED": "已转送有权处理的单位",
    "ASSIGNED": "已交办有权处理的单位",
    "OBJECTED": "承办单位提出异议，正在重新确定",
    "INVESTIGATING": "正在调查核实",
    "HEARING": "正在听证",
    "OPINION": "已出具处理意见",
    "EXECUTING": "正在督促落实处理意见",
    "REVIEW": "正在复查",
    "REVIEW_OPINION": "已出具复查意见",
    "RECHECK": "正在复核",
    "REFUSED": "一方不同意调解",
    "PERFORMED": "协议已履行",
    "BREACHED": "协议未履行",
    "LEGAL_INFORMED": "已告知法律途径",
    "TERMINATED": "调解已终止",
    "STATUTORY_ROUTED": "已转法定途径",
    "DISCIPLINE_SEALED": "已密转有权处理的机关",
    "NOT_ACCEPTED": "不予受理，已说明理由",
    "SETTLED": "已办结",
    "LAPSED": "期满未申请复查、复核，已办结",
    "FINAL": "三级终结",
    "LEFT": "已转其他途径",
}


def stage_words(stage: str) -> str:
    """The stage in words; a stage without words by its code."""
    return STAGES.get(stage, stage)
