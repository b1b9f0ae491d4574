"""The AsyncAPI document is valid, whole, and says what the classes and the envelope say."""

import gzip
import json
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import fields
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from schemas.asyncapi import document, header_schema, headers, render
from schemas.catalogue import EVENTS, service_of
from schemas.envelope import Envelope
from schemas.json_schema import topic_of
from schemas.replies import REPLIES, REPLY_TOPIC

META_SCHEMA = json.loads(
    gzip.decompress((Path(__file__).parent / "vendor/asyncapi/3.0.0.json.gz").read_bytes())
)
DOCUMENT = document()


def problems(candidate: dict[str, Any]) -> list[str]:
    return [error.message for error in jsonschema.Draft7Validator(META_SCHEMA).iter_errors(candidate)]


def references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for value in node.values():
            yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


def resolved(reference: str) -> Any:
    node: Any = DOCUMENT
    for step in reference.removeprefix("#/").split("/"):
        node = node[step]
    return resolved(node["$ref"]) if "$ref" in node else node


def test_the_document_is_valid_asyncapi_3() -> None:
    assert problems(DOCUMENT) == []


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("asyncapi",), "2.6.0"),
        (("channels", "case.events", "address"), 5),
        (("operations", "intake.send.case.events", "action"), "emit"),
        (("components", "messages", "intake.CaseSubmitted.v1", "payload"), "text"),
        (("components", "messageTraits", "cloudEvents", "bindings", "kafka", "key"), "text"),
    ],
)
def test_the_check_can_fail(path: tuple[str, ...], value: Any) -> None:
    broken = deepcopy(DOCUMENT)
    node = broken
    for step in path[:-1]:
        node = node[step]
    node[path[-1]] = value
    assert problems(broken)


def test_every_reference_leads_somewhere() -> None:
    found = set(references(DOCUMENT))
    assert all(resolved(reference) for reference in found)
    assert len(found) > len(EVENTS)


def test_the_yaml_says_the_same() -> None:
    text = render()
    quick = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    assert yaml.load(text, quick) == json.loads(json.dumps(DOCUMENT))
    assert text.endswith("\n")


def test_every_event_is_a_message_of_its_topic() -> None:
    for type_, cls in EVENTS.items():
        carrying = [
            channel["address"] for channel in DOCUMENT["channels"].values() if type_ in channel["messages"]
        ]
        assert carrying == [topic_of(cls)], type_


def test_every_event_is_sent_by_its_owner_alone() -> None:
    senders: dict[str, list[str]] = {type_: [] for type_ in EVENTS}
    for operation in DOCUMENT["operations"].values():
        if operation["action"] == "send":
            for message in operation["messages"]:
                senders.setdefault(resolved(message["$ref"])["name"], []).append(operation["tags"][0]["name"])
    replies = {f"reply.{action}": ["department"] for action in REPLIES}
    assert senders == {type_: [service_of(type_)] for type_ in EVENTS} | replies


def test_a_reply_needs_no_headers_and_is_read_by_the_router_alone() -> None:
    channel = DOCUMENT["channels"]["dept.code.replies"]
    assert (channel["address"], len(channel["messages"])) == (REPLY_TOPIC, len(REPLIES))
    assert not any(
        {"traits", "headers"} & resolved(found["$ref"]).keys() for found in channel["messages"].values()
    )
    receivers = [
        operation["tags"][0]["name"]
        for operation in DOCUMENT["operations"].values()
        if operation["action"] == "receive" and operation["channel"]["$ref"].endswith("dept.code.replies")
    ]
    assert receivers == ["router"]


@pytest.mark.parametrize("action", REPLIES)
def test_examples_of_replies_fit(action: str) -> None:
    message = DOCUMENT["components"]["messages"][f"reply.{action}"]
    validator = jsonschema.Draft7Validator({**message["payload"], "components": DOCUMENT["components"]})
    for example in message["examples"]:
        validator.validate(example["payload"])
        assert example["payload"]["action"] == action


@pytest.mark.parametrize("type_", EVENTS)
def test_examples_fit_headers_and_payload(type_: str) -> None:
    message = DOCUMENT["components"]["messages"][type_]
    for example in message["examples"]:
        jsonschema.Draft7Validator(header_schema()).validate(example["headers"])
        validator = jsonschema.Draft7Validator({**message["payload"], "components": DOCUMENT["components"]})
        validator.validate(example["payload"])


def test_the_headers_carry_the_whole_envelope() -> None:
    """All of the envelope but the topic, which is the record's place, and the data, which is its value."""
    header_of = {"case_id": "ce_subject", "traceparent": "traceparent"}
    wanted = {header_of.get(field.name, f"ce_{field.name}") for field in fields(Envelope)} - {
        "ce_topic",
        "ce_data",
    }
    assert wanted | {"ce_id", "ce_specversion", "content-type"} == set(headers("intake.CaseSubmitted.v1"))
    assert set(header_schema()["properties"]) == set(headers("intake.CaseSubmitted.v1"))
