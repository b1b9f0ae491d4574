"""Write the contracts out: `python -m schemas.export [--publish]`.

schemas/asyncapi.yaml                      all topics and messages
schemas/json/<type>.json                   an event
schemas/json/commands/<Name>.json          a command
schemas/json/replies/<action>.json         a reply of a department
schemas/json/published/...                 the same as last released; only `--publish` writes here
schemas/json/samples/<type>/<n>.json       bodies of released versions; `--publish` adds, nothing is replaced
schemas/json/samples/commands/<Name>/<n>.json, replies/<action>/<n>.json
"""

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ValidationError

from schemas import asyncapi
from schemas.compatibility import command_breaks, event_breaks
from schemas.json_schema import COMMAND_PREFIX, REPLY_PREFIX, contracts, json_schema
from schemas.samples import samples

ROOT: Final = Path(__file__).parent
_JSON: Final = "json"
_PUBLISHED: Final = "json/published"
_SAMPLES: Final = "json/samples"

_COMING_IN: Final = (COMMAND_PREFIX, REPLY_PREFIX)
"""What others send to us."""

Contracts = Mapping[str, type[BaseModel]]


def documents(classes: Contracts) -> dict[str, str]:
    """Return the text of each contract's JSON Schema by its path below `json/`."""
    return {f"{key}.json": _text(json_schema(key, cls)) for key, cls in classes.items()}


def export(root: Path) -> None:
    """Write all schemas below `root`, and delete those of contracts that are no more."""
    made = documents(contracts())
    for path in stored(root / _JSON).keys() - made.keys():
        (root / _JSON / path).unlink()
    for path, text in made.items():
        _write(root / _JSON / path, text)
    _write(root / "asyncapi.yaml", asyncapi.render())


def stored(folder: Path) -> dict[str, str]:
    """Return the texts of the schemas in a folder (`json/` or `json/published/`) by their path below it."""
    found = [path for prefix in ("", *_COMING_IN) for path in folder.glob(f"{prefix}*.json")]
    return {path.relative_to(folder).as_posix(): path.read_text("utf-8") for path in sorted(found)}


def breaks(root: Path, classes: Contracts) -> list[str]:
    """Return how `classes` break what is published below `root`: `<contract>: <field>: <what> (<whom>)`."""
    return [*_schema_breaks(root / _PUBLISHED, classes), *_sample_breaks(root / _SAMPLES, classes)]


def publish(root: Path, classes: Contracts) -> list[str]:
    """Make `classes` the published contract. Where they break the present one: return how, and write nothing."""
    if found := breaks(root, classes):
        return found
    for path, text in documents(classes).items():
        _write(root / _PUBLISHED / path, text)
    for key, cls in classes.items():
        _add_samples(root / _SAMPLES / key, [_text(body) for body in samples(cls)])
    return []


def main(arguments: Sequence[str] | None = None, root: Path = ROOT) -> int:
    """Export, and publish if asked. Returns the exit code: 1 where publishing was refused."""
    parser = argparse.ArgumentParser(prog="python -m schemas.export", description="Export the contracts.")
    parser.add_argument(
        "--publish",
        action="store_true",
        help="make them the released contract, unless they break the last one",
    )
    chosen = parser.parse_args(arguments)
    export(root)
    if chosen.publish and (found := publish(root, contracts())):
        sys.stderr.write(refusal(found))
        return 1
    return 0


def refusal(found: Sequence[str]) -> str:
    """Say what breaks, and what to do instead."""
    return (
        "Not published: this breaks those who rely on the published contract.\n"
        + "".join(f"  {line}\n" for line in found)
        + "Put the class back as it was and add a new one beside it: `<Name>V2`, type `<service>.<Name>.v2`\n"
        "(for a command, a new name). schemas/README.md tells how to move from one to the other.\n"
    )


def _schema_breaks(folder: Path, classes: Contracts) -> Iterator[str]:
    for path, text in stored(folder).items():
        key = path.removesuffix(".json")
        cls = classes.get(key)
        if cls is None:
            yield f"{key}: it was published and is no longer in schemas/catalogue.py"
            continue
        compare = command_breaks if key.startswith(_COMING_IN) else event_breaks
        yield from (f"{key}: {line}" for line in compare(json.loads(text), json_schema(key, cls)))


def _sample_breaks(folder: Path, classes: Contracts) -> Iterator[str]:
    for path in sorted(folder.rglob("*.json")):
        cls = classes.get(path.parent.relative_to(folder).as_posix())
        if cls is not None:  # a contract that is gone has been named already
            yield from _refused(cls, path, folder)


def _refused(cls: type[BaseModel], path: Path, folder: Path) -> Iterator[str]:
    try:
        cls.model_validate_json(path.read_text("utf-8"))
    except ValidationError as error:
        for problem in error.errors(include_url=False, include_input=False):
            field = ".".join(map(str, problem["loc"]))
            yield f"{path.relative_to(folder.parent).as_posix()}: {field}: {problem['msg']} (stored messages)"


def _add_samples(folder: Path, texts: Sequence[str]) -> None:
    known = {path.read_text("utf-8") for path in folder.glob("*.json")}
    new = [text for text in dict.fromkeys(texts) if text not in known]
    for number, text in enumerate(new, start=len(known) + 1):
        _write(folder / f"{number}.json", text)


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2) + "\n"


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")


if __name__ == "__main__":
    sys.exit(main())
