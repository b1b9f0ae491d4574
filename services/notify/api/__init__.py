"""Notify's HTTP routes."""

from fastapi import FastAPI

from services.notify.api.caught import add_caught_routes
from services.notify.api.inbox import add_inbox_routes
from services.notify.api.notices import add_notice_routes
from services.notify.api.office import Office
from services.notify.api.receipts import add_receipt_route

__all__ = ["Office", "add_routes"]


def add_routes(app: FastAPI, office: Office) -> None:
    """Add all of notify's routes."""
    add_inbox_routes(app, office)
    add_notice_routes(app, office)
    if office.settings.catch_all:
        add_caught_routes(app, office)
    if office.settings.receipt_secret is not None:
        add_receipt_route(app, office)
