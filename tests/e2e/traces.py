"""What a run left behind, and whether anything of a person is in it, however it is written."""

import base64
import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import quote, quote_plus

import asyncpg

from tests.e2e.system import System


def forms(secret: str) -> Iterator[tuple[str, bytes]]:
    """Yield the ways in which a text may stand somewhere: as it is, escaped, as an address or a bytea has it, in
    base64 at whatever place of it, and as a digest without a key, by which anybody finds a phone number again."""
    plain = secret.encode()
    yield "as it is", plain
    yield "in GB18030", secret.encode("gb18030")
    yield "escaped", escaped(secret)
    yield "in capitals", secret.upper().encode()
    yield "in an address", quote(secret, safe="").encode()
    yield "in an address", quote(secret, safe="").lower().encode()
    yield "in a form", quote_plus(secret).encode()
    yield "in hex", plain.hex().encode()
    for before, shared in enumerate(
        (0, 2, 3)
    ):  # so many bytes stand before it, and share so many characters with it
        coded = base64.b64encode(bytes(before) + plain)[shared : (before + len(plain)) * 8 // 6]
        yield "in base64", coded
        yield "in base64 of addresses", coded.translate(bytes.maketrans(b"+/", b"-_"))
    for name in ("md5", "sha1", "sha256"):
        digest = hashlib.new(name, plain, usedforsecurity=False).digest()
        yield f"as {name}", digest.hex().encode()
        yield f"as {name}", base64.b64encode(digest).rstrip(b"=")
        yield f"as {name}", base64.urlsafe_b64encode(digest).rstrip(b"=")


def escaped(text: str) -> bytes:
    """Return a text as JSON in ASCII has it."""
    return "".join(f"\\u{ord(one):04x}" if ord(one) > 127 else one for one in text).encode()


def found(secrets: Mapping[str, str], left: Mapping[str, bytes]) -> list[tuple[str, str, str, str]]:
    """Return each secret that stands somewhere: its name, where, how, and the words around it."""
    hits = []
    for name, secret in secrets.items():
        for how, form in {form: (how, form) for how, form in forms(secret)}.values():
            for place, content in left.items():
                if (at := content.find(form)) >= 0:
                    around = content[max(0, at - 60) : at + len(form) + 20].decode(errors="replace")
                    hits.append((name, place, how, around))
    return hits


async def tables(system: System) -> dict[str, bytes]:
    """Return every row of every table of every service as text: logs of events, states, queues, answers, all."""
    rows: dict[str, bytes] = {}
    for url in sorted(set(system.local.databases().values())):
        connection = await asyncpg.connect(url)
        try:
            names = await connection.fetch(
                "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables"
                " WHERE schemaname NOT IN ('pg_catalog', 'information_schema') ORDER BY 1"
            )
            for (name,) in names:
                found_rows = await connection.fetch(f"SELECT t::text FROM {name} t")
                key = f"table {name}"
                rows[key] = rows.get(key, b"") + "\n".join(row[0] for row in found_rows).encode()
        finally:
            await connection.close()
    return rows


def files(run_dir: Path) -> dict[str, bytes]:
    """Return every file of the run but the database's own and the secrets: logs above all."""
    return {
        f"file {path.relative_to(run_dir)}": path.read_bytes()
        for path in sorted(run_dir.rglob("*"))
        if path.is_file() and path.name != "secrets.env" and path.relative_to(run_dir).parts[0] != "postgres"
    }
