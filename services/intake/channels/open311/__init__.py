"""Open311 GeoReport v2 as a server, so that existing civic clients work unchanged."""

from collections.abc import Mapping

from services.intake.channels.channel import ChannelAdapter
from services.intake.channels.open311.keys import read_clients
from services.intake.channels.open311.server import Open311


def configured(env: Mapping[str, str]) -> ChannelAdapter | None:
    """Return the channel, None where CASELADDER_OPEN311_KEYS is unset. Raises SettingsError where it is wrong."""
    clients = read_clients(env)
    return Open311(clients) if clients is not None else None
