"""The table of actions: whole, its examples valid, its words masked or encrypted."""

from uuid import UUID

import pytest

from chassis.http import Role
from schemas import petition as p
from schemas.values import Sealed
from services.petition.api.action import Action
from services.petition.api.actions import ACTIONS
from tests.petition_kit import CASE, OFFICE, actor, sealed

BY_PATH = {action.path: action for action in ACTIONS}


def _seal(case_id: UUID, _: object) -> Sealed:
    assert case_id == CASE
    return sealed()


def test_every_command_has_one_action_and_every_path_is_one() -> None:
    """An operator reaches all that petition takes."""
    assert sorted(action.command.__name__ for action in ACTIONS) == sorted(c.__name__ for c in p.COMMANDS)
    assert len(BY_PATH) == len(ACTIONS)


@pytest.mark.parametrize("action", ACTIONS, ids=[action.path for action in ACTIONS])
def test_an_example_is_a_body_and_makes_its_command(action: Action) -> None:
    """What /docs shows can be sent as it stands."""
    body = action.body.model_validate(action.example)
    command = action.build(body, actor(OFFICE), CASE, _seal, same_person=False)
    assert type(command) is action.command
    assert command.actor == actor(OFFICE)
    assert action.roles
    assert Role.RESIDENT not in action.roles
    assert not {"actor", "sealed", "earlier", "same_person", "identified"} & set(action.body.model_fields)


def test_numbers_in_prose_are_masked_and_words_are_sealed() -> None:
    """R-PRIV-01: the record takes the place of the words; who gave no name cannot be written to (R-PET-02)."""
    action = BY_PATH["investigation"]
    body = action.body.model_validate({"note": "已联系13912345678"})
    assert (
        action.build(body, actor(OFFICE), CASE, _seal, same_person=False).model_dump()["note"]
        == "已联系〔电话〕"
    )
    register = BY_PATH["registration"]
    named = register.build(
        register.body.model_validate(register.example), actor(OFFICE), CASE, _seal, same_person=False
    )
    assert isinstance(named, p.RegisterPetition)
    assert (named.identified, named.sealed) == (True, sealed())
    nameless = register.body.model_validate({"channel": "letter"})
    unnamed = register.build(nameless, actor(OFFICE), CASE, _seal, same_person=False)
    assert isinstance(unnamed, p.RegisterPetition)
    assert (unnamed.identified, unnamed.sealed) == (False, None)
