"""One thing that can be done to a petition: its path, command and roles, and how a request becomes the command."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from pydantic import BaseModel, Field, create_model

from chassis.http import Role
from chassis.http.actions import ActionBody
from chassis.masking import mask_fields
from schemas import petition as p
from schemas.message import Actor
from schemas.values import Sealed

_PROSE: Final = frozenset(
    {"reason", "note", "explanation", "recommendation", "leader", "head", "go_to", "legal_basis"}
)
_NOT_THE_CALLERS: Final = frozenset({"actor", "sealed", "earlier", "same_person", "identified"})
"""Fields of a command that the service fills in."""
Sealer = Callable[[UUID, BaseModel], Sealed]


@dataclass(frozen=True)
class Action:
    """One `POST /v1/petitions/{case_id}/<path>`. `words`: what is kept encrypted, under that name in the body."""

    path: str
    command: type[p.PetitionCommand]
    roles: tuple[Role, ...]
    summary: str
    example: dict[str, Any]
    words: tuple[str, type[BaseModel], bool] | None = None
    """Name, class, and whether it must be given."""
    body: type[BaseModel] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "body", self._body())

    def build(
        self, body: BaseModel, actor: Actor, case_id: UUID, seal: Sealer, *, same_person: bool
    ) -> p.PetitionCommand:
        """The command of a request's body and the caller: words encrypted, numbers in its prose masked."""
        plain = body.model_dump(exclude={self.words[0]} if self.words else set())
        given = mask_fields(plain, frozenset(), _PROSE)
        words = getattr(body, self.words[0]) if self.words else None
        if words is not None:
            given["sealed"] = seal(case_id, words)
        if self.command is p.RegisterPetition:
            given |= {"identified": words is not None, "same_person": same_person}
        return self.command.model_validate({**given, "actor": actor})

    def sample(self, actor: Actor) -> p.PetitionCommand:
        """The example as a command, to ask the decider whether it would take the like of it."""
        plain = {name: value for name, value in self.example.items() if name in self.command.model_fields}
        return self.command.model_validate({**plain, "actor": actor})

    def _body(self) -> type[BaseModel]:
        fields: dict[str, Any] = {
            name: (info.annotation, info)
            for name, info in self.command.model_fields.items()
            if name not in _NOT_THE_CALLERS
        }
        if self.words is not None:
            name, model, is_needed = self.words
            fields[name] = (model, Field()) if is_needed else (model | None, Field(default=None))
        made: type[BaseModel] = create_model(
            f"{self.command.__name__}Body",
            __base__=ActionBody,
            __doc__=self.command.__doc__,
            __cls_kwargs__={"json_schema_extra": {"examples": [self.example]}},
            **fields,
        )
        return made
