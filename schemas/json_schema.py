"""Each event, command and reply as a JSON Schema (2020-12), and all of them together for AsyncAPI."""

from collections.abc import Mapping
from typing import Any, Final

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue, models_json_schema
from pydantic_core import core_schema

from schemas.attribute_docs import attribute_docs
from schemas.catalogue import COMMANDS, EVENTS
from schemas.message import Command, Event
from schemas.replies import REPLIES, REPLY_TOPIC, Reply

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
COMMAND_PREFIX: Final = "commands/"
REPLY_PREFIX: Final = "replies/"


def contracts() -> Mapping[str, type[Event] | type[Command] | type[Reply]]:
    """Return all that is published, by key: an event's type, `commands/<Name>` or `replies/<action>`.

    The key names its files.
    """
    commands = {name: cls for own in COMMANDS.values() for name, cls in own.items()}
    return {
        **EVENTS,
        **{COMMAND_PREFIX + name: commands[name] for name in sorted(commands)},
        **{REPLY_PREFIX + action: REPLIES[action] for action in sorted(REPLIES)},
    }


def topic_of(cls: type[Event] | type[Reply]) -> str:
    """Return the address of the topic that carries the message; `{code}` stands for the code of a unit."""
    return REPLY_TOPIC if issubclass(cls, Reply) else cls.model_construct(unit="{code}").topic()


def json_schema(key: str, cls: type[BaseModel]) -> dict[str, Any]:
    """Return the schema of one contract as it stands in a message or request."""
    schema = cls.model_json_schema(mode="validation", schema_generator=_Documented)
    head: dict[str, Any] = {"$schema": DIALECT, "$id": f"urn:caseladder:{key.replace('/', ':')}"}
    if issubclass(cls, Event | Reply):
        head["x-topic"] = topic_of(cls)
    return head | schema


def component_schemas(
    classes: Mapping[str, type[Event] | type[Reply]],
) -> tuple[Mapping[str, Any], dict[str, Any]]:
    """Return for each key a reference to its schema, and the schemas, as AsyncAPI's `components/schemas`."""
    references, definitions = models_json_schema(
        [(cls, "validation") for cls in classes.values()],
        ref_template="#/components/schemas/{model}",
        schema_generator=_Documented,
    )
    return {key: references[cls, "validation"] for key, cls in classes.items()}, definitions["$defs"]


class _Documented(GenerateJsonSchema):
    """Adds what stands under the attributes: to fields as `description`, to members as `x-enum-descriptions`."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False  # "Received At" says no more than received_at

    def model_schema(self, schema: core_schema.ModelSchema) -> JsonSchemaValue:
        made = super().model_schema(schema)
        docs = {**attribute_docs(getattr(schema["cls"], "command", object)), **attribute_docs(schema["cls"])}
        for name, field in made.get("properties", {}).items():
            if name in docs:
                field.setdefault("description", docs[name])
        return made

    def enum_schema(self, schema: core_schema.EnumSchema) -> JsonSchemaValue:
        made = super().enum_schema(schema)
        docs = attribute_docs(schema["cls"])
        told = {str(member.value): docs[member.name] for member in schema["members"] if member.name in docs}
        return made | {"x-enum-descriptions": told} if told else made
