"""A collector of traces that counts spans and throws them away: `python -m bench.sink PORT`.

OTLP over HTTP on 127.0.0.1 at any path; a GET answers with the number of spans so far, or is there to see whether
it is ready.
"""

import asyncio
import sys

import uvloop
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

_MOST_BYTES = 64 * 1024 * 1024


class Sink:
    """Counts."""

    def __init__(self) -> None:
        self.spans = 0

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection until it is closed."""
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                _, _, length = head.partition(b"content-length:")
                body = await reader.readexactly(int(length.split(b"\r\n", 1)[0] or 0))
                answer = self._take(body) if head.startswith(b"post") else str(self.spans).encode()
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(answer), answer))
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    def _take(self, body: bytes) -> bytes:
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            self.spans += sum(len(scope.spans) for scope in resource.scope_spans)
        return b""


async def _serve(port: int) -> None:
    server = await asyncio.start_server(Sink().talk, "127.0.0.1", port, limit=_MOST_BYTES)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(_serve(int(sys.argv[1])))
