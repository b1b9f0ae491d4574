"""email: one message to a mail server by SMTP. Its `Message-ID` carries our id, so that a repeat is seen as one."""

from email.message import EmailMessage
from email.utils import format_datetime
from typing import Final, Literal

import aiosmtplib

from services.notify.senders.base import SEND_S, Later, Message, Outcome, Sent, Undeliverable

_PERMANENT: Final = 500


class EmailSender:
    """`Sender` of e-mail."""

    disturbs = True

    def __init__(
        self,
        host: str,
        port: int,
        sender: str,
        security: Literal["starttls", "tls", "none"] = "starttls",
        username: str | None = None,
        password: str | None = None,
    ) -> None:
        self._host, self._port, self._sender = host, port, sender
        self._security, self._username, self._password = security, username, password

    async def send(self, message: Message) -> Outcome:
        """Hand one message to the mail server, over a connection of its own."""
        try:
            await aiosmtplib.send(
                self._written(message),
                hostname=self._host,
                port=self._port,
                username=self._username,
                password=self._password,
                use_tls=self._security == "tls",
                start_tls=self._security == "starttls",
                timeout=SEND_S,
            )
        except aiosmtplib.SMTPRecipientsRefused as error:
            worst = max(refused.code for refused in error.recipients)
            return Undeliverable(f"smtp_{worst}") if worst >= _PERMANENT else Later(f"smtp_{worst}")
        except aiosmtplib.SMTPAuthenticationError as error:  # ours to mend: the message is not at fault
            return Later(f"smtp_{error.code}")
        except aiosmtplib.SMTPResponseException as error:
            return (
                Undeliverable(f"smtp_{error.code}")
                if error.code >= _PERMANENT
                else Later(f"smtp_{error.code}")
            )
        except aiosmtplib.SMTPException as error:
            return Later(type(error).__name__)
        return Sent()

    async def close(self) -> None:
        """Nothing is held between two messages."""

    def _written(self, message: Message) -> EmailMessage:
        written = EmailMessage()
        written["From"] = self._sender
        written["To"] = message.to.value
        written["Subject"] = message.subject
        written["Message-ID"] = f"<{message.message_id}@{self._sender.rpartition('@')[2].strip('>')}>"
        written["Auto-Submitted"] = "auto-generated"
        if message.at is not None:
            written["Date"] = format_datetime(message.at)
        written.set_content(message.text)
        return written
