"""A PostgreSQL on which the compose file's `databases` job is run."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit
from uuid import uuid4

from chassis.embedded import EmbeddedPostgres
from chassis.embedded_host import find_programs
from tests.deploy.compose_kit import COMPOSE_FILE, DEPLOY, compose, placeholders
from tools.deploy_secrets import demanded

JOB = compose(placeholders(demanded(COMPOSE_FILE)))["services"]["databases"]["environment"]
NAMES = JOB["DATABASES"].split()


class Cluster:
    """A PostgreSQL of this test alone, told where it is as the job is."""

    def __init__(self, server: EmbeddedPostgres, password: str) -> None:
        self.server = server
        parts = urlsplit(server.url("postgres"))
        query = parse_qs(parts.query)
        self.env = {
            "PATH": f"{find_programs()}:{os.environ['PATH']}",  # psql
            "PGHOST": query["host"][0] if "host" in query else parts.hostname or "",
            "PGPORT": query["port"][0] if "port" in query else str(parts.port or 5432),
            "PGUSER": unquote(parts.username or ""),
            "PGPASSWORD": password,
        }

    def run_job(self, **changed: str) -> subprocess.CompletedProcess[str]:
        """Run the job's script with the compose file's variables."""
        env = JOB | self.env | changed
        script = DEPLOY / "postgres" / "databases.sh"
        return subprocess.run(["bash", str(script)], env=env, capture_output=True, text=True, check=False)

    def url(self, role: str, database: str, password: str | None = None) -> str:
        """The address of a database for one of the roles."""
        secret = password or JOB[f"DATABASE_PASSWORD_{role.upper()}"]
        port, host = self.env["PGPORT"], self.env["PGHOST"]
        return f"postgresql://{role}:{secret}@/{database}?host={host}&port={port}"


@contextmanager
def running_cluster(port: int | None = None) -> Iterator[Cluster]:
    """A cluster in which the job has run once; on a TCP port, or on a socket only."""
    password = uuid4().hex
    place = Path(
        tempfile.mkdtemp(prefix="caseladder-")
    )  # PostgreSQL steps down from root: not under pytest's
    try:
        with EmbeddedPostgres(place / "postgres", password, port=port, settings={"fsync": "off"}) as server:
            found = Cluster(server, password)
            done = found.run_job()
            assert done.returncode == 0, done.stderr
            yield found
    finally:
        shutil.rmtree(place)
