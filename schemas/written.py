"""Texts of a set form: the JSON Schema shows the pattern, an error says in words what would be right."""

import unicodedata
from dataclasses import dataclass
from typing import Annotated, Any, Final

from pydantic import AfterValidator, GetCoreSchemaHandler, StringConstraints
from pydantic_core import CoreSchema, core_schema


@dataclass(frozen=True, slots=True)
class Written:
    """Annotates a `str` that must match `pattern`; `right` describes it to people, with an example."""

    pattern: str
    right: str

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Return the schema of the text, whose one error is `String should be <right>`."""
        return core_schema.custom_error_schema(
            core_schema.str_schema(pattern=self.pattern),
            custom_error_type="written_otherwise",
            custom_error_message=f"String should be {self.right}",
        )


TrackCode = Annotated[str, Written("^[SMPL]$", "one of the tracks S, M, P and L")]
EmergencyLine = Annotated[str, Written("^(110|119|120|122)$", "one of the lines 110, 119, 120 and 122")]


_UNSEEN: Final = frozenset({"Cf", "Zs", "Mn"})
"""Unicode categories of characters that show nothing by themselves, such as U+200B, zero-width space."""


def seen(value: Any) -> Any:
    """Return a text of nothing but unseen characters as the empty text it looks like; in lists, too."""
    if isinstance(value, str):
        return value if any(map(_is_seen, value)) else ""
    return [seen(one) for one in value] if isinstance(value, list | tuple) else value


def _is_seen(character: str) -> bool:
    return not character.isspace() and unicodedata.category(character) not in _UNSEEN


def _storable(text: str) -> str:
    if "\x00" in text:
        raise ValueError("a text without the character U+0000")
    if text and not seen(text):
        raise ValueError("a text of characters that can be seen")
    return text


Storable: Final = AfterValidator(_storable)
Note = Annotated[str, StringConstraints(strip_whitespace=True, min_length=2, max_length=2000), Storable]
"""Words that say something: blanks around them do not count."""
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100), Storable]
