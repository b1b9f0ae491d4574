"""The docstrings under attributes, read from the source when contracts are exported.

pydantic's `use_attribute_docstrings` does the same for models, but at every start of every service (a third of the
import time of `schemas`), and it does not read the members of enumerations.
"""

import ast
import inspect
import sys
from collections.abc import Iterator, Mapping
from functools import cache

_NOT_OURS = frozenset({"builtins", "enum", "pydantic"})


def attribute_docs(cls: type) -> Mapping[str, str]:
    """Return the docstrings by attribute name, those of base classes included."""
    docs: dict[str, str] = {}
    for base in reversed(cls.__mro__):
        if base.__module__.partition(".")[0] not in _NOT_OURS:
            docs |= _of_module(base.__module__).get(base.__qualname__, {})
    return docs


@cache
def _of_module(module: str) -> Mapping[str, Mapping[str, str]]:
    return dict(_classes(ast.parse(inspect.getsource(sys.modules[module])), ""))


def _classes(node: ast.AST, outer: str) -> Iterator[tuple[str, Mapping[str, str]]]:
    """Each class with its qualified name, nested ones and those inside functions too."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.ClassDef):
            yield outer + child.name, dict(_attributes(child))
            yield from _classes(child, f"{outer}{child.name}.")
        elif isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from _classes(child, f"{outer}{child.name}.<locals>.")


def _attributes(cls: ast.ClassDef) -> Iterator[tuple[str, str]]:
    for statement, following in zip(cls.body, cls.body[1:], strict=False):
        match statement:
            case ast.AnnAssign(target=ast.Name(id=name)) | ast.Assign(targets=[ast.Name(id=name)]):
                if isinstance(following, ast.Expr) and isinstance(following.value, ast.Constant):
                    yield name, inspect.cleandoc(str(following.value.value))
