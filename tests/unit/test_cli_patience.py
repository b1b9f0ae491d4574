"""A request is sent again while the service is away."""

import itertools
from collections.abc import Iterator

import httpx
import pytest

from services.cli.patience import GIVE_UP_S, LONGEST_PAUSE_S, patiently


class Server:
    """Gives the prepared answers in order; the pauses between are noted, not waited for."""

    def __init__(self, answers: Iterator[httpx.Response | httpx.TransportError]) -> None:
        self._answers = answers
        self.pauses: list[float] = []
        self.said: list[str] = []

    async def send(self) -> httpx.Response:
        answer = next(self._answers)
        if isinstance(answer, httpx.TransportError):
            raise answer
        return answer

    async def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)

    async def ask(self) -> httpx.Response:
        return await patiently(
            self.send, self.said.append, pause=self.pause, is_whole=lambda answer: answer.text != "cut short"
        )


async def test_a_restart_is_waited_for() -> None:
    """Refused, broken off, not ready, answered in part: each is sent again after a longer pause."""
    away: list[httpx.Response | httpx.TransportError] = [
        httpx.ConnectError(""),
        httpx.RemoteProtocolError(""),
        httpx.Response(503),
        httpx.Response(200, text="cut short"),
    ]
    server = Server(iter([*away, httpx.Response(200, text="whole")]))
    assert (await server.ask()).text == "whole"
    assert server.pauses == [0.25, 0.5, 1, 2]
    assert len(server.said) == 1


@pytest.mark.parametrize("status", [200, 400, 401, 413, 422, 500])
async def test_an_answer_is_not_asked_for_again(status: int) -> None:
    server = Server(iter([httpx.Response(status)]))
    assert (await server.ask()).status_code == status
    assert server.pauses == []


async def test_after_a_minute_and_more_it_gives_up() -> None:
    server = Server(itertools.repeat(httpx.ConnectError("")))
    with pytest.raises(httpx.ConnectError):
        await server.ask()
    assert 60 <= GIVE_UP_S <= sum(server.pauses) < GIVE_UP_S + LONGEST_PAUSE_S
    assert max(server.pauses) == LONGEST_PAUSE_S
    refused = Server(itertools.repeat(httpx.Response(503)))
    assert (await refused.ask()).status_code == 503
