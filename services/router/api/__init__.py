"""The router to the outside: over HTTP cases and their routes, actions, lists, the department feed, the rules; over
Kafka the replies of departments."""

from fastapi import FastAPI

from services.router.api.access import Access
from services.router.api.callbacks import add_callback_route
from services.router.api.commands import add_action_routes
from services.router.api.feed import add_feed_route
from services.router.api.lists import add_list_routes
from services.router.api.office import Office
from services.router.api.rates import add_rates_route
from services.router.api.reads import add_read_routes
from services.router.api.replies import ReplyDesk
from services.router.api.statuses import add_status_route

__all__ = ["Access", "Office", "add_routes", "reply_desk"]


def add_routes(app: FastAPI, office: Office) -> None:
    """Add all routes of the router."""
    access = _access(office)
    add_read_routes(app, office, access)
    add_status_route(app, office, access)
    add_action_routes(app, office, access)
    add_list_routes(app, office, access)
    add_callback_route(app, office, access)
    add_rates_route(app, office, access)
    add_feed_route(app, office, access)


def reply_desk(office: Office) -> ReplyDesk:
    """Make the desk for what departments write on their topics, under the rules of HTTP."""
    return ReplyDesk(office, _access(office))


def _access(office: Office) -> Access:
    return Access(office.jurisdiction)
