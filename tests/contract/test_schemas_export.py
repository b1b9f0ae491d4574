"""The exported files are those of the present classes, and break nobody who relies on the published ones."""

import json
from pathlib import Path
from typing import Any, ClassVar

import jsonschema
import pytest
from pydantic import Field

from schemas import export
from schemas.asyncapi import render
from schemas.json_schema import contracts, json_schema
from schemas.message import Event
from schemas.samples import samples

CONTRACTS = contracts()
STALE = "the exported files are not those of the classes: run `make schemas` and commit the result"
each_contract = pytest.mark.parametrize("key", CONTRACTS)


class Rung(Event):
    """A bell was rung."""

    type: ClassVar[str] = "bell.Rung.v1"

    times: int = 1
    """How often."""


class RungShorter(Event):
    type: ClassVar[str] = "bell.Rung.v1"

    times: int = Field(default=1, le=0)


class RungLonger(Rung):
    tower: str | None = None


def published(tmp_path: Path, cls: type[Event] = Rung) -> Path:
    assert export.publish(tmp_path, {"bell.Rung.v1": cls}) == []
    return tmp_path


def files(root: Path) -> dict[str, str]:
    return {
        path.relative_to(root).as_posix(): path.read_text("utf-8")
        for path in root.rglob("*")
        if path.is_file()
    }


def test_no_exported_file_is_stale() -> None:
    assert export.stored(export.ROOT / "json") == export.documents(CONTRACTS), STALE
    assert (export.ROOT / "asyncapi.yaml").read_text("utf-8") == render(), STALE


def test_the_contract_breaks_nobody() -> None:
    """A failure here means: make a new version of the class instead (schemas/README.md)."""
    assert export.breaks(export.ROOT, CONTRACTS) == []


def test_something_is_published_with_samples() -> None:
    keys = {path.removesuffix(".json") for path in export.stored(export.ROOT / "json/published")}
    assert keys
    assert [key for key in keys if not (export.ROOT / "json/samples" / key / "1.json").exists()] == []


@each_contract
def test_the_schema_is_valid_and_takes_the_samples(key: str) -> None:
    schema = json_schema(key, CONTRACTS[key])
    jsonschema.Draft202012Validator.check_schema(schema)
    for body in samples(CONTRACTS[key]):
        jsonschema.validate(body, schema, format_checker=jsonschema.FormatChecker())


@each_contract
def test_a_message_survives_the_way_over_the_wire(key: str) -> None:
    """The chassis writes no nulls, so whatever may be None must be allowed to be absent."""
    cls = CONTRACTS[key]
    for body in samples(cls):
        message = cls.model_validate_json(json.dumps(body))
        assert cls.model_validate_json(message.model_dump_json(exclude_none=True)) == message


@each_contract
def test_what_may_be_none_may_be_absent(key: str) -> None:
    for model in models_of(json_schema(key, CONTRACTS[key])):
        nullable = {
            name
            for name, field in model.get("properties", {}).items()
            if {"type": "null"} in field.get("anyOf", ())
        }
        assert nullable & set(model.get("required", ())) == set(), model["title"]


@each_contract
def test_the_contract_is_told_in_words(key: str) -> None:
    for model in models_of(json_schema(key, CONTRACTS[key])):
        assert model.get("description"), f"{model['title']} has no docstring"


def models_of(schema: dict[str, Any]) -> list[dict[str, Any]]:
    return [schema, *schema.get("$defs", {}).values()]


def test_attribute_docstrings_become_descriptions() -> None:
    assert json_schema("bell.Rung.v1", Rung)["properties"]["times"]["description"] == "How often."
    assert json_schema("bell.Rung.v1", RungLonger)["properties"]["times"]["description"] == "How often."


def test_publishing_keeps_schemas_and_samples(tmp_path: Path) -> None:
    published(tmp_path)
    assert sorted(files(tmp_path)) == [
        "json/published/bell.Rung.v1.json",
        "json/samples/bell.Rung.v1/1.json",
        "json/samples/bell.Rung.v1/2.json",
    ]


def test_publishing_twice_changes_nothing(tmp_path: Path) -> None:
    before = files(published(tmp_path))
    assert files(published(tmp_path)) == before


def test_an_addition_is_published_and_its_sample_is_added(tmp_path: Path) -> None:
    before = files(published(tmp_path))
    after = files(published(tmp_path, RungLonger))
    assert after.keys() - before.keys() == {"json/samples/bell.Rung.v1/3.json"}
    assert "tower" in after["json/samples/bell.Rung.v1/3.json"]
    assert "tower" in after["json/published/bell.Rung.v1.json"]


def test_a_break_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    before = files(published(tmp_path))
    found = export.publish(tmp_path, {"bell.Rung.v1": RungShorter})
    assert "bell.Rung.v1: times: maximum was None, is 0 (stored events)" in found
    assert any(line.startswith("samples/bell.Rung.v1/2.json: times: ") for line in found)
    assert files(tmp_path) == before


def test_a_published_contract_stays_in_the_catalogue(tmp_path: Path) -> None:
    found = export.breaks(published(tmp_path), {})
    assert found == ["bell.Rung.v1: it was published and is no longer in schemas/catalogue.py"]


@pytest.fixture
def short_document(monkeypatch: pytest.MonkeyPatch) -> str:
    """What is exported as the AsyncAPI document, since to write the real one takes seconds."""
    monkeypatch.setattr("schemas.asyncapi.render", lambda: "asyncapi: 3.0.0\n")
    return "asyncapi: 3.0.0\n"


def test_exporting_deletes_what_is_no_longer_a_contract_and_leaves_the_published(
    tmp_path: Path, short_document: str
) -> None:
    gone = published(tmp_path) / "json" / "bell.Rung.v1.json"
    gone.write_text("{}")
    before = files(tmp_path / "json/published") | files(tmp_path / "json/samples")
    assert export.main([], tmp_path) == 0
    assert not gone.exists()
    assert (tmp_path / "asyncapi.yaml").read_text() == short_document
    assert files(tmp_path / "json/published") | files(tmp_path / "json/samples") == before


def test_the_command_says_what_breaks_and_what_to_do(
    tmp_path: Path, short_document: str, capsys: pytest.CaptureFixture[str]
) -> None:
    published(tmp_path)  # a type that the real catalogue does not have
    assert export.main(["--publish"], tmp_path) == 1
    told = capsys.readouterr().err
    assert "bell.Rung.v1: it was published" in told
    assert "<service>.<Name>.v2" in told
