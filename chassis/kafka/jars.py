"""Apache Kafka's own jars, fetched once through Maven into a cache that all checkouts share."""

import fcntl
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from xml.sax.saxutils import escape

from chassis.kafka.local_host import LocalKafkaError

__all__ = ["KAFKA_VERSION", "cache_dir", "fetch_jars", "missing_for_fetch"]

KAFKA_VERSION = "4.3.1"
_LOG4J_VERSION = "2.25.4"  # that of Kafka 4.3.1
_COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"
_FETCH_SECONDS = 1200

# Kafka's tools drag in a web server, for Kafka Connect only: left out.
_CONNECT = ("connect-api", "connect-json", "connect-runtime", "connect-transforms")
_ARTIFACTS = (
    ("org.apache.kafka", "kafka_2.13", KAFKA_VERSION),
    ("org.apache.kafka", "kafka-tools", KAFKA_VERSION),
    ("org.apache.logging.log4j", "log4j-slf4j-impl", _LOG4J_VERSION),
)


def cache_dir() -> Path:
    """Where the jars are kept: `$XDG_CACHE_HOME`, else `~/.cache`, then `caseladder/kafka-<version>`."""
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "caseladder" / f"kafka-{KAFKA_VERSION}"


def missing_for_fetch(jars: Path) -> str | None:
    """What a fetch would lack, in plain words; None when it can be done or is not needed."""
    if jars.is_dir() or shutil.which("mvn"):
        return None
    return (
        "Apache Kafka's jars come through Maven, and this machine has no mvn. Mend it with:  "
        "sudo apt-get install -y maven"
    )


def fetch_jars(jars: Path, java: Path) -> None:
    """Fill the directory `jars`, all or nothing; do nothing when it exists. Safe in several processes at once.

    java: the program whose Java Maven shall use.
    Raises LocalKafkaError when Maven is missing or cannot fetch, with the end of what it said.
    """
    jars.parent.mkdir(parents=True, exist_ok=True)
    with jars.with_name(jars.name + ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # a second process waits here, and then finds the jars
        missing = missing_for_fetch(jars)
        if missing:
            raise LocalKafkaError(missing)
        if not jars.is_dir():
            _fetch(jars, java)


def _fetch(jars: Path, java: Path) -> None:
    with tempfile.TemporaryDirectory(dir=jars.parent, prefix=f"{jars.name}.new-") as draft:
        pom = Path(draft) / "pom.xml"
        pom.write_text(_pom())
        into = Path(draft) / "jars"
        command = ["mvn", "-B", "-q", "--strict-checksums", "-f", str(pom), _COPY]
        command += ["-DincludeScope=runtime", f"-DoutputDirectory={into}"]
        environment = {**os.environ, "JAVA_HOME": str(java.resolve().parents[1])}
        try:
            done = subprocess.run(  # noqa: S603
                command, capture_output=True, text=True, check=False, env=environment, timeout=_FETCH_SECONDS
            )
        except subprocess.TimeoutExpired:
            raise LocalKafkaError(f"Maven did not finish within {_FETCH_SECONDS} s. {_ADVICE}") from None
        if done.returncode != 0:
            said = "\n".join((done.stdout + done.stderr).strip().splitlines()[:10])
            raise LocalKafkaError(f"Maven could not fetch Apache Kafka {KAFKA_VERSION}. {_ADVICE}\n{said}")
        into.rename(jars)


_ADVICE = (
    "Is Maven Central reachable from here? A proxy or a mirror goes into ~/.m2/settings.xml; what is half "
    "fetched is fetched again at the next start."
)


def _pom() -> str:
    left_out = "".join(
        f"<exclusion><groupId>org.apache.kafka</groupId><artifactId>{name}</artifactId></exclusion>"
        for name in _CONNECT
    )
    wanted = "".join(
        f"<dependency><groupId>{escape(group)}</groupId><artifactId>{escape(name)}</artifactId>"
        f"<version>{version}</version><exclusions>{left_out}</exclusions></dependency>"
        for group, name, version in _ARTIFACTS
    )
    return (
        "<project><modelVersion>4.0.0</modelVersion>"
        "<groupId>caseladder</groupId><artifactId>local-kafka</artifactId><version>1</version>"
        f"<packaging>pom</packaging><dependencies>{wanted}</dependencies></project>"
    )
