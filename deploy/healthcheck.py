"""The container's health check: status 0 where the service's /readyz answers 200, else 1 with its reasons."""

import http.client
import os
import sys

_TIMEOUT_SECONDS = 5.0  # the service itself gives up after 3 s and says so


def main() -> int:
    """Ask once; never through a proxy that the environment may name."""
    connection = http.client.HTTPConnection("127.0.0.1", int(os.environ["CASELADDER_PORT"]), _TIMEOUT_SECONDS)
    try:
        connection.request("GET", "/readyz")
        answer = connection.getresponse()
        sys.stdout.write(answer.read().decode() + "\n")
    except OSError as error:
        sys.stdout.write(f"the service does not answer: {error}\n")
        return 1
    return int(answer.status != http.client.OK)


if __name__ == "__main__":
    sys.exit(main())
