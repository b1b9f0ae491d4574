"""A running service, asked over HTTP as ops: it must do the work itself, with its rules of now."""

import getpass
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final, Self

import click
import httpx

from services.cli.local import LocalRun

_TIMEOUT_S: Final = 60
Rows = Sequence[Sequence[str]]


class Client:
    """A service of the run directory, on behalf of the user of this machine. A context manager."""

    def __init__(self, local: LocalRun, service: str) -> None:
        self._service = service
        token = local.issuer().issue(getpass.getuser(), ["ops"], datetime.now(UTC))
        self._client = httpx.Client(
            base_url=local.base_url(service),
            headers={"Authorization": f"Bearer {token}"},
            timeout=_TIMEOUT_S,
            trust_env=False,  # this machine's own address is never behind a proxy
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def ask(self, method: str, path: str, **more: Any) -> dict[str, Any]:
        """Send one request; click.ClickException with the reason unless the answer is 200."""
        try:
            response = self._client.request(method, path, **more)
        except httpx.TransportError as error:
            raise click.ClickException(
                f"{self._service} does not answer at {self._client.base_url} ({type(error).__name__}): "
                "is `make up` running?"
            ) from None
        if response.status_code != 200:
            raise click.ClickException(_refusal(response))
        answer: dict[str, Any] = response.json()
        return answer


def print_table(head: Sequence[str], rows: Rows, nothing: str) -> None:
    """Print columns, each as wide as its widest cell, the last one as it is."""
    if not rows:
        click.echo(nothing)
        return
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    for row in (head, *rows):
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        click.echo("  ".join(cells).rstrip())


def _refusal(response: httpx.Response) -> str:
    try:
        problem = response.json()
        faults = [f"{one['field']}: {one['message']}" for one in problem.get("errors", ())]
        return "; ".join(faults) or str(problem["detail"])
    except (ValueError, KeyError, TypeError, AttributeError):
        return f"the service answered {response.status_code}"
