"""A small and a full example of every contract, made from its class, so that none can be out of date.

Words come from `_WORDS` and `_NUMBERS`, by the name of the field; everything else follows from the type.
"""

import json
from collections.abc import Mapping
from typing import Any, Final

from pydantic import BaseModel

from schemas.replies import CLERK, OWN_ID

_CASE: Final = "0198f2a4-6c1e-7b3a-9d52-3f1c8a7e4b10"
_WHEN: Final = "2026-03-02T01:30:00Z"
_WORDS: Final[Mapping[str, str]] = {
    "Candidate.matter": "municipal.streetlight", "NamedExit.code": "reconsideration", "NamedExit.name": "行政复议",
    "EventParked.reason": "text: Input should be a valid string", "EventParked.source": "intake",
    "EventUnparked.reason": "重复录入，经核实无须处理。", "EventUnparked.source": "intake",
    "OpenRoute.code": "court", "OpenRoute.name": "民事诉讼", "PanelSeat.seat": "police",
    "Party.unit": "GL010101",
    "Term.name": "handle", "address": "澄湖街道博苑社区3号楼", "answer": "已当面说明政策并告知办理途径。",
    "assignment": f"{_CASE}/1", "attachments": "doc:2026-0317", "authority": "GL-URBAN",
    "building_group": "GL01010103", "calendar": "2026.1", "changed": "handle",
    "committee": "GLC-0101", "court": "GL-COURT",
    "ended_by": "router.CaseClosed.v1", "event_type": "intake.CaseSupplemented.v1",
    "exit": "reconsideration", "explanation": "配件已订购，预计两日内到货。",
    "grid": "GL010101", "ground": "着火", "jurisdiction": "2026.1", "key_id": "master-1", "kind": "document",
    "lead": "GL01", "leader": "鼓楼区人民政府办公室", "line": "119", "matter": "municipal.streetlight",
    "measure": "现场更换灯泡，已恢复照明。",
    "attended": "A", "mediator": "GLM-0101-01", "mediators": "GLM-0101-01",
    "origin": "REFERRED", "panel": "three-in-one", "party": "A", "procedure": "peoples", "refused_by": "B",
    "stage": "MEDIATING", "note": "已与居民电话联系。", "parties": "GL0101",
    "place": "GL010101", "policy": "9f2c41d07b6e", "proposed": "GL-URBAN", "reason": "已核实，情况属实。",
    "reference": "doc:2026-0317", "result": "路灯已修复。", "role": "handler", "row": "streetlight",
    "replies": "dept.GL01.replies", "rule": "handle.3", "service": "router", "source": "DES", "street": "GL01",
    "subject": "staff-0042", "subjects": "GL-MARKET",
    "successor_of": "GL02", "table": "escalation", "term": "handle", "text": "楼下路灯坏了三天，晚上出行不便。",
    "title": "路灯不亮", "topic": "municipal.streetlight", "track": "S", "undelivered": "GL-HOUSING",
    "unit": "GL01", "units": "GL-HOUSING", "words": "路灯", "worker": "GL010101",
}  # fmt: skip
_NUMBERS: Final = {"longitude": 117.185, "latitude": 34.281}
_BY_FORMAT: Final = {"uuid": _CASE, "date-time": _WHEN, "date": "2026-04-01"}
_BY_PATTERN: Final = {
    OWN_ID: "2026-0317-1",
    CLERK: "clerk-17",
    "^[SMPL]$": "S",
    "^(110|119|120|122)$": "119",
    "^[A-Z]$": "A",
}


def samples(cls: type[BaseModel]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return two valid bodies for the wire: with the required fields only, and with all of them.

    Raises pydantic's ValidationError where the class refuses what its own schema allows.
    """
    schema = cls.model_json_schema()
    small, full = _Maker(schema, full=False).made(), _Maker(schema, full=True).made()
    for body in (small, full):
        cls.model_validate_json(json.dumps(body))
    return small, full


class _Maker:
    """Makes one value that a schema allows."""

    def __init__(self, schema: Mapping[str, Any], *, full: bool) -> None:
        self._root = schema
        self._full = full

    def made(self) -> Any:
        return self._value(self._root, "")

    def _value(self, schema: Mapping[str, Any], name: str) -> Any:
        if "$ref" in schema:
            return self._value(self._root["$defs"][schema["$ref"].removeprefix("#/$defs/")], name)
        for key in ("anyOf", "oneOf"):
            if key in schema:
                return self._value(next(one for one in schema[key] if one.get("type") != "null"), name)
        if "const" in schema:
            return schema["const"]
        if "enum" in schema:
            return schema["enum"][0]
        match schema["type"]:
            case "object":
                return self._object(schema, name)
            case "array":
                return [self._value(schema["items"], name)] * schema.get("minItems", 1)
            case "string":
                return self._string(schema, name)
            case "boolean":
                return True
            case "integer" | "number":
                return _NUMBERS.get(name, schema.get("minimum", schema.get("exclusiveMinimum", 0) + 1))
        raise TypeError(f"{name}: no sample is known for {schema!r}")

    def _object(self, schema: Mapping[str, Any], name: str) -> Any:
        if isinstance(values := schema.get("additionalProperties"), Mapping):
            return {_WORDS.get(name, name): self._value(values, name)}
        wanted = schema.get("properties", {}) if self._full else schema.get("required", ())
        fields = schema.get("properties", {})
        return {key: self._field(fields[key], key, schema.get("title", "")) for key in wanted}

    def _field(self, schema: Mapping[str, Any], name: str, owner: str) -> Any:
        default = schema.get("default")
        if default in (None, "", [], {}, False):
            return self._value(schema, f"{owner}.{name}" if f"{owner}.{name}" in _WORDS else name)
        return default

    def _string(self, schema: Mapping[str, Any], name: str) -> str:
        if (known := _BY_FORMAT.get(schema.get("format", ""))) is not None:
            return known
        if "pattern" in schema:
            return _BY_PATTERN[schema["pattern"]]
        return _WORDS.get(name, "示例")
