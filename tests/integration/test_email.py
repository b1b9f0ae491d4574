"""The e-mail channel on a real PostgreSQL and a small IMAP server: each mail becomes what it is, exactly once."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from fastapi import FastAPI

from chassis.host import Host
from chassis.settings import Settings, SettingsError
from services.intake.channels import email
from services.intake.channels.email.filing import Filing
from services.intake.channels.email.mailbox import REJECTED, LoginRefused, Mailbox
from services.intake.channels.email.postman import Postman
from services.intake.channels.email.settings import EmailSettings
from services.intake.channels.reception import Reception
from services.intake.domain import IntakeState
from services.intake.main import build
from tests.imap_kit import PASSWORD, USER, ImapServer, environment, imap_server, letter
from tests.intake_kit import Intake, make_settings, running
from tests.picture_kit import GPS, jpeg

TEXT = "秋岭公寓三单元楼道灯坏了半个月。"


@pytest.fixture
def imap() -> Iterator[ImapServer]:
    with imap_server(ImapServer()) as server:
        yield server


@pytest.fixture
def settings(intake_url: str, tmp_path: Path) -> Settings:
    return make_settings(tmp_path, intake_url)


def made(env: dict[str, str]) -> EmailSettings:
    settings = EmailSettings.from_environment(env)
    assert settings is not None
    return settings


@asynccontextmanager
async def reading(
    settings: Settings, imap: ImapServer, **changes: str
) -> AsyncIterator[tuple[Intake, Postman]]:
    """Run intake with a postman that goes only when a test says so (`round`)."""
    url = settings.database_url.get_secret_value()
    by_hand = ByHand(made(environment(imap.port, **changes)))
    async with running(url, settings.run_dir, [by_hand], settings) as intake:
        yield intake, by_hand.postman


class ByHand:
    """The channel without its worker."""

    body_limits: Mapping[str, int] = {}

    def __init__(self, settings: EmailSettings) -> None:
        self.postman: Postman
        self._settings = settings

    def add_to(self, _app: FastAPI, host: Host[IntakeState], reception: Reception) -> None:
        self.postman = Postman(self._settings, Filing(host, reception))


async def submissions(intake: Intake) -> list[dict[str, Any]]:
    rows = await intake.pool.fetch("SELECT case_id FROM intake.case_file ORDER BY case_id")
    return [(await intake.events(str(row[0]), "CaseSubmitted"))[0] | {"case_id": str(row[0])} for row in rows]


async def test_a_mail_becomes_a_case_whose_sender_can_be_told(settings: Settings, imap: ImapServer) -> None:
    """R-HOT-01, R-HOT-04, R-LAD-05, R-PRIV-01: the place is that of the words, a danger goes to its line, and only
    the hotline reads the address."""
    mail = letter(f"{TEXT}\n\n-- \n王某", Subject="=?gb2312?B?wrfGxg==?=")
    mail.add_attachment(b"123", maintype="image", subtype="jpeg", filename="现场.jpg")
    imap.put(mail)
    imap.put(letter("我家着火了，快来人", Message_ID="<2@x>"))
    async with reading(settings, imap) as (intake, postman_):
        await postman_.round()
        case, danger = await submissions(intake)
        person = await intake.client.get(
            f"/v1/cases/{case['case_id']}/person", params={"purpose": "回访"}, headers=intake.operator
        )
    assert (case["channel"], case["title"]) == ("email", "路破")
    assert (case["place"]["grid"], case["place"]["address"]) == ("GL010101", TEXT)
    assert case["text"] == f"{TEXT}\n附件1个，原件在邮箱中：现场.jpg（image/jpeg，3字节）"
    assert person.json()["email"] == "planted.wang@example.cn"
    assert danger["emergency"]["line"] == "119"
    assert imap.unread() == 0


async def test_what_is_attached_lies_with_its_case(settings: Settings, imap: ImapServer) -> None:
    """R-PRIV-01, R-HOT-01: a picture without what the camera noted; what is not kept is said in words, once."""
    photo = jpeg()
    mail = letter(TEXT, Message_ID="<1@x>")
    for content, name in ((photo, "现场.jpg"), (photo[:-40], "断.jpg"), (b"PK", "表.xlsx")):
        mail.add_attachment(content, maintype="application", subtype="octet-stream", filename=name)
    imap.put(mail)
    async with reading(settings, imap) as (intake, postman_):
        await postman_.round()
        await intake.pool.execute("DELETE FROM intake.email_taken")  # a crash before that was written down
        imap.put(mail)
        await postman_.round()
        (case,) = await submissions(intake)
        added = await intake.events(case["case_id"], "CaseSupplemented")
        path = f"/v1/cases/{case['case_id']}/attachments"
        (file,) = (await intake.client.get(path, headers=intake.operator)).json()["attachments"]
        read = await intake.client.get(f"{path}/{file['attachment_id']}", headers=intake.operator)
    assert case["text"].endswith("\n附件1个，原件在邮箱中：表.xlsx（application/octet-stream，2字节）")
    kept, lost = added
    assert kept["attachments"] == [path.removeprefix("/v1/") + f"/{file['attachment_id']}"]
    assert lost["text"].startswith("附件1个，原件在邮箱中：断.jpg")
    assert read.content.startswith(b"\xff\xd8")
    assert GPS not in read.content


async def test_an_answer_to_a_notice_becomes_facts_of_its_case(settings: Settings, imap: ImapServer) -> None:
    """R-PET-13: by the tracking code in its subject, in the id of our mail, or quoted; else it is new."""
    async with reading(settings, imap) as (intake, postman_):
        first = await intake.accepted({"title": "路灯", "text": TEXT})
        code = first["tracking_code"]
        by_subject = f"Re: 您的诉求 {code[:4]}-{code[4:8]}-{code[8:]}"
        imap.put(letter("又坏了一盏。\n> 您好", Subject=by_subject, Message_ID="<2@x>"))
        imap.put(letter("第三盏", In_Reply_To=f"<case.{code.lower()}@gl.example.cn>", Message_ID="<3@x>"))
        notice = f"<p>第四盏</p><blockquote>您的诉求已受理。查询码{code}，registration</blockquote>"
        page = letter("", Subject="Re: 受理通知", In_Reply_To="<0@gl>", Message_ID="<6@x>")
        page.set_content(notice, subtype="html")
        imap.put(page)
        imap.put(letter("别的事情", Subject="Re: 7K3M-0QXR-8T2B", Message_ID="<4@x>"))
        await postman_.round()
        added = await intake.events(first["case_id"], "CaseSupplemented")
        assert [facts["text"] for facts in added] == ["又坏了一盏。", "第三盏", "第四盏"]
        assert await intake.count("case_file") == 2
        withdrawn = await intake.client.post(f"/v1/track/{code}/withdrawal", json={})
        assert withdrawn.status_code == 200
        imap.put(letter("还是坏的", Subject=by_subject, Message_ID="<5@x>"))
        await postman_.round()
        assert await intake.count("case_file") == 3


async def test_a_crash_before_the_mark_repeats_the_mail_and_makes_no_second_case(
    settings: Settings, imap: ImapServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R-HOT-02: also days later, when the answers to keys are forgotten, for a mail without a number, and where the
    crash came before it was written down that the mail was taken in."""
    imap.put(letter(TEXT))
    imap.put(letter("别的事情", Message_ID=""))
    async with reading(settings, imap) as (intake, postman_):
        with monkeypatch.context() as crashed:
            crashed.setattr(Mailbox, "done", lambda *_: None)
            await postman_.round()
        assert imap.unread() == 2
        await intake.pool.execute("DELETE FROM intake.idempotency_key")
        await postman_.round()
        assert imap.unread() == 0
        assert await intake.count("case_file") == 2
        imap.put(letter(TEXT, From="other@example.cn"))  # another's mail under the same number
        with monkeypatch.context() as crashed:
            taken = "services.intake.channels.email.filing._TAKEN"
            crashed.setattr(taken, "SELECT $1::bytea, $2::timestamptz")
            crashed.setattr(Mailbox, "done", lambda *_: None)
            await postman_.round()
        assert await intake.count("email_taken") == 2
        await postman_.round()
        assert await intake.count("email_taken") == await intake.count("case_file") == 3


