"""The compose file's Kafka settings and the users of the jurisdiction, on a real Apache Kafka without Docker."""

import asyncio
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.errors import GroupAuthorizationFailedError, KafkaError, TopicAuthorizationFailedError

from chassis.embedded_host import free_port
from chassis.kafka.connection import KafkaConnection, MayNotWrite
from chassis.kafka.jars import cache_dir, fetch_jars
from chassis.kafka.publisher import Publisher
from chassis.kafka.relay import stored_standing
from chassis.kafka.republish import Extent, all_locks, open_source, republish
from chassis.migrate import CHASSIS, RELAY, upgrade
from chassis.store import Store
from chassis.tokens import LocalIssuer
from reference.load import load
from services.cli.kafka_grants import grants, password_variable
from services.cli.local import AUDIENCE, GULOU, ISSUER
from tests.deploy.cluster import running_cluster
from tests.deploy.compose_kit import COMPOSE_FILE, OWN, ROOT, compose, placeholders, properties
from tests.deploy.image_kit import container, make_image, run, serving, words
from tests.kafka_broker import give_up, missing_here
from tests.toy import ticked
from tools.deploy_secrets import demanded

pytestmark = pytest.mark.xdist_group("compose_kafka")  # one broker, in one process
_LIBS = cache_dir()
_JAVA = shutil.which("java")
_GRANTS = grants(load(GULOU))
_CLUSTER_ID = "5L6g3nShT-eMCtK--X86sw"
_START_S = 90


@dataclass(frozen=True)
class Broker:
    """A running broker: its two addresses, and the password of each user and of the admin."""

    clients: str
    admin: str
    passwords: dict[str, str]

    def login(self, user: str) -> dict[str, str]:
        """A client's settings for one user."""
        return {
            "bootstrap_servers": self.clients,
            "security_protocol": "SASL_PLAINTEXT",
            "sasl_mechanism": "SCRAM-SHA-512",
            "sasl_plain_username": user,
            "sasl_plain_password": self.passwords[password_variable(user)],
        }


def _java(main: str, *words: str) -> list[str]:
    return [str(_JAVA), "-Xmx512m", "-XX:TieredStopAtLevel=1", "-cp", f"{_LIBS}/*", main, *words]


def _settings(place: Path, clients: int, external: int, admin: int, controller: int) -> dict[str, str]:
    """The compose file's settings, with ports and directory of this test."""
    found = properties(_services()["kafka"]["environment"])
    ports = {"CLIENTS": clients, "EXTERNAL": external, "ADMIN": admin, "CONTROLLER": controller}
    advertised = {name: port for name, port in ports.items() if name != "CONTROLLER"}
    return found | {
        "listeners": ",".join(f"{name}://127.0.0.1:{port}" for name, port in ports.items()),
        "advertised.listeners": ",".join(f"{name}://127.0.0.1:{port}" for name, port in advertised.items()),
        "controller.quorum.voters": f"1@127.0.0.1:{controller}",
        "log.dirs": str(place / "data"),
        "group.initial.rebalance.delay.ms": "0",
        "offsets.topic.num.partitions": "1",
    }


@pytest.fixture(scope="module")
def broker(quick_java: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """A broker of this module alone, with users, rights and topics made as the jobs do it."""
    if missing := missing_here():
        give_up(f"the compose file's Kafka needs more: {missing}", os.environ)
    fetch_jars(_LIBS, Path(str(_JAVA)))
    place = tmp_path_factory.mktemp("kafka")
    ports = [free_port() for _ in range(4)]
    file = place / "server.properties"
    settings = _settings(place, *ports)
    file.write_text("".join(f"{name}={value.strip()}\n" for name, value in settings.items()))
    format_words = ("format", "-t", _CLUSTER_ID, "-c", str(file))
    subprocess.run(_java("kafka.tools.StorageTool", *format_words), check=True, capture_output=True)
    log = place / "kafka.log"
    with log.open("wb") as output:
        process = subprocess.Popen(_java("kafka.Kafka", str(file)), stdout=output, stderr=output)
    try:
        assert asyncio.run(_until_open(process, ports[0])), log.read_text()
        passwords = {password_variable(grant.user): f"secret-of-{grant.user}" for grant in _GRANTS}
        running = Broker(f"127.0.0.1:{ports[0]}", f"127.0.0.1:{ports[2]}", passwords)
        done = _apply_users(running, _admin(running))
        assert (done.returncode, done.stdout) == (0, "42 users may log in and do what they must\n"), (
            done.stderr
        )
        _create_topics(running)
        yield running
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()


async def _until_open(process: "subprocess.Popen[bytes]", port: int) -> bool:
    """Whether the broker answers; False when it ended instead."""
    async with asyncio.timeout(_START_S):
        while process.poll() is None:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.1)
                continue
            writer.close()
            return True
    return False


