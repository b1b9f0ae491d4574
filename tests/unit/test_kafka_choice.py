"""What the local Kafka asks of the machine, in which words; and which broker the tests choose."""

import signal
import socket
import stat
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import pytest

from chassis.embedded_host import free_port
from chassis.kafka import local_host
from chassis.kafka.jars import KAFKA_VERSION, cache_dir, fetch_jars
from chassis.kafka.local_host import LocalKafkaError, answers, end_leftover, find_java
from chassis.kafka.local_settings import Sasl, server_properties
from tests import kafka_broker
from tests.kafka_broker import choose, give_up, shared


def program(path: Path, text: str) -> Path:
    """A shell script in place of a program."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def java(path: Path, version: str) -> Path:
    """A program that says it is that version of Java."""
    return program(path, f"echo 'openjdk version \"{version}\" 2025-04-15' >&2")


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without Java and Maven; its PATH is the directory `bin` below."""
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setattr(local_host, "VIRTUAL_MACHINES", tmp_path / "jvm")
    return tmp_path


def test_a_machine_without_java_is_told_how_to_get_it(bare: Path) -> None:
    with pytest.raises(LocalKafkaError, match=r"needs Java 17 .* apt-get install -y default-jre-headless"):
        find_java()


def test_an_old_java_is_named_and_passed_over(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = java(bare / "bin/java", "1.8.0_402")
    with pytest.raises(LocalKafkaError, match=rf"\({old} is Java 1\)"):
        find_java()
    newer = java(bare / "jvm/java-21-openjdk/bin/java", "21.0.2")
    assert find_java() == newer
    monkeypatch.setenv("JAVA_HOME", str(bare / "home"))
    assert find_java() == newer
    assert java(bare / "home/bin/java", "17.0.15") == find_java()


def test_a_machine_without_maven_is_told_how_to_get_it(bare: Path) -> None:
    with pytest.raises(LocalKafkaError, match=r"has no mvn. .* apt-get install -y maven"):
        fetch_jars(bare / "cache/kafka", Path("/usr/bin/java"))


def test_jars_that_are_there_need_no_maven(bare: Path) -> None:
    (bare / "cache/kafka").mkdir(parents=True)
    fetch_jars(bare / "cache/kafka", Path("/usr/bin/java"))


def test_a_maven_that_fails_leaves_nothing_and_is_quoted(bare: Path) -> None:
    program(bare / "bin/mvn", "echo '[ERROR] Unknown host'; exit 1")
    with pytest.raises(LocalKafkaError, match=r"Is Maven Central reachable(.|\n)*Unknown host"):
        fetch_jars(bare / "cache/kafka", Path("/usr/bin/java"))
    assert [path.name for path in (bare / "cache").iterdir()] == ["kafka.lock"]


def test_two_that_fetch_at_once_fetch_once(bare: Path) -> None:
    """The second waits for the first, then finds all of it."""
    maven = """
    for word; do case "$word" in -DoutputDirectory=*) into="${word#*=}";; esac; done
    echo once >> "${0%/bin/mvn}/fetched"; /bin/mkdir "$into"; echo jar > "$into/kafka.jar\""""
    program(bare / "bin/mvn", maven)
    jars = bare / "cache/kafka"
    both = [threading.Thread(target=fetch_jars, args=(jars, Path("/usr/bin/java"))) for _ in range(2)]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join()
    assert (jars / "kafka.jar").read_text() == "jar\n"
    assert (bare / "fetched").read_text() == "once\n"


def test_the_cache_is_shared_and_where_the_desktop_standard_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/var/cache/me")
    assert cache_dir() == Path(f"/var/cache/me/caseladder/kafka-{KAFKA_VERSION}")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache_dir() == Path.home() / f".cache/caseladder/kafka-{KAFKA_VERSION}"


def test_a_log_in_that_would_need_quoting_is_refused() -> None:
    for bad in ("", 'a"b', "a b", "a,b", "a\\b"):
        with pytest.raises(ValueError, match="the password may have letters"):
            Sasl(bad)
        with pytest.raises(ValueError, match="the user may have letters"):
            Sasl("good", bad)
    assert "very-secret" not in repr(Sasl("very-secret"))


def test_settings_of_the_caller_win_and_only_a_log_in_brings_access_control() -> None:
    text = server_properties(Path("/d"), 1, 2, None, {"num.io.threads": "3", "min.insync.replicas": "2"})
    lines = text.splitlines()
    assert {"num.io.threads=3", "min.insync.replicas=2", "log.dirs=/d"} <= set(lines)
    assert "authorizer" not in text
    assert all("127.0.0.1:" in line for line in lines if line.startswith(("listeners=", "advertised.")))
    closed = server_properties(Path("/d"), 1, 2, Sasl("secret"), {}).splitlines()
    assert "allow.everyone.if.no.acl.found=false" in closed
    assert "listener.security.protocol.map=CLIENT:SASL_PLAINTEXT,CONTROLLER:SASL_PLAINTEXT" in closed


def test_only_a_kafka_counts_as_an_answer() -> None:
    assert not answers(f"127.0.0.1:{free_port()}")
    with socket.create_server(("127.0.0.1", 0)) as other:

        def answer() -> None:
            with other.accept()[0] as connection:
                connection.sendall(b"HTTP/1.1 400 Bad Request")

        thread = threading.Thread(target=answer)
        thread.start()
        assert not answers(f"127.0.0.1:{other.getsockname()[1]}")
        thread.join()


def test_a_leftover_is_killed_and_a_bystander_is_not(tmp_path: Path) -> None:
    """A process is the broker's only if it works in the broker's directory."""
    place, note = tmp_path / "kafka", tmp_path / "pid"
    place.mkdir()
    note.write_text("not a number")
    end_leftover(note, place)
    with subprocess.Popen(["/bin/cat"], stdin=subprocess.PIPE, cwd=tmp_path) as bystander:
        note.write_text(str(bystander.pid))
        end_leftover(note, place)
        assert bystander.poll() is None
    with subprocess.Popen(["/bin/cat"], stdin=subprocess.PIPE, cwd=place) as leftover:
        note.write_text(str(leftover.pid))
        end_leftover(note, place)
        assert leftover.wait() == -signal.SIGKILL


def no_question() -> NoReturn:
    """In place of a question that must not be asked."""
    raise AssertionError("asked before its turn")


def test_the_order_in_which_a_broker_is_chosen() -> None:
    address = choose({"CASELADDER_TEST_KAFKA": "kafka:9092"}, no_question, no_question)
    assert not isinstance(address, str)
    with address() as given:
        assert given == "kafka:9092"
    assert choose({"CASELADDER_TEST_KAFKA": ""}, lambda: True, no_question) is kafka_broker.container
    assert choose({}, lambda: False, lambda: None) is kafka_broker.own
    none = choose({}, lambda: False, lambda: "no Java here")
    assert none == "no CASELADDER_TEST_KAFKA, no Docker engine, and no Kafka of our own: no Java here"


def test_no_broker_skips_unless_kafka_is_required() -> None:
    with pytest.raises(pytest.skip.Exception, match="no Java here"):
        give_up("no Java here", {})
    with pytest.raises(pytest.fail.Exception, match="REQUIRE_KAFKA=1, but no Java here"):
        give_up("no Java here", {"REQUIRE_KAFKA": "1"})


def test_what_is_missing_here_is_said(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(bare / "cache"))
    assert "default-jre-headless" in (kafka_broker.missing_here() or "")
    java(bare / "bin/java", "17.0.15")
    assert "apt-get install -y maven" in (kafka_broker.missing_here() or "")
    program(bare / "bin/mvn", "exit 1")
    assert kafka_broker.missing_here() is None


def test_docker_is_asked_only_where_it_could_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    monkeypatch.setattr(kafka_broker, "DOCKER_SOCKET", tmp_path / "docker.sock")
    assert not kafka_broker.docker_answers()
    monkeypatch.setenv("DOCKER_HOST", f"tcp://127.0.0.1:{free_port()}")
    assert not kafka_broker.docker_answers()


def test_the_containers_listeners_are_the_port_that_is_published() -> None:
    settings = kafka_broker.container_settings(4711)
    assert settings["KAFKA_ADVERTISED_LISTENERS"] == "PLAINTEXT://127.0.0.1:4711"
    assert settings["KAFKA_LISTENERS"].startswith("PLAINTEXT://0.0.0.0:4711,")


@contextmanager
def brokers(story: list[str], address: str) -> Iterator[str]:
    """A broker that only writes down when it starts and stops."""
    story.append(f"{address} starts")
    yield address
    story.append(f"{address} stops")


def source(story: list[str], address: str) -> kafka_broker.Source:
    return lambda: brokers(story, address)


def test_one_broker_for_all_and_its_starter_leaves_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever starts it stops it, but not before the others are done; afterwards a new one is started."""
    monkeypatch.setattr(kafka_broker, "answers", lambda _address: True)
    story: list[str] = []
    entered, leaving = threading.Event(), threading.Event()

    def first() -> None:
        with shared(tmp_path, source(story, "one")):
            entered.set()
            leaving.wait()

    starter = threading.Thread(target=first)
    starter.start()
    entered.wait()
    with shared(tmp_path, source(story, "two")) as address:
        assert address == "one"
        leaving.set()  # the starter goes to its end, and waits there
        story.append("second is done")
    starter.join()
    with shared(tmp_path, source(story, "three")) as address:
        assert address == "three"
    assert story == ["one starts", "second is done", "one stops", "three starts", "three stops"]


def test_a_shared_broker_that_died_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kafka_broker, "answers", lambda address: address != "dead")
    (tmp_path / "address").write_text("dead")
    story: list[str] = []
    with (
        shared(tmp_path, source(story, "alive")) as first,
        shared(tmp_path, source(story, "never")) as second,
    ):
        assert (first, second) == ("alive", "alive")
    assert story == ["alive starts", "alive stops"]
