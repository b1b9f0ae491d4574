"""What somebody wants done to a case, over HTTP or on a department's topic: one check of the sender."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from uuid import UUID

from pydantic import BaseModel

from chassis import commands
from chassis.batch import Applied
from chassis.decider import Refused
from chassis.http import Principal, Problem, Role
from chassis.http.actions import answered_before, refusal_of
from chassis.idempotency import Answer, Idempotency
from schemas.router import ChooseTrack
from services.router.api.access import Access
from services.router.api.actions import Action
from services.router.api.office import Case, Office
from services.router.domain.workorder import FINAL, WorkOrder

refusal = refusal_of("case")


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
    exist for the sender, 403 where they may not do this to it, 409 where it was theirs and is over, 422 where the
    key was another request's.
    """
    host = office.host
    again = await answered_before(host.pool, host.metrics, host.service.name, deed.asked)
    if again is not None and not again.body:
        return again  # tells nothing of the case; perhaps the command itself put it out of the sender's reach
    case = access.require_seen(deed.principal, await office.case(deed.case_id), deed.case_id)
    if again is not None:
        return again
    role = _role(access, deed.principal, deed.action, case)

    def after(applied: Applied[WorkOrder]) -> Answer:
        return answer(office.case_after(case, applied.state, applied.version))

    command = deed.action.build(deed.body, deed.principal.actor(role))
    if isinstance(command, ChooseTrack) and case.first is not None:
        command = command.model_copy(update={"kept_from": case.first.subjects})
    traceparent = office.host.telemetry.accept(deed.traceparent)
    request = commands.Request(deed.case_id, command, traceparent, deed.expected, deed.asked, after)
    return Ready(request, after)


def _role(access: Access, principal: Principal, action: Action, case: Case) -> Role:
    """The role in which the sender may do this to the case.

    Raises Problem 403; 409 where it was theirs and is over.
    """
    role = access.acts_as(principal, action.roles, case, independent=action.independent)
    if role is not None:
        return role
    if action.independent and access.acts_as(principal, action.roles, case, independent=False) is not None:
        detail = f"{principal.unit} has the case itself; a unit above it or the hotline centre decides."
        raise Problem(403, "own_case", "Nobody decides on their own unit's case", detail)
    if case.state.status in FINAL and access.had(principal, action.roles, case):
        raise refusal(Refused("WRONG_STATUS", f"the case is over; it is {case.state.status}"))
    detail = (
        f"The case is not in the hands of {principal.unit}, nor, for those who oversee, in its area; "
        "mediators act on track M, petition officers on track P."
    )
    raise Problem(403, "outside_jurisdiction", "This case is not yours to act on", detail)
