"""The router over HTTP: cases and their routes, actions, lists, the department feed, the rules."""

from fastapi import FastAPI

from services.router.api.access import Access
from services.router.api.commands import add_action_routes
from services.router.api.feed import add_feed_route
from services.router.api.lists import add_list_routes
from services.router.api.office import Office
from services.router.api.reads import add_read_routes
from services.router.api.statuses import add_status_route

__all__ = ["Access", "Office", "add_routes"]


def add_routes(app: FastAPI, office: Office) -> None:
    """Add all routes of the router."""
    access = Access(office.jurisdiction, office.policy.settings.units.hotline)
    add_read_routes(app, office, access)
    add_status_route(app, office, access)
    add_action_routes(app, office, access)
    add_list_routes(app, office, access)
    add_feed_route(app, office, access)
