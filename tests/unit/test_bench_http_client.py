"""The load generator's HTTP client reads answers however the network cuts them."""

import asyncio

import pytest

from bench.http_client import Connection, ResponseParser

_BODY = b'{"case_id":"0"}'
_RESPONSE = b"HTTP/1.1 201 Created\r\nETag: x\r\nContent-Length: 15\r\nContent-Type: a/b\r\n\r\n" + _BODY


def test_a_whole_response() -> None:
    """Status and body."""
    assert ResponseParser().feed(_RESPONSE) == (201, _BODY)


@pytest.mark.parametrize("cut", range(1, len(_RESPONSE)))
def test_a_response_in_two_pieces(cut: int) -> None:
    """Wherever the cut lies: nothing before the end, everything at it, and again with the next response."""
    parser = ResponseParser()
    for _ in range(2):
        assert parser.feed(_RESPONSE[:cut]) is None
        assert parser.feed(_RESPONSE[cut:]) == (201, _BODY)


def test_a_response_byte_by_byte() -> None:
    """Each byte alone."""
    parser = ResponseParser()
    answers = [parser.feed(_RESPONSE[place : place + 1]) for place in range(len(_RESPONSE))]
    assert answers[:-1] == [None] * (len(_RESPONSE) - 1)
    assert answers[-1] == (201, _BODY)


def test_an_empty_body() -> None:
    """Complete with its head."""
    assert ResponseParser().feed(b"HTTP/1.1 503 x\r\ncontent-length: 0\r\n\r\n") == (503, b"")


@pytest.mark.parametrize(
    "data",
    [
        b"SSH-2.0-OpenSSH\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
        _RESPONSE + b"H",
    ],
)
def test_what_is_no_such_response_is_refused(data: bytes) -> None:
    """Rather than counted as an answer."""
    with pytest.raises(ValueError, match=r"HTTP|Content-Length|more arrived|int"):
        ResponseParser().feed(data)


async def test_a_connection_tells_of_answers_and_of_its_end() -> None:
    """One request, one answer in two pieces, then the server hangs up."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert await reader.readuntil(b"!") == b"ask!"
        writer.write(_RESPONSE[:40])
        await writer.drain()
        writer.write(_RESPONSE[40:])
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    loop = asyncio.get_running_loop()
    answers: list[tuple[int, int, bytes]] = []
    lost: asyncio.Future[int] = loop.create_future()

    def note(connection: Connection, status: int, body: bytes) -> None:
        answers.append((connection.due_ns, status, body))

    host, port = server.sockets[0].getsockname()
    _, connection = await loop.create_connection(
        lambda: Connection(note, lambda gone: lost.set_result(gone.due_ns)), host, port
    )
    connection.send(b"ask!", 5)
    assert await asyncio.wait_for(lost, 10) == 5
    assert answers == [(5, 201, _BODY)]
    server.close()
    await server.wait_closed()
