"""The mailbox on its IMAP server. Every call blocks, so it belongs into a thread; each step has its timeout.

Errors are OSError where the server is away, and imaplib.IMAP4.error where it refuses or breaks off.
"""

import imaplib
import re
from contextlib import suppress
from typing import Any, Final

from services.intake.channels import tls
from services.intake.channels.email.settings import EmailSettings

TIMEOUT_S: Final = 10.0
REJECTED: Final = "caseladder-rejected"
"""The folder of mails that a person has to look at."""
_SIZE: Final = re.compile(rb"RFC822\.SIZE (\d+)")

MailServerError = imaplib.IMAP4.error


class LoginRefused(Exception):
    """The server does not know our name or password."""

    safe_to_log = True


class Mailbox:
    """One session with the server, from `open` to `close`."""

    def __init__(self, settings: EmailSettings) -> None:
        self._settings = settings
        self._imap: imaplib.IMAP4
        self._can: frozenset[str] = frozenset()

    def open(self) -> None:
        """Connect, log in and select the folder. Raises LoginRefused too."""
        given = self._settings
        context = tls.context(given.ca)
        if given.security == "tls":
            self._imap = imaplib.IMAP4_SSL(given.host, given.at_port, ssl_context=context, timeout=TIMEOUT_S)
        else:
            self._imap = imaplib.IMAP4(given.host, given.at_port, timeout=TIMEOUT_S)
        try:
            if given.security == "starttls":
                self._imap.starttls(context)
            self._log_in()
            self._introduce()
            self._demand(self._imap.select(_quoted(given.folder)))
        except BaseException:
            self.close()
            raise

    def _log_in(self) -> None:
        try:
            self._imap.login(self._settings.user, self._settings.password.get_secret_value())
        except imaplib.IMAP4.abort:
            raise
        except imaplib.IMAP4.error:
            raise LoginRefused("the mail server refuses the log-in") from None

    def _introduce(self) -> None:
        """Ask again what the server can do, which many tell only now; some let in only who says its name."""
        told = self._demand(self._imap.capability())
        self._can = frozenset(told[-1].decode().upper().split())
        if "ID" in self._can:
            self._imap.xatom("ID", '("name" "caseladder" "vendor" "caseladder")')

    def waiting(self) -> list[str]:
        """Return the numbers of the mails that were not taken in, the oldest first."""
        unread = "UNDELETED" if self._settings.done_folder else "UNSEEN UNDELETED"
        found = self._demand(self._imap.uid("SEARCH", unread))
        return [number.decode() for part in found if isinstance(part, bytes) for number in part.split()]

    def size(self, uid: str) -> int | None:
        """Return how many bytes a mail has; None where it is there no more."""
        for part in self._demand(self._imap.uid("FETCH", uid, "(RFC822.SIZE)")):
            if isinstance(part, bytes) and (told := _SIZE.search(part)):
                return int(told.group(1))
        return None

    def fetch(self, uid: str) -> bytes | None:
        """Return a mail as it came, and leave it unread; None where it is there no more."""
        for part in self._demand(self._imap.uid("FETCH", uid, "(BODY.PEEK[])")):
            if isinstance(part, tuple):
                return bytes(part[1])
        return None

    def done(self, uid: str) -> None:
        """Note on the server that a mail was taken in."""
        self._demand(self._imap.uid("STORE", uid, "+FLAGS.SILENT", r"(\Seen)"))
        if self._settings.done_folder:
            self._move(uid, self._settings.done_folder)

    def reject(self, uid: str) -> None:
        """Put a mail where a person looks at it."""
        self._move(uid, REJECTED)

    def close(self) -> None:
        """End the session, whatever state it is in."""
        with suppress(OSError, imaplib.IMAP4.error):
            self._imap.logout()
        with suppress(OSError):
            self._imap.shutdown()

    def _move(self, uid: str, folder: str) -> None:
        """Without the MOVE extension the copy comes first; a mail marked as deleted is never looked at again."""
        target = _quoted(folder)
        with suppress(imaplib.IMAP4.error):
            self._imap.create(target)  # most servers say NO where it exists
        if "MOVE" in self._can:
            self._demand(self._imap.uid("MOVE", uid, target))
            return
        self._demand(self._imap.uid("COPY", uid, target))
        self._demand(self._imap.uid("STORE", uid, "+FLAGS.SILENT", r"(\Deleted)"))
        if "UIDPLUS" in self._can:
            self._demand(self._imap.uid("EXPUNGE", uid))

    def _demand(self, answer: tuple[str, list[Any]]) -> list[Any]:
        status, data = answer
        if status != "OK":
            raise imaplib.IMAP4.error("the server said no")
        return data


def _quoted(folder: str) -> str:
    return f'"{folder}"'
