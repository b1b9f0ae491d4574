"""HTML by functions: everything is escaped but what these made themselves."""

from html import escape
from typing import Final

_EMPTY: Final = frozenset({"br", "input", "link", "meta"})


class Html(str):
    """Text that is HTML already."""

    __slots__ = ()


Child = str | None
Attribute = str | bool | int | None


def tag(element: str, /, *children: Child, **attributes: Attribute) -> Html:
    """Return an element. `class_` is an attribute, too; `_` within a name is a hyphen; None leaves one out."""
    given = "".join(_attribute(key, value) for key, value in attributes.items())
    if element in _EMPTY:
        return Html(f"<{element}{given}>")
    return Html(f"<{element}{given}>{together(*children)}</{element}>")


def together(*children: Child) -> Html:
    """Return the children one after the other, escaped where they are not HTML yet."""
    return Html("".join(child if isinstance(child, Html) else escape(child) for child in children if child))


def _attribute(name: str, value: Attribute) -> str:
    if value is None or value is False:
        return ""
    plain = name.rstrip("_").replace("_", "-")
    return f" {plain}" if value is True else f' {plain}="{escape(str(value))}"'
