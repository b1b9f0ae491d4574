"""The name of an event type on the command line."""

from difflib import get_close_matches

import click

from schemas.catalogue import EVENTS

_NEAREST = 3


class EventType(click.ParamType[str]):
    """The name of an event type: CaseDispatched, router.CaseDispatched or router.CaseDispatched.v1."""

    name = "type"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the name as it is; one that no event has is refused, with those nearest to it."""
        given = str(value)
        for whole in EVENTS:
            if given == whole.rpartition(".")[0]:
                return whole
        short = [type_.split(".")[1] for type_ in EVENTS]
        if given not in EVENTS and given not in short:
            by_lower = {name.lower(): name for name in (*EVENTS, *short)}
            near = get_close_matches(given.lower(), by_lower, _NEAREST, cutoff=0.0)
            named = ", ".join(by_lower[name] for name in near)
            self.fail(f"there is no event type {given}; nearest: {named}", param, ctx)
        return given
