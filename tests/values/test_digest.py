"""Digests: strings that were parsed."""

import copy
import hashlib
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelver.errors import InvalidValue
from modelver.values.digest import Digest
from tests.strategies import digests, hex_digests


@given(st.binary(max_size=50))
def test_a_digest_is_what_sha256sum_prints(data: bytes) -> None:
    """`Digest.of` is the SHA-256 of the bytes, with the algorithm's name before it."""
    digest = Digest.of(data)
    assert digest == f"sha256:{hashlib.sha256(data).hexdigest()}"
    assert digest.hex == hashlib.sha256(data).hexdigest()
    assert digest.hex.startswith(digest.short)
    assert len(digest.short) == 12


@given(digests)
def test_a_digest_survives_text_pickle_and_copies(digest: Digest) -> None:
    """Digest(str(d)) == d, and so for everything else that Python does to values."""
    for other in (Digest(str(digest)), pickle.loads(pickle.dumps(digest)), copy.deepcopy(digest)):  # noqa: S301 (our own bytes)
        assert (other, type(other)) == (digest, Digest)
        assert hash(other) == hash(digest)


@given(hex_digests)
def test_hexadecimal_digits_alone_make_one(digits: str) -> None:
    """`from_hex` takes what `hex` gives."""
    assert Digest.from_hex(digits).hex == digits


@pytest.mark.parametrize(
    "text",
    [
        "",
        "sha256:",
        "a" * 64,
        "sha256:" + "a" * 63,
        "sha256:" + "a" * 65,
        "sha256:" + "A" * 64,
        "sha256:" + "g" * 64,
        "sha256:" + "a" * 64 + "\n",
        "sha512:" + "a" * 64,
        " sha256:" + "a" * 64,
        "sha256:" + "٣" * 64,
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    """Only `sha256:` and 64 lower-case digits are a digest."""
    with pytest.raises(InvalidValue, match="not a digest"):
        Digest(text)


def test_a_refusal_shows_only_the_beginning_of_a_long_text() -> None:
    """A megabyte of nonsense does not become a megabyte of message."""
    with pytest.raises(InvalidValue) as caught:
        Digest("x" * 2**20)
    assert len(str(caught.value)) < 300
