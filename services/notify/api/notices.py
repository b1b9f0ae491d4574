"""What became of a case's notices, and who wants none by some channel. For the hotline and who runs the system."""

from datetime import datetime
from typing import Annotated, Final, Literal
from uuid import UUID

from fastapi import FastAPI

from chassis.http import Principal, Problem, Role, allow
from services.notify.api.inbox import View
from services.notify.api.office import Office
from services.notify.contacts import Unreachable
from services.notify.domain import Channel

_TAG: Final = "notices"
_OF_CASE: Final = (
    "SELECT message_id, recipient, channel, template, event_id, state, attempts, reason, created_at, changed_at"
    " FROM notify.delivery WHERE case_id = $1 ORDER BY place, step"
)
_HIDDEN: Final = (
    "WITH same AS (SELECT $1::uuid AS case_id UNION SELECT case_id FROM notify.reporter WHERE report = $1)"
    " SELECT EXISTS (SELECT FROM same JOIN notify.subject s USING (case_id) WHERE s.unit = ANY($2::text[]))"
    " OR EXISTS (SELECT FROM same JOIN notify.recipient r USING (case_id) WHERE r.unit IS DISTINCT FROM $3)"
)
"""R-LAD-04, R-PET-10: a linked report is kept from whom the first case is kept from, as intake keeps it."""
_OPT_OUT: Final = (
    "INSERT INTO notify.opt_out (ref, channel, at, by) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING"
)
_OPT_IN: Final = "DELETE FROM notify.opt_out WHERE ref = $1 AND channel = $2"
ResidentChannel = Literal["sms", "wechat", "email"]
Reader = Annotated[Principal, allow(Role.OPERATOR, Role.SUPERVISOR, Role.OPS)]
Operator = Annotated[Principal, allow(Role.OPERATOR)]


class DeliveryView(View):
    """One notice to one recipient by one channel.

    `state`: open, sent, delivered, failed, expired, opted_out or cancelled.
    """

    id: UUID
    recipient: str
    channel: Channel
    notice: str
    event: str
    state: str
    attempts: int
    reason: str | None = None
    created_at: datetime
    changed_at: datetime


class NoticesView(View):
    """In the order in which they came about."""

    deliveries: tuple[DeliveryView, ...]


class OptOutView(View):
    """Whether the reporter's address of this channel gets notices; those that the law demands it always gets."""

    channel: ResidentChannel
    opted_out: bool


def add_notice_routes(app: FastAPI, office: Office) -> None:
    """Add the look-up and the opting out."""

    async def is_hidden(case_id: UUID, principal: Principal) -> bool:
        """Whether the case does not exist for the caller. Raises Problem 403 for who is not of the centre."""
        if principal.unit is None and principal.has(Role.OPS):
            above = list(office.jurisdiction.units)  # under whom they stand is not known
        else:
            above = office.above(office.demand_centre(principal))
        async with office.host.pool.acquire() as connection:
            return bool(await connection.fetchval(_HIDDEN, case_id, above, principal.unit))

    @app.get("/v1/cases/{case_id}/notices", tags=[_TAG], summary="What became of a case's notices")
    async def notices(case_id: UUID, principal: Reader) -> NoticesView:
        hidden = await is_hidden(case_id, principal)
        async with office.host.pool.acquire() as connection:
            rows = [] if hidden else await connection.fetch(_OF_CASE, case_id)
        if not rows:
            detail = f"There is no notice of a case {case_id} that you may see."
            raise Problem(404, "case_unknown", "No notices", detail)
        names = ("id", "recipient", "channel", "notice", "event", "state", "attempts", "reason")
        return NoticesView(
            deliveries=tuple(
                DeliveryView.model_validate(dict(zip((*names, "created_at", "changed_at"), row, strict=True)))
                for row in rows
            )
        )

    async def ref_of(case_id: UUID, channel: ResidentChannel, principal: Principal) -> str:
        """The digest of the reporter's address; asking for it is recorded at intake.

        Raises Problem 403, 404 or 503: of a case that the caller may not see the answer is that of no such case.
        """
        whom = [] if await is_hidden(case_id, principal) else [(case_id, case_id)]
        try:
            found = (await office.contacts.read(whom)).get((case_id, case_id))
        except Unreachable as error:
            raise Problem(503, "intake_unavailable", "Intake does not answer", f"{error}.") from None
        ref = found.refs.get(Channel(channel)) if found is not None else None
        if ref is None:
            detail = f"The reporter of case {case_id} left no address for {channel}."
            raise Problem(404, "no_such_address", "Nobody is reached so", detail)
        return ref

    @app.put(
        "/v1/cases/{case_id}/opt-outs/{channel}",
        tags=[_TAG],
        summary="The reporter wants no more notices by this channel, of any case",
    )
    async def opt_out(case_id: UUID, channel: ResidentChannel, principal: Operator) -> OptOutView:
        ref = await ref_of(case_id, channel, principal)
        async with office.host.pool.acquire() as connection:
            await connection.execute(_OPT_OUT, ref, channel, office.host.clock(), principal.recorded_as)
        return OptOutView(channel=channel, opted_out=True)

    @app.delete("/v1/cases/{case_id}/opt-outs/{channel}", tags=[_TAG], summary="They want them again")
    async def opt_in(case_id: UUID, channel: ResidentChannel, principal: Operator) -> OptOutView:
        ref = await ref_of(case_id, channel, principal)
        async with office.host.pool.acquire() as connection:
            await connection.execute(_OPT_IN, ref, channel)
        return OptOutView(channel=channel, opted_out=False)
