"""A small IMAP4rev1 server on 127.0.0.1: folders, flags, the commands that we send, and ways to fail."""

import re
import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from pathlib import Path

USER, PASSWORD = "12345@gl.example.cn", 'planted "pass\\word'


@dataclass
class Stored:
    """One mail on the server."""

    raw: bytes
    flags: set[str] = field(default_factory=set)


@dataclass
class ImapServer:
    """What the server holds, and how it behaves."""

    port: int = 0
    capabilities: str = "IMAP4rev1 UIDPLUS MOVE ID"
    folders: dict[str, dict[int, Stored]] = field(default_factory=lambda: {"INBOX": {}})
    commands: list[str] = field(default_factory=list)
    hangs_up_at: str = ""
    """A command at which the connection breaks, once."""
    refuses: str = ""
    """A command that is answered with NO."""
    rounds: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    """Released at each LOGOUT."""
    _next: int = 1

    def put(self, raw: bytes | EmailMessage, folder: str = "INBOX") -> int:
        """Put a mail into a folder; return its number."""
        uid, self._next = self._next, self._next + 1
        content = raw.as_bytes() if isinstance(raw, EmailMessage) else raw
        self.folders.setdefault(folder, {})[uid] = Stored(content)
        return uid

    def unread(self) -> int:
        """Return how many mails of the INBOX are not seen."""
        return sum("\\Seen" not in mail.flags for mail in self.folders["INBOX"].values())

    def wait_for_round(self) -> None:
        """Wait until a session ended that began after this call, or ended since the last call."""
        assert self.rounds.acquire(timeout=20)


class _Session(socketserver.StreamRequestHandler):
    """One connection."""

    imap: ImapServer

    def handle(self) -> None:
        self._say("* OK ready")
        self._folder = "INBOX"
        while line := self.rfile.readline().decode().strip():
            tag, _, command = line.partition(" ")
            self.imap.commands.append(command.partition(" ")[0] if "LOGIN" in command else command)
            verb = command.upper()
            if self.imap.hangs_up_at and verb.startswith(self.imap.hangs_up_at):
                self.imap.hangs_up_at = ""
                return
            if self.imap.refuses and verb.startswith(self.imap.refuses):
                self._say(f"{tag} NO refused")
                continue
            self._say(f"{tag} {self._answer(command, verb)}")
            if verb.startswith("LOGOUT"):
                self.imap.rounds.release()
                return

    def _say(self, text: str) -> None:
        self.wfile.write(text.encode() + b"\r\n")

    def _answer(self, command: str, verb: str) -> str:
        name, _, rest = command.partition(" ")
        match name.upper():
            case "CAPABILITY":
                self._say(f"* CAPABILITY {self.imap.capabilities}")
            case "LOGIN":
                quoted = PASSWORD.replace("\\", "\\\\").replace('"', '\\"')
                return "OK in" if rest == f'{USER} "{quoted}"' else "NO who are you"
            case "SELECT":
                self._folder = rest.strip('"')
                if self._folder not in self.imap.folders:
                    return "NO no such folder"
                self._say(f"* {len(self.imap.folders[self._folder])} EXISTS")
            case "CREATE":
                if rest.strip('"') in self.imap.folders:
                    return "NO exists"
                self.imap.folders[rest.strip('"')] = {}
            case "ID":
                self._say('* ID ("name" "small")')
            case "LOGOUT":
                self._say("* BYE")
            case "UID":
                return self._by_number(*rest.split(" ", 2))
            case _:
                return "BAD unknown"
        return "OK done"

    def _by_number(self, verb: str, number: str, rest: str = "") -> str:
        held = self.imap.folders[self._folder]
        if verb == "SEARCH":
            hidden = {"\\Deleted"} | ({"\\Seen"} if number == "UNSEEN" else set())
            found = [str(uid) for uid, mail in held.items() if not mail.flags & hidden]
            self._say("* SEARCH " + " ".join(found))
            return "OK done"
        uid = int(number)
        mail = held[uid]
        match verb:
            case "FETCH" if "SIZE" in rest:
                self._say(f"* 1 FETCH (UID {uid} RFC822.SIZE {len(mail.raw)})")
            case "FETCH":
                self.wfile.write(
                    b"* 1 FETCH (UID %d BODY[] {%d}\r\n" % (uid, len(mail.raw)) + mail.raw + b")\r\n"
                )
            case "STORE":
                mail.flags |= set(re.findall(r"\\\w+", rest))
            case "COPY":
                self.imap.folders[rest.strip('"')][uid] = Stored(mail.raw)
            case "MOVE":
                self.imap.folders[rest.strip('"')][uid] = held.pop(uid)
            case "EXPUNGE":
                del held[uid]
        return "OK done"


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


@contextmanager
def imap_server(server: ImapServer, certificate: Path | None = None) -> Iterator[ImapServer]:
    """Run the server in a thread; with a certificate (and its key in one file) it speaks TLS."""
    handler = type("Session", (_Session,), {"imap": server})
    with _Server(("127.0.0.1", server.port), handler) as listening:
        server.port = listening.server_address[1]
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            listening.socket = context.wrap_socket(listening.socket, server_side=True)
        thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            listening.shutdown()
            thread.join()


def environment(port: int, **changes: str) -> dict[str, str]:
    """Return the variables that read this server's INBOX."""
    given = {"HOST": "127.0.0.1", "PORT": str(port), "USER": USER, "PASSWORD": PASSWORD, "SECURITY": "plain"}
    return {f"CASELADDER_EMAIL_{name}": value for name, value in (given | changes).items()}


def letter(text: str, **headers: str) -> EmailMessage:
    """Return a plain mail of a resident; headers with `_` for `-` replace or add to the usual ones."""
    mail = EmailMessage()
    usual = {
        "From": "Wang <planted.wang@example.cn>",
        "To": USER,
        "Subject": "路灯不亮",
        "Message-ID": "<1@example.cn>",
    }
    for name, value in (usual | {name.replace("_", "-"): value for name, value in headers.items()}).items():
        if value:
            mail[name] = value
    mail.set_content(text)
    return mail
