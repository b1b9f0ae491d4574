"""From the command bus's reply to intake's answer, or to the problem that says why not."""

from chassis.batch import Applied
from chassis.commands import Reply, Request, Unavailable
from chassis.decider import Refused
from chassis.host import Host
from chassis.http import FieldError, Problem, replies
from chassis.idempotency import Answer
from schemas.intake import SubmitCase
from services.intake.domain import UNKNOWN, IntakeState


async def carry_out(host: Host[IntakeState], request: Request[IntakeState]) -> Answer:
    """Run a command and return its answer once committed. Raises Problem."""
    try:
        reply = await host.bus.execute(request)
    except Unavailable as error:
        raise replies.unavailable(error) from None
    return settled(host, request, reply)


def settled(host: Host[IntakeState], request: Request[IntakeState], reply: Reply[IntakeState]) -> Answer:
    """Return the answer to a reply. Raises Problem where the command had no effect."""
    if isinstance(reply, Applied) and isinstance(request.command, SubmitCase):
        host.metrics.count("cases_accepted")
    return replies.settled(host.metrics, reply, request.answer or plain, refusal)


def plain(applied: Applied[IntakeState]) -> Answer:
    """Return the answer to a command that only changes a case: its new version."""
    return Answer(200, b'{"version":%d}' % applied.version, applied.version)


def refusal(refused: Refused) -> Problem:
    """Return the problem of a refusal: 404 for a case that does not exist, 422 for what the request names and
    could name otherwise, else 409."""
    if refused == UNKNOWN:
        return not_found()
    if refused.field is not None:
        right = FieldError(field=refused.field, message=refused.reason, expected="see `message`")
        return Problem(422, refused.code, "What the request names cannot be used", refused.reason, [right])
    return Problem(409, refused.code, "The case does not allow this now", refused.reason)


def not_found() -> Problem:
    """404, the same for a case that never was, one you may not see, and a wrong tracking code."""
    detail = "There is no such case, or it is not for you. Check the number or the tracking code."
    return Problem(404, UNKNOWN.code, "No such case", detail)