def _apply_users(running: Broker, login: dict[str, str], **changed: str) -> subprocess.CompletedProcess[str]:
    """The job `kafka-users` with its own words, as the user of `login`, with `changed` passwords."""
    env = {"PATH": os.environ["PATH"], "CASELADDER_REFERENCE": str(GULOU)} | running.passwords | changed
    return subprocess.run(
        [sys.executable, "-m", "services", *_services()["kafka-users"]["command"]],
        cwd=ROOT,
        env=env | login,
        capture_output=True,
        text=True,
        check=False,
    )


def _admin(running: Broker, job: str = "kafka-users") -> dict[str, str]:
    """The log-in of a job, as the compose file gives it, to the broker here."""
    given = _services()[job]["environment"]
    login = {name: value for name, value in given.items() if name.startswith("CASELADDER_KAFKA_")}
    return login | {"CASELADDER_KAFKA_BOOTSTRAP": running.admin}


def _services() -> dict[str, Any]:
    found: dict[str, Any] = compose(placeholders(demanded(COMPOSE_FILE)))["services"]
    return found


def _kafka(running: Broker, user: str) -> dict[str, str]:
    """The CASELADDER_KAFKA_* variables of one user, as the compose file sets them."""
    return {
        "CASELADDER_TRANSPORT": "kafka",
        "CASELADDER_KAFKA_BOOTSTRAP": running.clients,
        "CASELADDER_KAFKA_SECURITY": "SASL_PLAINTEXT",
        "CASELADDER_KAFKA_USERNAME": user,
        "CASELADDER_KAFKA_PASSWORD": running.passwords[password_variable(user)],
    }


def _topics(running: Broker, login: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    """`topics` with some words, or the job's own, as the user of `login`."""
    given = ("topics", *words) if words else _services()["topics"]["command"]
    argv = [sys.executable, "-m", "services", *given]
    env = {"PATH": os.environ["PATH"], "CASELADDER_REFERENCE": str(GULOU)} | login
    return subprocess.run(argv, cwd=ROOT, env=env, capture_output=True, text=True, check=False)


def _create_topics(running: Broker) -> None:
    """The job `topics`, with its own words and its own user, twice."""
    for said in (" made, 0 changed, 0 as they were", " topics: 0 made, 0 changed"):
        done = _topics(running, _kafka(running, "topics"))
        assert done.returncode == 0, done.stderr
        assert said in done.stdout


async def _send(broker: Broker, user: str, topic: str, value: bytes) -> None:
    producer = AIOKafkaProducer(**broker.login(user), acks="all", enable_idempotence=True)
    try:
        await producer.start()
        await asyncio.wait_for(producer.send_and_wait(topic, value), 20)
    finally:
        await producer.stop()


async def _first(broker: Broker, user: str, topic: str, group: str) -> bytes | None:
    consumer = AIOKafkaConsumer(
        topic, **broker.login(user), group_id=group, auto_offset_reset="earliest", enable_auto_commit=False
    )
    try:
        await consumer.start()
        message = await asyncio.wait_for(consumer.getone(), 20)
        await consumer.commit()
        value: bytes | None = message.value
        return value
    finally:
        await consumer.stop()


async def test_a_department_reads_what_the_router_writes_and_answers(broker: Broker) -> None:
    await _send(broker, "router", "dept.GL-URBAN.assigned", b"a lamp")
    assert await _first(broker, "dept-GL-URBAN", "dept.GL-URBAN.assigned", "dept-GL-URBAN.cases") == b"a lamp"
    await _send(broker, "dept-GL-URBAN", "dept.GL-URBAN.replies", b"signed")
    assert await _first(broker, "router", "dept.GL-URBAN.replies", "caseladder.router") == b"signed"


@pytest.mark.parametrize("topic", ["dept.GL-GAS.assigned", "dept.GL.assigned", "case.events"])
async def test_a_department_cannot_read_what_is_not_its_own(broker: Broker, topic: str) -> None:
    with pytest.raises(TopicAuthorizationFailedError):
        await _first(broker, "dept-GL-URBAN", topic, "dept-GL-URBAN")


@pytest.mark.parametrize("topic", ["dept.GL-GAS.replies", "dept.GL-URBAN.assigned", "case.events"])
async def test_a_department_cannot_write_what_is_not_its_own(broker: Broker, topic: str) -> None:
    with pytest.raises((TopicAuthorizationFailedError, KafkaError)):
        await _send(broker, "dept-GL-URBAN", topic, b"forged")


async def test_the_district_cannot_join_a_departments_group(broker: Broker) -> None:
    """A bare prefix `dept-GL` would let it: the broker compares beginnings."""
    with pytest.raises(GroupAuthorizationFailedError):
        await _first(broker, "dept-GL", "dept.GL.assigned", "dept-GL-URBAN")


def _rights(broker: Broker, place: Path) -> set[tuple[str, str, str, str, str]]:
    """Who may do what, as Kafka's own tool tells it: kind of resource, name, pattern, user, operation."""
    login = place / "admin.properties"
    login.write_text(
        "security.protocol=SASL_PLAINTEXT\nsasl.mechanism=PLAIN\nsasl.jaas.config="
        "org.apache.kafka.common.security.plain.PlainLoginModule required"
        f' username="admin" password="{_admin(broker)["CASELADDER_KAFKA_PASSWORD"]}";\n'
    )
    command = _java("org.apache.kafka.tools.AclCommand", "--bootstrap-server", broker.admin)
    said = subprocess.run(
        [*command, "--command-config", str(login), "--list"], capture_output=True, text=True, check=True
    ).stdout
    found = set()
    for resource in said.split("Current ACLs for resource")[1:]:
        kind, name, pattern = re.findall(r"resourceType=(\w+), name=(\S+), patternType=(\w+)", resource)[0]
        allowed = re.findall(
            r"principal=User:(\S+), host=\*, operation=(\w+), permissionType=ALLOW", resource
        )
        found |= {(kind, name, pattern, user, operation) for user, operation in allowed}
    return found


def test_all_may_do_what_the_jurisdiction_wants_and_a_second_time_changes_nothing(
    broker: Broker, tmp_path: Path
) -> None:
    wanted = {
        (
            *resource.upper().split(":")[:1],
            resource.split(":")[1],
            grant.pattern.upper(),
            grant.user,
            operation,
        )
        for grant in _GRANTS
        for resource in grant.resources
        for operation in (re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).upper() for name in grant.operations)
    }
    assert _rights(broker, tmp_path) == wanted
    done = _apply_users(broker, _admin(broker))
    assert done.returncode == 0, done.stderr
    assert _rights(broker, tmp_path) == wanted


