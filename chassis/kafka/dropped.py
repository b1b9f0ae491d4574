"""Failures that nobody waits for any more, while the broker is away: one line instead of an error each.

Where we give a client up, aiokafka leaves a commit behind that fails later, and uvloop a look-up of the broker's
name. What the outage means is told by whoever gave the client up; Python would report these beside it, as errors.
"""

import asyncio
import logging
import socket
from pathlib import Path
from typing import Any, Final

import aiokafka
from aiokafka.errors import KafkaError

from chassis.kafka.connection import UNREACHABLE

_AIOKAFKA: Final = f"{Path(aiokafka.__file__).parent}/"
_log = logging.getLogger(
    "aiokafka.dropped"
)  # told in its name, so at most once a minute (chassis.logs.SaidBefore)


def tell_dropped(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Handle what the loop reports: in short what aiokafka or a look-up dropped, as ever all else.

    To be set as the exception handler of a loop.
    """
    future, error = context.get("future"), context.get("exception")
    if isinstance(error, UNREACHABLE) and _is_of_a_library(future, error):
        is_name = isinstance(error, socket.gaierror)
        why = "its name cannot be resolved" if is_name else type(error).__name__
        _log.warning("a request to Kafka that was given up has failed: %s", why)
    else:
        loop.default_exception_handler(context)


def _is_of_a_library(future: object, error: BaseException) -> bool:
    """Whether a task runs aiokafka's code, or a bare future fails as only a look-up or aiokafka lets it."""
    if isinstance(future, asyncio.Task):
        code = getattr(future.get_coro(), "cr_code", None)
        return code is not None and code.co_filename.startswith(_AIOKAFKA)
    return isinstance(future, asyncio.Future) and isinstance(error, socket.gaierror | KafkaError)
