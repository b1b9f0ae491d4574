"""Examples in the OpenAPI document: how real submissions look."""

from typing import Final

from pydantic.config import JsonDict, JsonValue

HOTLINE: Final[JsonDict] = {
    "channel": "hotline",
    "kind": "complain",
    "title": "楼上漏水两个月无人处理",
    "text": "秋岭公寓3幢502室反映：楼上卫生间漏水已两个月，多次找物业未果，天花板大面积发霉，要求尽快解决。",
    "place": {"address": "秋岭公寓3幢"},
    "matter": "property.leak",
    "households": 2,
    "reporter": {"name": "王某某", "phone": "13800138000", "confidential": False},
    "received_at": "2026-03-02T09:30:00+08:00",
}
WEB: Final[JsonDict] = {
    "kind": "help",
    "title": "小区门口路灯不亮",
    "text": "小区北门外三盏路灯坏了一周，晚上老人孩子出入很不安全，请尽快维修。",
    "place": {"longitude": 117.1525, "latitude": 34.2645},
}
GRID: Final[JsonDict] = {
    "kind": "report",
    "title": "楼道堆放杂物",
    "text": "巡查发现2单元一楼楼道堆放纸箱，存在消防隐患，已与住户沟通并当场清理。",
    "location": {"longitude": 117.1525, "latitude": 34.2645},
    "resolved": {"measure": "现场劝导并协助清理完毕", "resolved_at": "2026-03-02T10:05:00+08:00"},
}
EMERGENCY: Final[JsonDict] = {
    "channel": "hotline",
    "title": "楼道里有很浓的燃气味",
    "text": "来电人称楼道燃气味很浓，已有住户头晕，请求紧急处置。",
    "place": {"grid": "GL010101"},
    "emergency_line": "119",
    "reporter": {"phone": "13900139000"},
}
CASE_EXAMPLES: Final[list[JsonValue]] = [HOTLINE, WEB, GRID, EMERGENCY]
