"""One database and one role a service: the job's script and `migrate SERVICE` on a real PostgreSQL."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator

import asyncpg
import pytest

from tests.deploy.cluster import NAMES, Cluster, running_cluster
from tests.deploy.compose_kit import COMPOSE_FILE, ROOT, compose, placeholders
from tools.deploy_secrets import demanded


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """A cluster in which the job has run once."""
    with running_cluster() as found:
        yield found


def test_the_job_may_be_repeated(cluster: Cluster) -> None:
    done = cluster.run_job()
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("role", NAMES)
async def test_a_role_owns_its_database_and_enters_no_other(cluster: Cluster, role: str) -> None:
    for database in (*NAMES, "postgres", "template1"):
        if database == role:
            connection = await asyncpg.connect(cluster.url(role, database))
            await connection.execute("CREATE SCHEMA trial; DROP SCHEMA trial")
            assert (
                await connection.fetchval(
                    "SELECT rolsuper OR rolcreatedb OR rolcreaterole FROM pg_roles WHERE rolname = current_user"
                )
                is False
            )
            await connection.close()
        else:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await asyncpg.connect(cluster.url(role, database))


async def test_a_changed_password_is_taken_over(cluster: Cluster) -> None:
    assert cluster.run_job(DATABASE_PASSWORD_KEYCLOAK="it's new").returncode == 0
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(cluster.url("keycloak", "keycloak"))
    connection = await asyncpg.connect(cluster.url("keycloak", "keycloak", password="it%27s%20new"))
    await connection.close()


def test_a_missing_password_fails_the_job(cluster: Cluster) -> None:
    done = cluster.run_job(DATABASE_PASSWORD_ROUTER="")
    assert done.returncode != 0
    assert "router: role" not in done.stdout


def _run(words: list[str], url: str) -> subprocess.CompletedProcess[str]:
    env = {"PATH": os.environ["PATH"], "CASELADDER_TRANSPORT": "kafka", "CASELADDER_DATABASE_URL": url}
    argv = [sys.executable, "-m", "services", *words]
    return subprocess.run(argv, cwd=ROOT, env=env, capture_output=True, text=True, check=False)


async def test_each_service_migrates_its_own_database_as_its_own_role(cluster: Cluster) -> None:
    """The words of the compose file's jobs: the tables of this service and the shared ones, none of another."""
    services = compose(placeholders(demanded(COMPOSE_FILE)))["services"]
    for name in ("intake", "router", "mediation", "petition", "notify"):
        done = await asyncio.to_thread(_run, services[f"migrate-{name}"]["command"], cluster.url(name, name))
        assert done.returncode == 0, done.stderr
        assert done.stdout == f"chassis: up to date\nrelay: up to date\n{name}: up to date\n"
        connection = await asyncpg.connect(cluster.url(name, name))
        found = await connection.fetch(
            "SELECT nspname FROM pg_namespace"
            " WHERE nspname IN ('chassis', 'intake', 'router', 'mediation', 'petition', 'notify')"
        )
        await connection.close()
        assert {row["nspname"] for row in found} == {"chassis", name}
