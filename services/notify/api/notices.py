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
_HIDDEN: Final = "SELECT EXISTS (SELECT FROM notify.subject WHERE case_id = $1 AND unit = ANY($2::text[]))"
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

    @app.get("/v1/cases/{case_id}/notices", tags=[_TAG], summary="What became of a case's notices")
    async def notices(case_id: UUID, principal: Reader) -> NoticesView:
        if principal.unit is None and principal.has(Role.OPS):
            above = list(office.jurisdiction.units)  # under whom they stand is not known
        else:
            above = office.above(office.demand_centre(principal))
        async with office.host.pool.acquire() as connection:
            hidden = await connection.fetchval(_HIDDEN, case_id, above)
            rows = [] if hidden else await connection.fetch(_OF_CASE, case_id)
        names = ("id", "recipient", "channel", "notice", "event", "state", "attempts", "reason")
        return NoticesView(
            deliveries=tuple(
                DeliveryView.model_validate(dict(zip((*names, "created_at", "changed_at"), row, strict=True)))
                for row in rows
            )
        )

    async def ref_of(case_id: UUID, channel: ResidentChannel) -> str:
        """The digest of the reporter's address; asking for it is recorded at intake. Raises Problem 404 or 503."""
        try:
            found = (await office.contacts.read([(case_id, case_id)])).get((case_id, case_id))
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
        office.demand_centre(principal)
        ref = await ref_of(case_id, channel)
        async with office.host.pool.acquire() as connection:
            await connection.execute(_OPT_OUT, ref, channel, office.host.clock(), principal.recorded_as)
        return OptOutView(channel=channel, opted_out=True)

    @app.delete("/v1/cases/{case_id}/opt-outs/{channel}", tags=[_TAG], summary="They want them again")
    async def opt_in(case_id: UUID, channel: ResidentChannel, principal: Operator) -> OptOutView:
        office.demand_centre(principal)
        ref = await ref_of(case_id, channel)
        async with office.host.pool.acquire() as connection:
            await connection.execute(_OPT_IN, ref, channel)
        return OptOutView(channel=channel, opted_out=False)
