"""Which mailbox is read, from the environment."""

from collections.abc import Mapping
from email.utils import parseaddr
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, StringConstraints

from chassis.settings import ExistingFile, SettingsError, Text, Variables, read

_LOOPBACK: Final = {"localhost", "127.0.0.1", "::1"}
_VARIABLES: Final[Variables] = {
    "host": ("CASELADDER_EMAIL_HOST", "the name of the IMAP server"),
    "port": ("CASELADDER_EMAIL_PORT", "a port number from 1 to 65535"),
    "security": ("CASELADDER_EMAIL_SECURITY", "tls or starttls (plain only for a server on this machine)"),
    "ca": ("CASELADDER_EMAIL_CA", "the path of the CA that signed the server's certificate"),
    "user": ("CASELADDER_EMAIL_USER", "the name to log in with"),
    "password": ("CASELADDER_EMAIL_PASSWORD", "the password to log in with"),
    "folder": ("CASELADDER_EMAIL_FOLDER", "the folder to read, in ASCII, such as INBOX"),
    "done_folder": ("CASELADDER_EMAIL_DONE_FOLDER", "another folder, in ASCII, for what was taken in"),
    "interval_seconds": ("CASELADDER_EMAIL_INTERVAL_SECONDS", "whole seconds from 5 to 3600"),
    "max_bytes": ("CASELADDER_EMAIL_MAX_BYTES", "the size of the largest mail, from 1000 to 100000000 bytes"),
    "sends_from": ("CASELADDER_EMAIL_FROM", "the address that our notices come from"),
}
_OF_NOTICES: Final = "sends_from"
"""Who sets this wants messages out; all others are of messages in."""


Folder = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9 ._/\-]{1,100}$")]


class EmailSettings(BaseModel):
    """How we reach the mailbox. Frozen."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    host: Text
    port: int | None = Field(default=None, ge=1, le=65535)
    security: Literal["tls", "starttls", "plain"] = "tls"
    ca: ExistingFile | None = None
    user: Text
    password: SecretStr
    folder: Folder = "INBOX"
    done_folder: Folder | None = None
    """Where a mail goes that was taken in; None: it is marked as seen, and what is seen is not read."""
    interval_seconds: int = Field(default=60, ge=5, le=3600)
    max_bytes: int = Field(default=20_000_000, ge=1000, le=100_000_000)

    sends_from: Text | None = None
    """Where our notices come from, if not from the mailbox itself."""

    @property
    def own_addresses(self) -> frozenset[str]:
        """Our addresses, in small letters: what comes from them is never a resident's mail."""
        return frozenset({self.user.lower(), parseaddr(self.sends_from or "")[1].lower()} - {""})

    @property
    def at_port(self) -> int:
        """The port, by default that of the protocol."""
        return self.port or (993 if self.security == "tls" else 143)

    @classmethod
    def from_environment(cls, env: Mapping[str, str]) -> "EmailSettings | None":
        """Read the CASELADDER_EMAIL_* variables; None without those of messages in. Raises SettingsError."""
        switches = (name for field, (name, _) in _VARIABLES.items() if field != _OF_NOTICES)
        if not any(env.get(name, "").strip() for name in switches):
            return None
        made = read(cls, env, _VARIABLES)
        if made.security == "plain" and made.host not in _LOOPBACK:
            name, right = _VARIABLES["security"]
            raise SettingsError([f"{name} is not usable: set it to {right}"])
        return made
