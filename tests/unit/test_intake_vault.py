"""Encryption, blind indexes and identifiers."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.vault import Vault, VaultError, key_id
from services.intake.ids import TrackingCodes, new_id
from services.intake.persons import BlindIndex, PersonalRecord, dialled, normal_id, normal_phone
from services.intake.repeats import Said, adds_nothing, words_of

MASTER, OTHER = bytes(range(32)), bytes(range(1, 33))
CASE, RECORD = UUID(int=7), UUID(int=8)
VAULT = Vault([MASTER])


@given(st.binary(max_size=2000))
def test_what_is_sealed_can_be_opened(plain: bytes) -> None:
    """R-PRIV-01: and the ciphertext differs each time."""
    one, two = VAULT.seal(CASE, RECORD, plain), VAULT.seal(CASE, RECORD, plain)
    assert VAULT.open(CASE, one) == VAULT.open(CASE, two) == plain
    assert one.ciphertext != two.ciphertext
    assert one.wrapped_key != two.wrapped_key


@given(st.sampled_from(["ciphertext", "wrapped_key"]), st.integers(0, 10_000), st.integers(1, 255))
def test_a_changed_byte_is_noticed(part: str, place: int, flip: int) -> None:
    """R-PRIV-01: tampering with ciphertext or key never yields other data."""
    sealed = VAULT.seal(CASE, RECORD, "王大爷".encode())
    data = bytearray(getattr(sealed, part))
    data[place % len(data)] ^= flip
    with pytest.raises(VaultError, match="changed"):
        VAULT.open(CASE, sealed.model_copy(update={part: bytes(data)}))


@pytest.mark.parametrize("length", [0, 5, 12, 27])
def test_a_record_cut_short_is_noticed(length: int) -> None:
    """R-PRIV-01."""
    sealed = VAULT.seal(CASE, RECORD, b"x")
    with pytest.raises(VaultError):
        VAULT.open(CASE, sealed.model_copy(update={"ciphertext": sealed.ciphertext[:length]}))


def test_a_record_of_another_case_is_not_read() -> None:
    """R-PRIV-01: case and record are bound to the ciphertext."""
    sealed = VAULT.seal(CASE, RECORD, b"x")
    with pytest.raises(VaultError):
        VAULT.open(UUID(int=9), sealed)
    with pytest.raises(VaultError):
        VAULT.open(CASE, sealed.model_copy(update={"record_id": UUID(int=9)}))


def test_another_master_key_reads_nothing_and_is_named() -> None:
    """R-PRIV-01: the error says which master key is missing, and which are there."""
    sealed = VAULT.seal(CASE, RECORD, b"x")
    with pytest.raises(VaultError, match=f"{key_id(MASTER)}; we have: {key_id(OTHER)}"):
        Vault([OTHER]).open(CASE, sealed)


def test_a_master_key_is_rotated_without_touching_the_ciphertext() -> None:
    """R-PRIV-01: old records are readable during the rotation, and by the new key alone after it."""
    sealed = VAULT.seal(CASE, RECORD, b"x")
    both = Vault([OTHER, MASTER])
    assert both.open(CASE, sealed) == b"x"
    renewed = both.rewrap(CASE, sealed)
    assert (renewed.key_id, renewed.ciphertext) == (key_id(OTHER), sealed.ciphertext)
    assert Vault([OTHER]).open(CASE, renewed) == b"x"


def test_a_personal_record_keeps_only_what_it_has() -> None:
    """R-PRIV-01: minimum data."""
    record = PersonalRecord(name="王大爷", supplement="补充")
    assert set(record.dump()) >= set(b"name")
    assert b"phone" not in record.dump()
    assert PersonalRecord.model_validate_json(record.dump()) == record


INDEX = BlindIndex(OTHER)


@pytest.mark.parametrize(
    "phone",
    [
        "13800138000",
        "+86 138-0013-8000",
        "0086 13800138000",
        "１３８００１３８０００",
        "86 13800138000",
        "013800138000",
    ],
)
def test_one_phone_has_one_index(phone: str) -> None:
    """R-PET-18: however it is written."""
    assert normal_phone(phone) == "13800138000"
    assert INDEX.persons(phone, None, None) == INDEX.persons("13800138000", None, None)


def test_indexes_of_different_things_never_meet() -> None:
    """R-PET-18, R-PRIV-01: a phone is no id number, and another key gives other indexes."""
    number = "110101199003070"
    (phone,), (identity,) = INDEX.persons(number, None, None), INDEX.persons(None, number, None)
    (account,) = INDEX.persons(None, None, number)
    assert len({phone, identity, account, *BlindIndex(MASTER).persons(number, None, None)}) == 4
    assert INDEX.persons(None, None, None) == ()
    assert normal_id("11010119900307001x") == normal_id("110101 19900307 001X") == "11010119900307001X"


def test_the_same_words_are_known_again() -> None:
    """R-HOT-03: width, case, spaces and punctuation make no new facts; a word does."""
    one = words_of("路灯坏了", "3号楼 A座，请修！")
    assert one == words_of("路灯 坏了。", "３号楼a座请修")
    assert one != words_of("路灯坏了", "3号楼B座，请修！")


@given(st.integers(0, 2**42))
def test_case_ids_sort_by_time(milliseconds: int) -> None:
    """R-PET-01: a UUIDv7 (RFC 9562) carries its millisecond in front."""
    at = datetime.fromtimestamp(milliseconds / 1000, UTC)
    case_id = new_id(at)
    assert (case_id.version, case_id.variant) == (7, "specified in RFC 4122")
    assert case_id.int >> 80 == int(at.timestamp() * 1000)
    assert new_id(at + timedelta(milliseconds=2)) > case_id
    assert new_id(at) != case_id


@given(st.uuids())
def test_a_tracking_code_is_steady_and_forgiving(case_id: UUID) -> None:
    """R-PET-13: one case, one code, however it is typed; another key gives another code."""
    codes = TrackingCodes(MASTER)
    code = codes.of(case_id)
    assert code == codes.of(case_id)
    assert len(code) == 12
    assert not set(code) & set("ILOU")
    typed = f" {code[:6]}-{code[6:]} ".lower().replace("1", "l").replace("0", "o")
    assert codes.digest(typed) == codes.digest(code)
    assert TrackingCodes(OTHER).of(case_id) != code


@pytest.mark.parametrize(
    ("text", "is_news"),
    [
        ("小区门口路灯还是不亮。", False),
        ("路灯又来反映，怎么还没人修？", False),
        ("路灯修得怎么样了？", False),
        ("还没修", False),
        ("又多坏了两盏，井盖也没了", True),
        ("小区门口路灯不亮，孩子摔伤了", True),
        ("路灯不亮，今天又坏了一盏", True),
        ("路灯修好了又坏了", True),
        ("北门路灯不亮", True),
    ],
)
def test_urging_is_no_new_fact(text: str, is_news: bool) -> None:
    """R-HOT-03, R-PET-18: who only asks how far it is gets the progress; one new fact makes it an order."""
    before = Said(UUID(int=1), "路灯不亮", "小区门口路灯不亮十天了。", None, None, None, frozenset())
    assert adds_nothing(before._replace(text=text), before) is not is_news


def test_a_gateway_gets_plain_digits() -> None:
    """R-LEDGER-01: whichever way a number was written; one abroad keeps its `+`."""
    written = ("１３８００１３８０００", "+86 138-0013-8000", "+1 (212) 555-0100", "0516-83712345")
    assert [dialled(phone) for phone in written] == [
        "13800138000",
        "13800138000",
        "+12125550100",
        "051683712345",
    ]
