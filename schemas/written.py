"""Texts of a set form: the JSON Schema shows the pattern, an error says in words what would be right."""

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


def _storable(text: str) -> str:
    if "\x00" in text:
        raise ValueError("a text without the character U+0000")
    return text


Storable: Final = AfterValidator(_storable)
Note = Annotated[str, StringConstraints(strip_whitespace=True, min_length=2, max_length=2000), Storable]
"""Words that say something: blanks around them do not count."""
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100), Storable]