async def test_what_cannot_be_taken_in_goes_to_a_person(
    settings: Settings, imap: ImapServer, caplog: pytest.LogCaptureFixture
) -> None:
    """R-PRIV-01: nothing is lost or logged, the good mails are taken in, and machines are passed over."""
    imap.capabilities = "IMAP4rev1"  # without the MOVE extension
    deep = "".join(f'Content-Type: multipart/mixed; boundary="b{n}"\n\n--b{n}\n' for n in range(99))
    imap.put(f"From: planted.wang@example.cn\n{deep}\n灯".encode())
    imap.put(letter("长" * 2000, Message_ID="<2@x>"))
    imap.put(letter("", Subject=""))
    imap.put(letter("谁", From="nobody"))
    imap.put(letter("我不在办公室", Auto_Submitted="auto-replied"))
    imap.put(letter(TEXT, Message_ID="<3@x>"))
    async with reading(settings, imap, MAX_BYTES="3000") as (intake, postman_):
        await postman_.round()
        await postman_.round()
        assert [case["text"] for case in await submissions(intake)] == [TEXT]
    assert len(imap.folders[REJECTED]) == 4
    left = [mail for mail in imap.folders["INBOX"].values() if "\\Deleted" not in mail.flags]
    assert [mail.flags for mail in left] == [{"\\Seen"}] * 2
    assert "a person has to look at it" in caplog.text
    assert not any(planted in caplog.text for planted in ("planted", "长长", TEXT))


