"""A route in words, for residents and units: rules that decided, where it entered, what was passed over."""

from collections.abc import Mapping
from typing import Final

from schemas.router import Ground, Route

RUNGS: Final = ("楼组", "网格", "社区", "街道", "区")
GROUNDS: Final[Mapping[Ground, str]] = {
    Ground.NO_LEGAL_POWER: "本级无法定职权",
    Ground.MEDIATION_FAILED: "调解不成且当事人申请",
    Ground.SECOND_BREACH: "督办后再次逾期",
    Ground.PARTIES_OUTSIDE: "当事人不在本辖区",
    Ground.OWNER_UNCLEAR: "责任主体不明确",
    Ground.COORDINATION_FAILED: "经协调仍无法解决",
    Ground.SEVERAL_DEPARTMENTS: "涉及多个部门",
    Ground.MANY_HOUSEHOLDS: "涉及户数较多",
    Ground.SUBJECT_SKIPPED: "本级有利害关系，应当回避",
    Ground.DANGER: "存在紧急危险",
    Ground.OBJECTION_UPHELD: "派单异议成立",
    Ground.RESIDENT_CHOICE: "诉求人自主选择途径",
    Ground.CONSULT_ANSWERED: "咨询已答复",
    Ground.CALL_COUNT: "来电次数",
    Ground.IDENTITY: "诉求人身份",
    Ground.FINAL_CASE: "事项已终结",
    Ground.DISSATISFIED_LAWFUL: "对合法且已说明的结果不满",
}


def explain(route: Route, names: Mapping[str, str], evidence: Mapping[str, str]) -> list[str]:
    """Say a route in Chinese sentences. `names`: units by code; `evidence`: kinds of evidence by code."""
    said = []
    if route.entry is not None:
        entry = route.entry
        at = RUNGS[max(entry.matter, entry.common, entry.floor)]
        area = names.get(entry.unit, entry.unit)
        said.append(
            f"事项应由{RUNGS[entry.matter]}起办理，{area}为涵盖地点和各方的最低层级，因此从{at}进入。"
        )
        if entry.floor:
            said.append(f"涉及户数或部门较多，直接进入{RUNGS[entry.floor]}（R-LAD-03）。")
    for skip in route.skipped:
        unit = names.get(skip.unit, skip.unit)
        said.append(f"跳过{RUNGS[skip.rung]}（{unit}）：{skip.reason}（{skip.rule}）。")
    if route.ground is not None:
        shown = "、".join(f"{evidence.get(e.kind, e.kind)} {e.reference}" for e in route.evidence)
        said.append(f"上行理由：{GROUNDS[route.ground]}（{route.ground}）；证据：{shown}。")
    if route.successor_of is not None:
        said.append(
            f"{names.get(route.successor_of, route.successor_of)}已撤销，由承继单位办理（R-PET-04）。"
        )
    said.extend(f"依据{row.source}（规则 {row.table}/{row.row}）。" for row in route.rows)
    said.append(f"策略版本 {route.policy}，辖区数据版本 {route.jurisdiction}。")
    return said