async def test_a_changed_password_is_taken_over(broker: Broker) -> None:
    user = "dept-GL-GAS"
    done = _apply_users(broker, _admin(broker), **{password_variable(user): "another-password"})
    assert done.returncode == 0, done.stderr
    changed = replace(broker, passwords=broker.passwords | {password_variable(user): "another-password"})
    await _send(changed, user, "dept.GL-GAS.replies", b"signed")
    with pytest.raises(KafkaError):
        await _send(broker, user, "dept.GL-GAS.replies", b"signed")


def test_a_user_who_may_not_make_others_is_refused_and_no_password_is_shown(broker: Broker) -> None:
    done = _apply_users(broker, _kafka(broker, "router"))
    assert done.returncode == 1
    assert "the broker refused “intake may Read, Write" in done.stderr
    assert "ClusterAuthorizationFailedError" in done.stderr
    assert "secret-of" not in done.stdout + done.stderr


@pytest.mark.parametrize("user", ["intake", "topics"])
async def test_who_may_not_write_to_a_topic_begins_no_republish(
    broker: Broker, database_url: str, user: str
) -> None:
    """Who has begun lets the relays stand still. `topics` may write nowhere, and is no producer at all."""
    for branch in (CHASSIS, RELAY):
        await upgrade(database_url, branch)
    topic = "dept.GL-URBAN.assigned"
    password = broker.passwords[password_variable(user)]
    publisher = Publisher(KafkaConnection(broker.clients, "SASL_PLAINTEXT", user, password))
    extent = Extent(topic, None)
    async with all_locks({"outside": database_url}, 10, lambda _: None) as held:
        log = held["outside"]
        await Store("outside").append(log, [replace(ticked(uuid4(), 1), topic=topic)])
        source = await open_source("outside", log, extent)
        with pytest.raises(MayNotWrite, match=f"{user} may not write to 1 topics, such as {topic}"):
            await republish([source], publisher, {topic}.__contains__, extent, lambda _: None)
        await publisher.drop()
        assert not (await stored_standing(log, "outside")).rebuilding


