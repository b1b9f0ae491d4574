"""Registering a petition: every item, once, with what makes it a repeat, a group's or an urgent one."""

from datetime import datetime
from typing import Final

from chassis.decider import Decision, Refused
from schemas import petition as p
from schemas.message import Event
from schemas.procedure import HandBack
from schemas.values import Channel
from services.petition.domain.desk import Desk
from services.petition.domain.leaving import handed_back
from services.petition.domain.petition import OVER, UNACCEPTED, Petition
from services.petition.domain.subjects import Subjects

FINAL_WORDS: Final = (
    "该信访事项已经复查复核终结，您以同一事实和理由再次提出，依照《信访工作条例》第三十六条不再受理。"
)
IN_PROGRESS_WORDS: Final = (
    "您反映的同一事项已经受理或者正在办理，依照《信访工作条例》第十九条不予重复受理，请等待办理结果。"
)


class Register:
    """R-PET-01, R-PET-05, R-PET-09, R-PET-12, R-PET-15, R-PET-18."""

    def __init__(self, desk: Desk, subjects: Subjects) -> None:
        self._desk, self._subjects = desk, subjects

    def register(self, state: Petition, c: p.RegisterPetition, at: datetime) -> Decision:
        """登记. A repeat without new facts of what is final or in progress is not accepted, and linked."""
        if no := self._wrong(c):
            return no
        named = (*state.subjects, *(unit for unit in c.subjects if unit not in state.subjects))
        urgent = (self._desk.clocks.start("urgent", "urgent", at),) if c.urgent else ()
        registered = p.PetitionRegistered(
            terms=(*state.terms, *urgent),
            channel=c.channel,
            nature=c.nature,
            petitioners=c.petitioners,
            representatives=c.representatives,
            identified=c.identified and c.sealed is not None,
            urgent=c.urgent,
            same_as=c.same_as,
            subjects=named,
        )
        if ground := _repeats(c, at):
            return [registered, *self._declined(state, c, ground)]
        return [registered, *self._subjects.moved(state, named, registered.terms, at)]

    def _declined(self, state: Petition, c: p.RegisterPetition, ground: p.NotAccepted) -> list[Event]:
        words = FINAL_WORDS if ground is p.NotAccepted.FINAL else IN_PROGRESS_WORDS
        declined = p.PetitionDeclined(ground=ground, explanation=words, same_as=c.same_as)
        return [declined, handed_back(state.unit, HandBack.ENDED, words, review_offered=True)]

    def _wrong(self, c: p.RegisterPetition) -> Refused | None:
        if no := self._desk.unknown_unit("subjects", *c.subjects):
            return no
        if c.representatives is not None and c.representatives > c.petitioners:
            return Refused(
                "TOO_MANY_REPRESENTATIVES",
                f"{c.petitioners} petitioners cannot send {c.representatives}; name at most as many as there are",
                "representatives",
            )
        if c.channel is not Channel.VISIT or c.petitioners == 1:
            return self._wrong_repeat(c)
        if c.representatives is None or c.representatives > p.MOST_REPRESENTATIVES:
            return Refused(
                "TOO_MANY_REPRESENTATIVES",
                f"a group that comes in person elects 1 to {p.MOST_REPRESENTATIVES} representatives (XF20)",
                "representatives",
            )
        return self._wrong_repeat(c)

    def _wrong_repeat(self, c: p.RegisterPetition) -> Refused | None:
        if c.same_as is None:
            return None
        if c.earlier is None:
            return Refused("UNKNOWN_PETITION", f"there is no earlier petition {c.same_as}", "same_as")
        if not c.same_person:
            reason = (
                f"R-PET-18: a repeat is of the same person, and {c.same_as} names another, or another address"
            )
            return Refused("NOT_THE_SAME_PERSON", reason, "same_as")
        return None


def _repeats(c: p.RegisterPetition, at: datetime) -> p.NotAccepted | None:
    """Why a repeat is not accepted again; None: it is, or is no repeat."""
    earlier = c.earlier
    if earlier is None or c.new_facts:
        return None
    if earlier.terminated:
        return p.NotAccepted.FINAL
    is_running = earlier.status not in OVER | UNACCEPTED
    is_overdue = earlier.due is not None and earlier.due <= at
    return p.NotAccepted.IN_PROGRESS if is_running and not is_overdue else None
