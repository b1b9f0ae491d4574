"""ETag, If-Match and Idempotency-Key."""

import hashlib

import pytest

from chassis.http import Problem, check_version, etag, expected_versions, idempotency_key, request_hash


def test_an_etag_comes_back_as_its_version() -> None:
    assert etag(7) == '"7"'
    assert expected_versions(etag(7)) == frozenset({7})


@pytest.mark.parametrize(
    ("header", "versions"),
    [
        (None, None),
        ("*", None),
        (" * ", None),
        ('"7"', {7}),
        ('"7", "8"', {7, 8}),
        ('"7" ,"8"', {7, 8}),
        ('"abc"', set()),
        ('"a,b", "9"', {9}),
        ('"-1"', set()),
    ],
)
def test_if_match(header: str | None, versions: set[int] | None) -> None:
    found = expected_versions(header)
    assert (None if found is None else set(found)) == versions


@pytest.mark.parametrize("header", ["", "7", '"7', '7"', '"7" "8"', '"7", 8', "*, *", ","])
def test_an_unreadable_if_match_is_refused(header: str) -> None:
    with pytest.raises(Problem) as caught:
        expected_versions(header)
    assert (caught.value.status_code, caught.value.code) == (400, "invalid_if_match")
    assert '"7"' in caught.value.detail


@pytest.mark.parametrize("header", ['W/"7"', '"7", W/"8"'])
def test_a_weak_tag_is_refused(header: str) -> None:
    with pytest.raises(Problem) as caught:
        expected_versions(header)
    assert (caught.value.status_code, caught.value.code) == (412, "weak_entity_tag")


def test_another_version_is_refused_with_the_current_one() -> None:
    check_version(None, 3)
    check_version(frozenset({2, 3}), 3)
    for expected in (frozenset({2}), frozenset[int]()):
        with pytest.raises(Problem) as caught:
            check_version(expected, 3)
        assert (caught.value.status_code, caught.value.code) == (412, "version_mismatch")
        assert caught.value.headers == {"ETag": '"3"'}


@pytest.mark.parametrize("key", [None, "a", "x" * 255, "0d5e7a2c-1111-4222-8333-444455556666", '"quoted"'])
def test_idempotency_keys(key: str | None) -> None:
    assert idempotency_key(key) == key


@pytest.mark.parametrize("key", ["", "x" * 256, "a b", "a\n", "路灯", "a\x7f"])
def test_bad_idempotency_keys_are_refused(key: str) -> None:
    with pytest.raises(Problem) as caught:
        idempotency_key(key)
    assert (caught.value.status_code, caught.value.code) == (400, "invalid_idempotency_key")
    assert "255" in caught.value.detail


def test_the_request_hash_covers_method_path_and_body() -> None:
    base = request_hash("POST", "/v1/cases", b"{}")
    assert base == hashlib.sha256(b"POST\n/v1/cases\n{}").digest()
    others = [("PUT", "/v1/cases", b"{}"), ("POST", "/v1/case", b"{}"), ("POST", "/v1/cases", b"{ }")]
    assert len({base, *(request_hash(*other) for other in others)}) == 4