def test_a_wrong_password_is_named_and_not_shown(broker: Broker) -> None:
    """The client itself says only that it could not connect."""
    login = _admin(broker) | {"CASELADDER_KAFKA_PASSWORD": "guess-of-somebody"}
    for done in (_apply_users(broker, login), _topics(broker, login, "show")):
        assert done.returncode == 1
        assert f"Error: Kafka on {broker.admin} refuses the log-in of admin by PLAIN" in done.stderr
        assert "guess" not in done.stdout + done.stderr


def test_a_topic_that_one_may_not_see_is_not_called_missing(broker: Broker) -> None:
    done = _topics(broker, _kafka(broker, "dept-GL-URBAN"), "show")
    assert done.returncode == 1
    assert "dept-GL-URBAN may not see 107 topics, such as case.events: " in done.stderr
    assert "MISSING" not in done.stdout


async def test_a_wrong_password_is_refused(broker: Broker) -> None:
    producer = AIOKafkaProducer(**(broker.login("router") | {"sasl_plain_password": "guess"}))
    with pytest.raises(KafkaError):
        await producer.start()
    await producer.stop()


async def test_the_stack_takes_a_case_routes_it_and_tells_the_resident(
    broker: Broker, tmp_path: Path
) -> None:
    """The image's words on the compose file's broker and databases: each service as its own user and role."""
    image = make_image(tmp_path)
    with running_cluster() as cluster, ExitStack() as running:
        envs = {}
        for service in OWN:
            envs[service] = container(image, service, cluster.url(service, service)) | _kafka(broker, service)
            migrated = run([*words("ENTRYPOINT"), "migrate", "--service", service], image, envs[service])
            assert migrated.returncode == 0, migrated.stderr
            running.enter_context(serving(image, service, envs[service]))
        token = LocalIssuer.open(tmp_path / "keys", ISSUER, AUDIENCE).issue(
            "o-1", ["operator"], _now(), unit="GL"
        )
        case = {
            "title": "小区门口路灯不亮",
            "text": "小区北门外三盏路灯坏了一周，晚上老人孩子出入很不安全，请尽快维修。",
            "place": {"address": "秋岭公寓3幢"},
        }
        intake = f"http://127.0.0.1:{envs['intake']['CASELADDER_PORT']}/v1"
        async with asyncio.timeout(60), httpx.AsyncClient(timeout=30, trust_env=False) as client:
            bearer = {"Authorization": f"Bearer {token}"}
            answer = await client.post(f"{intake}/cases", json=case, headers=bearer)
            assert answer.status_code == 201, answer.text
            track = f"{intake}/track/{answer.json()['tracking_code']}"
            while (
                "已派单至区城市管理局" not in (await client.get(track)).text
            ):  # over Kafka to the router and back
                await asyncio.sleep(0.1)
            await _sign_as_the_department(broker, answer.json()["case_id"])
            while "承办单位已签收" not in (await client.get(track)).text:
                await asyncio.sleep(0.1)
        urls = {f"CASELADDER_{own.upper()}_DATABASE_URL": cluster.url(own, own) for own in OWN}
        logs = (
            _services()["log"]["environment"] | {"CASELADDER_REFERENCE": str(GULOU)} | _admin(broker, "log")
        )
        assert set(urls) <= logs.keys()
        logs |= urls | {"PATH": envs["intake"]["PATH"]}
        for asked, said in (
            (["republish", "--since", "begin"], "events published"),
            (["compare", "--topics"], " 0 missing"),
        ):
            done = run([*words("ENTRYPOINT"), "log", *asked], image, logs)
            assert done.returncode == 0, done.stdout + done.stderr
            assert said in done.stdout


async def _sign_as_the_department(broker: Broker, case_id: str) -> None:
    """With nothing but its own Kafka user: what it must do, a bad reply and its rejection, a good one."""
    unit = "GL-URBAN"
    consumer = AIOKafkaConsumer(
        f"dept.{unit}.assigned",
        f"dept.{unit}.rejected",
        **broker.login(f"dept-{unit}"),
        group_id=f"dept-{unit}.system",
        auto_offset_reset="earliest",
    )
    await consumer.start()
    try:
        while case_id.encode() != (await consumer.getone()).key:
            pass  # what other tests wrote there
        for action in ("dance", "sign"):
            reply = json.dumps({"action": action, "case_id": case_id}).encode()
            await _send(broker, f"dept-{unit}", f"dept.{unit}.replies", reply)
        told = await consumer.getone()
        while told.topic != f"dept.{unit}.rejected" or told.key != case_id.encode():
            told = await consumer.getone()
        assert json.loads(told.value)["code"] == "validation_failed"
    finally:
        await consumer.stop()


def _now() -> datetime:
    return datetime.now(UTC)
