"""A text-message gateway of ours, as bad as they come: it fails, stalls, answers twice, and sends receipts twice.

It notes what it takes, in the order in which it takes it. What it takes it may still deny, or never answer.
"""

import asyncio
import random
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.sharedctypes import Synchronized
from typing import Final
from urllib.parse import parse_qs

import orjson

STALL_S: Final = 5.0
"""Longer than any sender waits."""
_OK: Final = b'{"Code":"OK","Message":"OK","BizId":"b"}'
_BUSY: Final = b'{"Code":"isp.SYSTEM_ERROR","Message":"busy"}'
_RECEIPT_EVERY: Final = 20


@dataclass(frozen=True, slots=True)
class Taken:
    """One message that was taken: which one it says it is, and under which id."""

    name: str
    out_id: str


@dataclass(slots=True)
class Report:
    """What a gateway has seen."""

    taken: list[Taken] = field(default_factory=list)
    requests: int = 0
    failed: int = 0
    """Answered with an error, or by closing the connection; half of those were taken all the same."""
    stalled: int = 0
    answered_twice: int = 0


class Gateway:
    """The server. `counter` shows other processes how much was taken."""

    def __init__(self, seed: int, counter: "Synchronized[int]", receipts: Connection) -> None:
        self._luck = random.Random(seed)
        self._counter, self._receipts = counter, receipts
        self.report = Report()

    async def serve(self, port: int, ready: Connection, stop: Connection) -> None:
        """Serve on a port of this machine until something comes by `stop`; say by `ready` when it begins."""
        server = await asyncio.start_server(self._connection, "127.0.0.1", port)
        loop, stopping = asyncio.get_running_loop(), asyncio.Event()
        loop.add_reader(stop.fileno(), stopping.set)
        ready.send(True)
        async with server:
            await stopping.wait()
        loop.remove_reader(stop.fileno())

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await self._request(reader, writer):
                pass
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # a sender was killed or gave up, or the run is over
        finally:
            writer.close()

    async def _request(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Answer one request in one of our ways; return whether the connection goes on."""
        head = await reader.readuntil(b"\r\n\r\n")
        self.report.requests += 1
        draw = self._luck.random()
        if draw < 0.15:
            return await self._fail(writer)
        self._take(head)
        if draw < 0.30:
            return await self._fail(writer)
        if draw < 0.302:
            self.report.stalled += 1
            await asyncio.sleep(STALL_S)
            return False
        answer = _answer(200, _OK)
        if draw < 0.312:
            self.report.answered_twice += 1
            answer += answer
        writer.write(answer)
        await writer.drain()
        return True

    async def _fail(self, writer: asyncio.StreamWriter) -> bool:
        self.report.failed += 1
        if self._luck.random() < 0.3:
            return False  # hangs up without a word
        writer.write(_answer(503, _BUSY))
        await writer.drain()
        return True

    def _take(self, head: bytes) -> None:
        query = parse_qs(head.split(b" ", 2)[1].partition(b"?")[2].decode())
        name = orjson.loads(query["TemplateParam"][0])["unit"]
        self.report.taken.append(Taken(name, query["OutId"][0]))
        with self._counter.get_lock():
            self._counter.value += 1
        if len(self.report.taken) % _RECEIPT_EVERY == 0:
            self._receipts.send(query["OutId"][0])
            self._receipts.send(query["OutId"][0])


def _answer(status: int, body: bytes) -> bytes:
    return b"HTTP/1.1 %d x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (
        status,
        len(body),
        body,
    )
