"""The load generator sends what it was told to, and takes down what came back."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import orjson
import pytest

from bench.cases import LEAST_TEXTS, Requests, read_places, read_texts
from bench.load import Load, Orders, Result
from reference.areas import GridIndex

_REFERENCE = Path(__file__).parents[2] / "reference" / "gulou"
_ID = "00000000-0000-7000-8000-%012d"


def _requests() -> Requests:
    places = [b'{"grid":"G1"}             ', b'{"longitude":1,"latitude":2}']
    width = max(map(len, places))
    texts = [("标题一", '说"明\n一'), ("100 % two", "%b %s")]
    return Requests(texts, [place.ljust(width) for place in places], "127.0.0.1:1", "/v1/cases", "token")


def test_each_request_is_whole_and_says_its_length() -> None:
    """Texts by turns, places by turns, and what looks like a placeholder left alone."""
    bodies = []
    for number in range(4):
        head, _, body = _requests().make(number).partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        assert lines[0] == "POST /v1/cases HTTP/1.1"
        assert f"Content-Length: {len(body)}" in lines
        assert "Authorization: Bearer token" in lines
        bodies.append(orjson.loads(body))
    assert [body["title"] for body in bodies] == ["标题一", "100 % two"] * 2
    assert [body["text"] for body in bodies[:2]] == ['说"明\n一', "%b %s"]
    assert [body["place"] for body in bodies[:2]] == [{"grid": "G1"}, {"longitude": 1, "latitude": 2}]
    assert len(bodies[0]["reporter"]["phone"]) == 11


def test_one_caller_in_25_called_before() -> None:
    """The others are distinct persons."""
    requests = _requests()
    phones = [
        orjson.loads(requests.make(n).partition(b"\r\n\r\n")[2])["reporter"]["phone"]
        for n in range(1000, 2000)
    ]
    assert len(phones) - len(set(phones)) == 0
    earlier = {1_3_000_000_000 + n for n in range(500, 1000)}
    assert sum(int(phone) in earlier for phone in phones) == 40


def test_places_lie_in_every_grid() -> None:
    """Half by code, half by a point that is found in that very grid; all of one length."""
    places = read_places(_REFERENCE)
    grids, points = places[::2], [orjson.loads(place) for place in places[1::2]]
    index = GridIndex.load(_REFERENCE)
    found = [index.locate(point["longitude"], point["latitude"]) for point in points]
    assert found == [orjson.loads(place)["grid"] for place in grids]
    assert len({len(place) for place in places}) == 1
    assert len(set(found)) == 410


def test_a_short_file_is_varied(tmp_path: Path) -> None:
    """Different words, so that a repeat is not the same text a thousand times."""
    path = tmp_path / "messages.csv"
    path.write_text("title,body\n路灯不亮,三天了\n噪音,夜里施工\n,没有标题\n", encoding="utf-8")
    texts = read_texts(path)
    assert texts[:2] == [("路灯不亮", "三天了"), ("噪音", "夜里施工")]
    assert len(set(texts)) == len(texts) >= LEAST_TEXTS


def test_a_file_without_messages_is_refused(tmp_path: Path) -> None:
    """Naming the file."""
    path = tmp_path / "messages.csv"
    path.write_text("title,body\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"messages\.csv holds no message"):
        read_texts(path)


class _Service:
    """Answers 201 with numbered case ids, every third request with 422; or hangs up."""

    def __init__(self, *, hangs_up: bool = False) -> None:
        self.requests = 0
        self._hangs_up = hangs_up
        self._conversations: list[asyncio.Task[None]] = []

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[int]:
        """Listen; yield the port; leave when every connection is closed."""
        server = await asyncio.start_server(self._begin, "127.0.0.1", 0)
        try:
            yield server.sockets[0].getsockname()[1]
        finally:
            server.close()
            await asyncio.gather(*self._conversations)

    def _begin(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._conversations.append(asyncio.create_task(self._talk(reader, writer)))

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                if self._hangs_up:
                    break
                await reader.readexactly(int(head.rpartition(b"Content-Length: ")[2]))
                writer.write(self._answer())
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()

    def _answer(self) -> bytes:
        self.requests += 1
        status, body = (201, orjson.dumps({"case_id": _ID % self.requests}))
        if self.requests % 3 == 0:
            status, body = 422, b'{"code":"no"}'
        return b"HTTP/1.1 %d x\r\nContent-Length: %d\r\n\r\n%b" % (status, len(body), body)


def _orders(port: int, **changes: object) -> Orders:
    values: dict[str, object] = {
        "port": port,
        "path": "/v1/cases",
        "token": "token",
        "messages": "",
        "reference": "",
        "result": "",
        "connections": 3,
        "seconds": 0.05,
        "first": 0,
    }
    return Orders(**{**values, **changes})  # type: ignore[arg-type]


async def _run(service: _Service, **changes: object) -> Result:
    async with service.serving() as port:
        load = Load(_orders(port, **changes), _requests())
        await load.run()
    return load.result


async def test_an_open_loop_sends_every_scheduled_case() -> None:
    """More cases at once than connections: those wait, and are timed from the moment they were due."""
    service = _Service()
    result = await _run(service, steps=[(2000, 0.03)])
    assert result.sent == service.requests == 60
    assert result.failures == {"422": 20}
    assert result.sample == '{"code":"no"}'
    assert len(set(result.case_ids)) == len(result.due) == len(result.answered) == 40
    assert all(due < answered for due, answered in zip(result.due, result.answered, strict=True))
    assert all(0 <= due - result.started < 30_000_000 for due in result.due)


async def test_a_closed_loop_sends_on_each_answer_until_the_end() -> None:
    """All that was sent was answered."""
    service = _Service()
    result = await _run(service)
    assert result.sent == service.requests == len(result.case_ids) + result.failures["422"]
    assert result.sent >= 3


async def test_lost_connections_end_the_load() -> None:
    """A service that hangs up is a failure of each connection, not an endless wait."""
    result = await _run(_Service(hangs_up=True))
    assert result.failures == {"connection lost": 3}
    assert not result.case_ids
