"""Reads deploy/docker-compose.yml as Docker Compose does: anchors, merges, variables, profiles."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import yaml

ROOT: Final = Path(__file__).parents[2]
DEPLOY: Final = ROOT / "deploy"
COMPOSE_FILE: Final = DEPLOY / "docker-compose.yml"
OWN: Final = ("intake", "router", "mediation", "petition", "notify")
JOBS: Final = ("databases", "kafka-users", "topics", "log", *(f"migrate-{name}" for name in OWN))
_VARIABLE: Final = re.compile(r"\$\$|\$\{(\w+)(?::([-?])([^}]*))?\}")


class Missing(Exception):
    """A variable that the file demands is not there."""


def interpolate(text: str, env: Mapping[str, str]) -> str:
    """Replace `${NAME}`, `${NAME:-default}`, `${NAME:?message}` and `$$`; Missing for a demanded one."""

    def value(found: re.Match[str]) -> str:
        if found[0] == "$$":
            return "$"
        name, kind, rest = found.groups()
        if env.get(name):
            return env[name]
        if kind == "-":
            return rest
        raise Missing(f"{name}: {rest}")

    return _VARIABLE.sub(value, text)


def raw() -> dict[str, Any]:
    """The file with its anchors resolved, variables as written."""
    found: dict[str, Any] = yaml.safe_load(COMPOSE_FILE.read_text(encoding="utf-8"))
    return found


def compose(env: Mapping[str, str]) -> dict[str, Any]:
    """The file with the values of `env` in place; raises Missing."""
    found: dict[str, Any] = _walk(raw(), env)
    return found


def read_env(*paths: Path) -> dict[str, str]:
    """The variables of env files, a later file over an earlier one."""
    lines = [line for path in paths for line in path.read_text(encoding="utf-8").splitlines()]
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def placeholders(names: Iterable[str]) -> dict[str, str]:
    """A value for each variable, told apart from any real one."""
    return {name: f"value-of-{name}" for name in names}


def properties(environment: Mapping[str, str]) -> dict[str, str]:
    """Kafka's settings from its container's variables, as the image reads them: `_` is `.`, `__` `_`, `___` `-`."""
    found = {}
    for name, value in environment.items():
        if name.startswith("KAFKA_") and name != "KAFKA_HEAP_OPTS":
            key = name.removeprefix("KAFKA_").lower()
            key = key.replace("___", "-").replace("__", "\0").replace("_", ".").replace("\0", "_")
            found[key] = value
    return found


def _walk(node: Any, env: Mapping[str, str]) -> Any:
    match node:
        case str():
            return interpolate(node, env)
        case list():
            return [_walk(item, env) for item in node]
        case dict():
            return {key: _walk(value, env) for key, value in node.items()}
    return node
