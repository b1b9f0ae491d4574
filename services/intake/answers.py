"""From the command bus's reply to an HTTP answer, or to the problem that says why not."""

import logging
import secrets

from chassis.batch import Applied, Failed, Stale, describe
from chassis.commands import Reply, Request, Unavailable
from chassis.decider import Refused
from chassis.host import Host
from chassis.http import FieldError, Problem, check_version
from chassis.http.problems import internal
from chassis.idempotency import Answer, KeyReused, Replay
from schemas.intake import SubmitCase
from services.intake.domain import UNKNOWN, IntakeState

_log = logging.getLogger(__name__)


async def carry_out(host: Host[IntakeState], request: Request[IntakeState]) -> Answer:
    """Run a command and return its answer once committed. Raises Problem."""
    try:
        reply = await host.bus.execute(request)
    except Unavailable as error:
        raise unavailable(error) from None
    return settled(host, request, reply)


def settled(host: Host[IntakeState], request: Request[IntakeState], reply: Reply[IntakeState]) -> Answer:
    """Return the answer to a reply. Raises Problem where the command had no effect."""
    match reply:
        case Applied():
            host.metrics.count("commands", 1, "accepted")
            if isinstance(request.command, SubmitCase):
                host.metrics.count("cases_accepted")
            return request.answer(reply) if request.answer is not None else plain(reply)
        case Replay(answer=answer):
            host.metrics.count("commands", 1, "replayed")
            return answer
        case Refused():
            host.metrics.count("commands", 1, "refused")
            raise refusal(reply)
        case Stale(version=version):
            host.metrics.count("commands", 1, "conflict")
            check_version(frozenset(), version)
        case KeyReused():
            host.metrics.count("commands", 1, "conflict")
            raise key_reused()
        case Failed(error=error):
            incident = secrets.token_hex(8)
            _log.error("a command failed: %s", describe(error), extra={"incident": incident})
            raise internal(incident)
    raise AssertionError("unreachable")


def plain(applied: Applied[IntakeState]) -> Answer:
    """Return the answer to a command that only changes a case: its new version."""
    return Answer(200, b'{"version":%d}' % applied.version, applied.version)


def refusal(refused: Refused) -> Problem:
    """Return the problem of a refusal: 404 for a case that does not exist, else 409."""
    if refused == UNKNOWN:
        return not_found()
    errors = [FieldError(field=refused.field, message=refused.reason, expected="")] if refused.field else []
    return Problem(409, refused.code, "The case does not allow this now", refused.reason, errors)


def not_found() -> Problem:
    """404, the same for a case that never was, one you may not see, and a wrong tracking code."""
    detail = "There is no such case, or it is not for you. Check the number or the tracking code."
    return Problem(404, UNKNOWN.code, "No such case", detail)


def key_reused() -> Problem:
    """422 for an Idempotency-Key that came with another request before."""
    detail = "This Idempotency-Key was used for another request; take a new key for a new request."
    return Problem(422, "idempotency_key_reused", "The Idempotency-Key was used before", detail)


def unavailable(error: Unavailable) -> Problem:
    """503: nothing has happened; try again."""
    detail = f"The request was not taken and had no effect: {error}. Send it again in a moment."
    return Problem(503, "unavailable", "Not available at the moment", detail, headers={"Retry-After": "1"})
