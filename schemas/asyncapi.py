"""The AsyncAPI 3 document: topics, messages with their CloudEvents headers, and who sends and receives what."""

import json
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from schemas.catalogue import CHASSIS, EVENTS, service_of
from schemas.json_schema import component_schemas, topic_of
from schemas.message import CASE_EVENTS, CASE_PARKED, Event
from schemas.replies import REPLIES, REPLY_TOPIC, Reply, ReplyRejected
from schemas.samples import samples

_PROJECT: Final = Path(__file__).parents[1] / "pyproject.toml"
_CASE: Final = "0198f2a4-6c1e-7b3a-9d52-3f1c8a7e4b10"
_BINDING: Final = "0.5.0"
_CODE: Final = {"description": "Code of the unit, as in the jurisdiction's list of units."}
_IN_PAYLOAD: Final = {"location": "$message.payload#/unit"}
_CHANNELS: Final = {
    CASE_EVENTS: "All events of all cases. Keyed by case id.",
    "dept.{code}.assigned": "What one unit must do or know. Keyed by case id.",
    REPLY_TOPIC: "What one unit does with its cases. Plain JSON; of key and headers only `traceparent` is "
    "looked at.",
    "dept.{code}.rejected": "Replies of one unit that had no effect, and why. Keyed by the reply's case id, "
    "where it could be read, else by the nil UUID.",
    CASE_PARKED: "What services could not apply and set aside, with the reason, and what became of it. Keyed by "
    "case id.",
}
_SOURCES: Final = {ReplyRejected.type: REPLY_TOPIC.replace("{code}", "GL01")}
"""Whose sequence it is, where it is not the service's own."""
_DESCRIPTION: Final = """\
What happens to residents' cases, as CloudEvents 1.0 in Kafka's binary mode: the attributes are record headers, the
value is the event as JSON, the key is the case id. All events of a case lie in one partition, in the order in which
they happened. Delivery is at least once: (`ce_source`, `ce_subject`, `ce_sequence`) names an event for good, and a
reader skips a sequence that is not higher than the last one seen of that source and case.
No message says who reported a case.
What a department writes on its topic `replies` is no event but a plain JSON object."""


def _header(description: str, example: str, **more: Any) -> dict[str, Any]:
    return {"type": "string", "description": description, "examples": [example], **more}


def headers(type_: str) -> dict[str, str]:
    """Return the headers of an example of this type."""
    own = "router.parked" if service_of(type_) == CHASSIS else service_of(type_)
    source = _SOURCES.get(type_) or own
    return {
        "ce_specversion": "1.0",
        "ce_id": f"{source}/{_CASE}/3",
        "ce_source": source,
        "ce_type": type_,
        "ce_time": "2026-03-02T01:30:00.123456Z",
        "ce_subject": _CASE,
        "ce_sequence": "3",
        "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "content-type": "application/json",
    }


def header_schema() -> dict[str, Any]:
    """Return the schema of the record headers; their values are UTF-8 text."""
    example = headers("router.CaseDispatched.v1")
    told: dict[str, tuple[str, dict[str, Any]]] = {
        "ce_specversion": ("Version of CloudEvents.", {"const": "1.0"}),
        "ce_id": ("`<source>/<case id>/<sequence>`, the same at every delivery.", {}),
        "ce_source": (
            f"The service that emitted the event; `<service>.parked` on {CASE_PARKED}; of a rejection, the topic "
            "of the reply.",
            {},
        ),
        "ce_type": ("`<service>.<Name>.v<version>`.", {}),
        "ce_time": ("When it happened, by the emitting service's clock.", {"format": "date-time"}),
        "ce_subject": ("The case id; the record's key as well.", {"format": "uuid"}),
        "ce_sequence": (
            "Version of the source's own record of the case; rises by at least one from event to event.",
            {"pattern": "^[1-9][0-9]*$"},
        ),
        "traceparent": (
            "W3C trace context of the step that emitted the event; absent where nobody traces: from the "
            "rejection of a reply that came without one.",
            {},
        ),
        "content-type": ("Media type of the value.", {"const": "application/json"}),
    }
    properties = {name: _header(text, example[name], **more) for name, (text, more) in told.items()}
    return {
        "title": "CloudEventsHeaders",
        "type": "object",
        "properties": properties,
        "required": sorted(properties.keys() - {"traceparent"}),
    }


def document(events: Mapping[str, type[Event]] = EVENTS) -> dict[str, Any]:
    """Return the whole document as plain data."""
    payloads, definitions = component_schemas({**events, **_replies()})
    topics = {address: _of_topic(events, address) for address in sorted({*map(topic_of, events.values())})}
    services = sorted({*map(service_of, events)})
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Caseladder events",
            "version": tomllib.loads(_PROJECT.read_text("utf-8"))["project"]["version"],
            "description": _DESCRIPTION,
            "tags": [{"name": name} for name in services],
        },
        "defaultContentType": "application/json",
        "channels": {
            _id(address): _channel(address, types)
            for address, types in sorted([*topics.items(), (REPLY_TOPIC, list(_replies()))])
        },
        "operations": _operations(topics, services) | _reply_operations(),
        "components": {
            "messages": {
                **{key: _message(key, cls, payloads[key]) for key, cls in events.items()},
                **{key: _reply_message(key, cls, payloads[key]) for key, cls in _replies().items()},
            },
            "messageTraits": {"cloudEvents": _trait()},
            "schemas": {name: _draft_07(schema) for name, schema in sorted(definitions.items())}
            | {"CloudEventsHeaders": header_schema()},
        },
    }


