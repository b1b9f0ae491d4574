"""Read YAML, CSV and GeoJSON files so that every value knows its line, and collect what is wrong with them."""

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import yaml
from pydantic import TypeAdapter, ValidationError

_YAML_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
T = TypeVar("T")
_FEATURE = re.compile(r'"type"\s*:\s*"Feature"')


class Finding(NamedTuple):
    """One thing wrong in one place; the message says what would be right. Lines count from 1."""

    file: str
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.message}"


class ReferenceInvalid(Exception):
    """The jurisdiction's files contradict themselves or each other; `errors` lists every finding."""

    def __init__(self, errors: Sequence[Finding]) -> None:
        super().__init__("\n".join(str(error) for error in errors))
        self.errors = list(errors)


@dataclass
class Findings:
    """Collects findings so that an editor sees all of them at once."""

    items: list[Finding] = field(default_factory=list)

    def add(self, file: str, line: int, message: str) -> None:
        self.items.append(Finding(file, line, message))

    def raise_if_any(self) -> None:
        """Raise `ReferenceInvalid` with everything found so far, in the order of files and lines."""
        if self.items:
            raise ReferenceInvalid(sorted(self.items))


@dataclass(frozen=True)
class YamlFile:
    """The plain data of a YAML file, and the line at which each path (keys and indexes) begins."""

    file: str
    data: Any
    lines: Mapping[tuple[str, ...], int]

    def line(self, *path: object) -> int:
        """The line of a path, or of its nearest existing parent."""
        keys = tuple(str(key) for key in path)
        while keys and keys not in self.lines:
            keys = keys[:-1]
        return self.lines.get(keys, 1)


def read_text(root: Path, name: str, findings: Findings) -> str | None:
    """The file's text, or a finding when it is missing or not UTF-8."""
    try:
        raw = (root / name).read_bytes()
    except OSError:
        findings.add(name, 1, f"cannot read the file; expected it at {name} in the jurisdiction's folder")
        return None
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        findings.add(name, line, "not valid UTF-8; save the file as UTF-8")
        return None


def read_yaml(root: Path, name: str, findings: Findings) -> YamlFile | None:
    """Parse a YAML file with line numbers; a key given twice is a finding."""
    text = read_text(root, name, findings)
    if text is None:
        return None
    loader = _YAML_LOADER(text)
    lines: dict[tuple[str, ...], int] = {}
    try:
        node = loader.get_single_node()
        if node is None:
            findings.add(name, 1, "the file is empty")
            return None
        data = _construct(loader, node, (), lines, lambda line, message: findings.add(name, line, message))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        findings.add(name, mark.line + 1 if mark else 1, f"not valid YAML: {error.problem or error.context}")
        return None
    finally:
        loader.dispose()
    return YamlFile(name, data, lines)


def _construct(
    loader: Any, node: Any, path: tuple[str, ...], lines: dict[tuple[str, ...], int], report: Any
) -> Any:
    """The node's plain value; notes the line of every path on the way."""
    line = node.start_mark.line + 1
    lines.setdefault(path, line)
    if isinstance(node, yaml.SequenceNode):
        return [_construct(loader, item, (*path, str(i)), lines, report) for i, item in enumerate(node.value)]
    if isinstance(node, yaml.MappingNode):
        result: dict[Any, Any] = {}
        for key_node, value_node in node.value:
            key = loader.construct_object(key_node, deep=True)
            if key in result:
                report(key_node.start_mark.line + 1, f"key {key!r} is given twice; keep one")
            inner = (*path, str(key))
            lines[inner] = key_node.start_mark.line + 1
            result[key] = _construct(loader, value_node, inner, lines, report)
        return result
    try:
        return loader.construct_object(node)
    except ValueError as error:
        report(line, f"{node.value!r} cannot be read: {error}")
        return node.value


def parse(adapter: TypeAdapter[T], source: YamlFile, findings: Findings) -> T | None:
    """Check the shape of a whole YAML file; each mismatch is a finding at its line."""
    try:
        return adapter.validate_python(source.data)
    except ValidationError as error:
        for problem in error.errors(include_url=False, include_context=False):
            where = ".".join(str(part) for part in problem["loc"])
            findings.add(source.file, source.line(*problem["loc"]), _explain(where, problem))
        return None


def _explain(where: str, problem: Mapping[str, Any]) -> str:
    if problem["type"] in {"missing", "extra_forbidden"}:
        return f"{where}: {problem['msg']}"
    if problem["type"] == "value_error":  # our own words, which say what they were given
        return f"{where}: {problem['msg'].removeprefix('Value error, ')}"
    return f"{where}: {problem['msg']}, got {problem['input']!r}"


def read_csv(
    root: Path, name: str, adapter: TypeAdapter[T], columns: Sequence[str], findings: Findings
) -> list[tuple[int, T]]:
    """The rows of a CSV file with their lines; an empty cell counts as not given."""
    text = read_text(root, name, findings)
    if text is None:
        return []
    reader = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""))
    if (header := next(reader, None)) != list(columns):
        findings.add(name, 1, f"the header must be {','.join(columns)}, got {','.join(header or [])}")
        return []
    return list(_csv_rows(name, reader, adapter, columns, findings))


def _csv_rows(
    name: str, reader: Any, adapter: TypeAdapter[T], columns: Sequence[str], findings: Findings
) -> Iterator[tuple[int, T]]:
    for cells in reader:
        line = reader.line_num
        if len(cells) != len(columns):
            findings.add(
                name, line, f"{len(columns)} columns expected ({','.join(columns)}), got {len(cells)}"
            )
            continue
        row = {column: cell for column, cell in zip(columns, cells, strict=True) if cell}
        try:
            yield line, adapter.validate_python(row)
        except ValidationError as error:
            for problem in error.errors(include_url=False, include_context=False):
                findings.add(name, line, _explain(".".join(map(str, problem["loc"])), problem))


def read_features(root: Path, name: str, findings: Findings) -> list[tuple[int, dict[str, Any]]]:
    """The features of a GeoJSON FeatureCollection, each with the line at which it begins."""
    text = read_text(root, name, findings)
    if text is None:
        return []
    try:
        data = json.loads(text)
        features: list[dict[str, Any]] = list(data["features"])
    except json.JSONDecodeError as error:
        findings.add(name, error.lineno, f"not valid JSON: {error.msg}")
        return []
    except (KeyError, TypeError):
        findings.add(name, 1, 'expected a GeoJSON object with "features"')
        return []
    lines, line, seen = [], 1, 0
    for match in _FEATURE.finditer(text):
        line += text.count("\n", seen, match.start())
        seen = match.start()
        lines.append(line)
    if len(lines) != len(features):
        findings.add(
            name, 1, f'each of the {len(features)} features needs "type": "Feature", got {len(lines)}'
        )
        return []
    return list(zip(lines, features, strict=True))
