"""Senders: one small module for each channel, all of one shape.

    class Sender(Protocol):
        async def send(self, message: Message) -> Outcome

A sender hands one message to its provider under the message's id, which is the same at every attempt, and says what
came of it. It keeps nothing, logs nothing of a message, and lets errors of the network pass: the dispatcher takes
them as `Later`. A new channel is a module here, a member of `Channel`, and a line in `wiring`.
"""

from services.notify.senders.base import Address, Later, Message, Outcome, Sender, Sent, Undeliverable

__all__ = ["Address", "Later", "Message", "Outcome", "Sender", "Sent", "Undeliverable"]