async def test_a_defect_of_ours_loses_no_mail(
    settings: Settings, imap: ImapServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fails(*_: object) -> None:
        raise RuntimeError("planted")

    monkeypatch.setattr(Reception, "take_in", fails)
    imap.put(letter(TEXT))
    async with reading(settings, imap) as (_, postman_):
        await postman_.round()
    assert len(imap.folders[REJECTED]) == 1


async def test_taken_mails_can_be_moved_instead_of_marked(settings: Settings, imap: ImapServer) -> None:
    """Whoever looks into the folder with another program does not make a mail disappear for us."""
    uid = imap.put(letter(TEXT))
    imap.folders["INBOX"][uid].flags.add("\\Seen")
    async with reading(settings, imap, DONE_FOLDER="Archive/taken in") as (intake, postman_):
        await postman_.round()
        assert await intake.count("case_file") == 1
    assert list(imap.folders["Archive/taken in"]) == [uid]
    assert not imap.folders["INBOX"]


async def test_a_server_that_goes_away_is_tried_again_and_shown(
    settings: Settings, imap: ImapServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R-HOT-01: the worker itself, in the running service: it reports what is wrong, waits longer each time, and
    reads on by itself; wherever the connection broke, each mail is one case."""
    monkeypatch.setattr(Postman, "pause_s", 0.02)
    imap.put(letter(TEXT))
    url = settings.database_url.get_secret_value()
    channel = email.configured(environment(imap.port))
    assert channel is not None
    async with running(url, settings.run_dir, [channel], settings) as intake:
        for command in ("LOGIN", "UID SEARCH", "UID FETCH", "UID STORE"):
            imap.put(letter(f"{TEXT}{command}", Message_ID=f"<{command.split()[-1]}@x>"))
            imap.hangs_up_at = command
            while imap.hangs_up_at:
                await asyncio.to_thread(imap.wait_for_round)
        while imap.unread():
            await asyncio.to_thread(imap.wait_for_round)
        assert await intake.count("case_file") == 5
        imap.refuses = "SELECT"
        while not (degraded := (await intake.client.get("/readyz")).json()["degraded"]):
            await asyncio.to_thread(imap.wait_for_round)
        assert degraded == ["mails wait: the mail server does not answer (error)"]


async def test_pauses_grow_and_a_refused_log_in_is_told(tmp_path: Path, imap: ImapServer) -> None:
    """R-PRIV-01: the trouble that /readyz shows has no password in it."""
    by_hand = ByHand(made(environment(imap.port, PASSWORD="planted-wrong", INTERVAL_SECONDS="60")))
    build(make_settings(tmp_path), channels=[by_hand])
    pauses = []
    for _ in range(6):
        with pytest.raises(LoginRefused) as caught:
            await by_hand.postman.round()
        by_hand.postman._fail(str(caught.value))
        pauses.append(by_hand.postman.pause_s)
    assert pauses == [120.0, 240.0, 480.0, 900.0, 900.0, 900.0]
    assert by_hand.postman.trouble == "the mail server refuses the log-in"


async def test_tls_is_the_default_and_the_certificate_is_checked(settings: Settings, tmp_path: Path) -> None:
    """R-PRIV-01: neither an unknown server nor one without TLS hears the password."""
    certificate = _certificate(tmp_path)
    with imap_server(ImapServer(), certificate) as safe, imap_server(ImapServer()) as open_to_all:
        safe.put(letter(TEXT))
        trusted = {"SECURITY": "tls", "CA": str(certificate)}
        async with reading(settings, safe, **trusted) as (intake, postman_):
            await postman_.round()
            assert await intake.count("case_file") == 1
        safe.commands.clear()
        for server, ca in ((safe, ""), (open_to_all, str(certificate))):
            box = Mailbox(made(environment(server.port, SECURITY="", CA=ca)))
            with pytest.raises(OSError, match=r"SSL|CERTIFICATE|certificate"):
                await asyncio.to_thread(box.open)
            assert not any("LOGIN" in command for command in server.commands)


def _certificate(directory: Path) -> Path:
    """Make a certificate of 127.0.0.1 that signs itself; return the file that holds it and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = directory / "imap.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.write_bytes(private + signed.public_bytes(serialization.Encoding.PEM))
    return file


def test_the_address_of_notices_is_ours_and_switches_nothing_on() -> None:
    """No loop with our own notices, also where they come from another address than the mailbox."""
    assert EmailSettings.from_environment({"CASELADDER_EMAIL_FROM": "n@gl.example.cn"}) is None
    settings = made(environment(993, FROM="区12345 <N@gl.example.cn>"))
    assert settings.own_addresses == {USER, "n@gl.example.cn"}


def test_settings_that_protect_nothing_are_refused() -> None:
    """R-PRIV-01: off unless set; no password without TLS but on this machine."""
    assert email.configured({}) is None
    plain = environment(1, HOST="imap.example.cn")
    with pytest.raises(SettingsError, match="CASELADDER_EMAIL_SECURITY is not usable"):
        email.configured(plain)
    with pytest.raises(SettingsError) as caught:
        email.configured({"CASELADDER_EMAIL_PASSWORD": PASSWORD, "CASELADDER_EMAIL_FOLDER": 'x"'})
    named = [line.split(" is ")[0] for line in caught.value.lines]
    assert named == [f"CASELADDER_EMAIL_{name}" for name in ("HOST", "USER", "FOLDER")]
    assert PASSWORD not in str(caught.value)
    settings = made(environment(1, PORT="", SECURITY=""))
    assert (settings.at_port, settings.user) == (993, USER)
