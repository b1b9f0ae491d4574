"""The load generator, in a process of its own. `python -m bench.load`, spoken to over its standard input.

It reads its orders as one line of JSON, answers `ready`; on `go` it sends and answers `done`; on `write` it
writes the result. So nothing of preparing and writing falls into the measured time.
"""

import asyncio
import gc
import sys
import time
from collections import Counter, deque
from dataclasses import dataclass, field
from pathlib import Path

import orjson
import uvloop

from bench.cases import Requests, read_places, read_texts
from bench.figures import schedule
from bench.http_client import Connection

_PATIENCE_S = 30.0
"""How long answers are waited for after the last request."""


@dataclass(frozen=True, slots=True)
class Orders:
    """What to send. `steps` empty: a closed loop for `seconds`, each connection sends when it has its answer.

    Else an open loop, `steps` being (cases per second, seconds): requests go out when they are due, whatever
    the answers, and wait for a free connection where there is none.
    """

    port: int
    path: str
    token: str
    messages: str
    reference: str
    result: str
    connections: int
    seconds: float
    first: int
    """The number of the first case: no two phases send the same callers."""
    steps: list[tuple[float, float]] = field(default_factory=list)

    @property
    def duration(self) -> float:
        """How long requests are sent, in seconds."""
        return sum(seconds for _, seconds in self.steps) or self.seconds


@dataclass(slots=True)
class Result:
    """What was sent and answered; times in nanoseconds since 1970."""

    case_ids: list[str] = field(default_factory=list)
    due: list[int] = field(default_factory=list)
    answered: list[int] = field(default_factory=list)
    failures: Counter[str] = field(default_factory=Counter)
    sample: str = ""
    """The body of the first answer that was not 201."""
    sent: int = 0
    started: int = 0
    cpu_seconds: float = 0.0


class Load:
    """Sends and takes down what is answered."""

    def __init__(self, orders: Orders, requests: Requests) -> None:
        self.result = Result()
        self._orders = orders
        self._requests = requests
        self._schedule: deque[int] = deque()
        self._overdue: deque[int] = deque()
        self._idle: deque[Connection] = deque()
        self._in_flight = 0
        self._alive = 0
        self._until = 0
        self._done = asyncio.Event()

    async def run(self) -> None:
        """Send everything and wait for the answers, but not for ever."""
        loop = asyncio.get_running_loop()
        for _ in range(self._orders.connections):
            _, connection = await loop.create_connection(
                lambda: Connection(self._answered, self._lost), "127.0.0.1", self._orders.port
            )
            self._idle.append(connection)
        connections = list(self._idle)
        self._alive = len(connections)
        self._start()
        try:
            await asyncio.wait_for(self._done.wait(), self._orders.duration + _PATIENCE_S)
        except TimeoutError:
            self.result.failures["no answer"] += self._in_flight + len(self._overdue) + len(self._schedule)
        self._alive = 0
        for connection in connections:
            connection.close()

    def _start(self) -> None:
        self.result.started = time.time_ns()
        if self._orders.steps:
            times = schedule(self._orders.steps, seed=self._orders.first)
            self._schedule.extend(self.result.started + offset for offset in times)
            self._tick()
            return
        self._until = self.result.started + int(self._orders.seconds * 1e9)
        while self._idle:
            self._send(self._idle.popleft(), time.time_ns())

    def _tick(self) -> None:
        """Send all that is due, and come back for the next."""
        now = time.time_ns()
        while self._schedule and self._schedule[0] <= now:
            due = self._schedule.popleft()
            if self._idle:
                self._send(self._idle.popleft(), due)
            else:
                self._overdue.append(due)
        if self._schedule:
            asyncio.get_running_loop().call_later((self._schedule[0] - now) / 1e9, self._tick)
        else:
            self._finish_if_done()

    def _send(self, connection: Connection, due: int) -> None:
        number = self._orders.first + self.result.sent
        self.result.sent += 1
        self._in_flight += 1
        connection.send(self._requests.make(number), due)

    def _answered(self, connection: Connection, status: int, body: bytes) -> None:
        now = time.time_ns()
        result = self.result
        if status == 201:
            start = body.index(b'"case_id":"') + 11
            result.case_ids.append(body[start : start + 36].decode())
            result.due.append(connection.due_ns)
            result.answered.append(now)
        else:
            result.failures[str(status)] += 1
            result.sample = result.sample or body.decode(errors="replace")[:500]
        connection.due_ns = 0
        self._in_flight -= 1
        if now < self._until:
            self._send(connection, now)
        elif self._overdue:
            self._send(connection, self._overdue.popleft())
        else:
            self._idle.append(connection)
            self._finish_if_done()

    def _lost(self, connection: Connection) -> None:
        if not self._alive:
            return
        self._alive -= 1
        if connection.due_ns:
            self._in_flight -= 1
        elif connection in self._idle:
            self._idle.remove(connection)
        self.result.failures["connection lost"] += 1
        if not self._alive:
            self._done.set()
        self._finish_if_done()

    def _finish_if_done(self) -> None:
        if not (self._in_flight or self._schedule or self._overdue):
            self._done.set()


async def _run(orders: Orders, requests: Requests) -> Result:
    load = Load(orders, requests)
    used = time.process_time()
    await load.run()
    load.result.cpu_seconds = time.process_time() - used
    return load.result


def main() -> None:
    """Follow the orders."""
    orders = Orders(**orjson.loads(sys.stdin.readline()))
    texts = read_texts(Path(orders.messages))
    places = read_places(Path(orders.reference))
    requests = Requests(texts, places, f"127.0.0.1:{orders.port}", orders.path, orders.token)
    gc.freeze()
    gc.disable()
    print("ready", flush=True)
    if sys.stdin.readline() != "go\n":
        return
    result = uvloop.run(_run(orders, requests))
    print("done", flush=True)
    sys.stdin.readline()
    Path(orders.result).write_bytes(orjson.dumps(result))
    print("written", flush=True)


if __name__ == "__main__":
    main()
