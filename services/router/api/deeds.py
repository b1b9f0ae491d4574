"""What somebody wants done to a case, over HTTP or on a department's topic: one check of the sender."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from uuid import UUID

from pydantic import BaseModel

from chassis import commands
from chassis.batch import Applied
from chassis.decider import Refused
from chassis.http import FieldError, Principal, Problem, Role
from chassis.http.replies import key_reused
from chassis.idempotency import Answer, Idempotency, KeyReused, Replay, load_answers, look_up
from schemas.message import Actor
from schemas.router import ChooseTrack
from services.router.api.access import Access
from services.router.api.actions import Action
from services.router.api.office import Case, Office
from services.router.domain.workorder import WorkOrder


@dataclass(frozen=True, slots=True)
class Deed:
    """An action on a case, with its sender. `body` is one of the action's own class."""

    principal: Principal
    action: Action
    case_id: UUID
    body: BaseModel
    expected: Collection[int] | None = None
    """The versions the sender takes; None takes any."""
    asked: Idempotency | None = None
    traceparent: str | None = None
    """The sender's span, as it came."""


@dataclass(frozen=True, slots=True)
class Ready:
    """A command to be sent through the bus, and how its effect is answered."""

    request: commands.Request[WorkOrder]
    answer: Callable[[Applied[WorkOrder]], Answer]


async def prepare(
    office: Office, access: Access, deed: Deed, answer: Callable[[Case], Answer]
) -> Ready | Answer:
    """Return the command to be sent, or the answer that the same request got before.

    `answer` builds that of a fresh effect from the case as it is then. Raises Problem: 404 where the case does not
    exist for the sender, 403 where they may not do this to it, 422 where the key was another request's.
    """
    again = None if deed.asked is None else await _answered(office, deed.asked)
    if again is not None and not again.body:
        return again  # tells nothing of the case; perhaps the command itself put it out of the sender's reach
    case = access.require_seen(deed.principal, await office.case(deed.case_id), deed.case_id)
    if again is not None:
        return again
    role = _role(access, deed.principal, deed.action, case)

    def after(applied: Applied[WorkOrder]) -> Answer:
        return answer(office.case_after(case, applied.state, applied.version))

    command = deed.action.build(deed.body, actor(deed.principal, role))
    if isinstance(command, ChooseTrack) and case.first is not None:
        command = command.model_copy(update={"kept_from": case.first.subjects})
    traceparent = office.host.telemetry.accept(deed.traceparent)
    request = commands.Request(deed.case_id, command, traceparent, deed.expected, deed.asked, after)
    return Ready(request, after)


def actor(principal: Principal, role: Role) -> Actor:
    """The sender in the role in which they act."""
    return Actor(subject=principal.recorded_as, role=role.value, unit=principal.unit)


def refusal(refused: Refused) -> Problem:
    """422 where a field is at fault, else 409: the case does not allow it."""
    code = refused.code.lower()
    if refused.field is None:
        return Problem(409, code, "The case does not allow this now", refused.reason)
    error = FieldError(field=refused.field, message=code, expected=refused.reason)
    return Problem(422, code, "A field is not right for this case", refused.reason, [error])


async def _answered(office: Office, asked: Idempotency) -> Answer | None:
    """The answer that the same request got before. Raises Problem 422 where the key was another request's."""
    async with office.host.pool.acquire() as connection:
        known = await load_answers(connection, office.host.service.name, [asked])
    match look_up(known, asked):
        case Replay(answer=answer):
            office.host.metrics.count("commands", 1, "replayed")
            return answer
        case KeyReused():
            office.host.metrics.count("commands", 1, "conflict")
            raise key_reused()
    return None


def _role(access: Access, principal: Principal, action: Action, case: Case) -> Role:
    """The role in which the sender may do this to the case. Raises Problem 403."""
    role = access.acts_as(principal, action.roles, case, independent=action.independent)
    if role is not None:
        return role
    if action.independent and access.acts_as(principal, action.roles, case, independent=False) is not None:
        detail = f"{principal.unit} has the case itself; a unit above it or the hotline centre decides."
        raise Problem(403, "own_case", "Nobody decides on their own unit's case", detail)
    detail = (
        f"The case is not in the hands of {principal.unit}, nor, for those who oversee, in its area; "
        "mediators act on track M, petition officers on track P."
    )
    raise Problem(403, "outside_jurisdiction", "This case is not yours to act on", detail)