def render() -> str:
    """Return the document as YAML, the same for the same contracts."""
    plain = json.loads(json.dumps(document()))  # without shared parts, which YAML would write as anchors
    text: str = yaml.safe_dump(plain, allow_unicode=True, sort_keys=True, width=110)
    return "# Made by `make schemas` from the classes in schemas/; do not edit.\n" + text


def _of_topic(events: Mapping[str, type[Event]], address: str) -> list[str]:
    return [key for key, cls in events.items() if topic_of(cls) == address]


def _replies() -> dict[str, type[Reply]]:
    """Return the replies by the key of their message."""
    return {f"reply.{action}": REPLIES[action] for action in sorted(REPLIES)}


def _id(address: str) -> str:
    return address.replace("{", "").replace("}", "")


def _channel(address: str, types: Iterable[str]) -> dict[str, Any]:
    code = _CODE if address == REPLY_TOPIC else {**_CODE, **_IN_PAYLOAD}
    return {
        "address": address,
        "description": _CHANNELS.get(address, address),
        "messages": {key: {"$ref": f"#/components/messages/{key}"} for key in types},
        **({"parameters": {"code": code}} if "{code}" in address else {}),
    }


def _operations(topics: Mapping[str, list[str]], services: Iterable[str]) -> dict[str, Any]:
    """Each service sends its own events; every service reads the whole case stream, a unit its own topic.

    What every service sends, and those who run them read, is told once, under `CHASSIS`.
    """
    made: dict[str, Any] = {}
    for address, types in topics.items():
        for service in services:
            own = [key for key in types if service_of(key) == service]
            if own:
                made[f"{service}.send.{_id(address)}"] = _operation("send", address, service, own)
            if address == CASE_EVENTS and service != CHASSIS:
                made[f"{service}.receive.{_id(address)}"] = _operation("receive", address, service, types)
        if address != CASE_EVENTS:
            who = "ops" if address == CASE_PARKED else "department"
            made[f"{who}.receive.{_id(address)}"] = _operation("receive", address, who, types)
    return made


def _reply_operations() -> dict[str, Any]:
    return {
        f"department.send.{_id(REPLY_TOPIC)}": _operation("send", REPLY_TOPIC, "department", _replies()),
        f"router.receive.{_id(REPLY_TOPIC)}": _operation("receive", REPLY_TOPIC, "router", _replies()),
    }


def _operation(action: str, address: str, who: str, types: Iterable[str]) -> dict[str, Any]:
    channel = f"#/channels/{_id(address)}"
    what = "emits its events" if action == "send" else "reads the topic and skips the types it has no use for"
    return {
        "action": action,
        "channel": {"$ref": channel},
        "summary": f"{who} {what}.",
        "tags": [{"name": who}],
        "messages": [{"$ref": f"{channel}/messages/{key}"} for key in types],
    }


def _message(key: str, cls: type[Event], payload: Any) -> dict[str, Any]:
    told = _told(key, cls, payload, {"headers": headers(key)})
    return {
        **told,
        "tags": [{"name": service_of(key)}],
        "traits": [{"$ref": "#/components/messageTraits/cloudEvents"}],
    }


def _reply_message(key: str, cls: type[Reply], payload: Any) -> dict[str, Any]:
    return {
        **_told(key, cls, payload, {}),
        "contentType": "application/json",
        "tags": [{"name": "department"}],
    }


def _told(key: str, cls: type[Event] | type[Reply], payload: Any, more: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is said of any message; `more` stands in each example, too."""
    summary, _, rest = (cls.__doc__ or "").partition("\n")
    small, full = samples(cls)
    return {
        "name": key,
        "title": cls.__name__,
        "summary": summary,
        **({"description": " ".join(rest.split())} if rest.strip() else {}),
        "payload": payload,
        "examples": [
            {"name": "required", "summary": "Required fields only", **more, "payload": small},
            {"name": "full", "summary": "Every field", **more, "payload": full},
        ],
    }


def _trait() -> dict[str, Any]:
    return {
        "contentType": "application/json",
        "headers": {"$ref": "#/components/schemas/CloudEventsHeaders"},
        "correlationId": {"description": "The case id.", "location": "$message.header#/ce_subject"},
        "bindings": {
            "kafka": {
                "key": {"type": "string", "format": "uuid", "description": "The case id."},
                "bindingVersion": _BINDING,
            }
        },
    }


def _draft_07(schema: Any) -> Any:
    """The schema for AsyncAPI, whose dialect ignores what stands beside a `$ref`: both go under `allOf`."""
    if isinstance(schema, list):
        return [_draft_07(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    made = {key: _draft_07(value) for key, value in schema.items()}
    if "$ref" in made and len(made) > 1:
        made["allOf"] = [{"$ref": made.pop("$ref")}]
    return made
