"""Canonical JSON: one value, one sequence of bytes, and nothing that another reader could take otherwise."""

import math
from collections.abc import Mapping

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelver.errors import InvalidValue, LimitExceeded, ModelverError
from modelver.values.canonical import MAX_DEPTH, MAX_INTEGER, Json, decode, decode_object, encode
from tests.strategies import floats, json_values, same_number


def nested(levels: int, inner: Json) -> Json:
    """Put a value into so many arrays."""
    for _ in range(levels):
        inner = [inner]
    return inner


def hex_length(integer: int) -> str:
    """Name a test after an integer too long to write out."""
    return f"{integer.bit_length()} bits"


def reordered(value: Json) -> Json:
    """Give every object's keys in the opposite order."""
    if isinstance(value, Mapping):
        return {key: reordered(value[key]) for key in reversed(list(value))}
    return [reordered(item) for item in value] if isinstance(value, list) else value


@given(json_values)
def test_decoding_gives_back_what_was_encoded(value: Json) -> None:
    """decode(encode(x)) == x for every value."""
    assert decode(encode(value), what="a value") == value


@given(json_values)
def test_the_order_of_keys_does_not_matter(value: Json) -> None:
    """Two objects that differ in the order of their keys alone have the same bytes."""
    assert encode(reordered(value)) == encode(value)


@given(floats)
def test_floats_survive_exactly(value: float) -> None:
    """A float comes back as the same float, and never as an integer."""
    decoded = decode(encode(value), what="a float")
    assert isinstance(decoded, float)
    assert same_number(decoded, value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"b": 1, "a": [True, None, "x"]}, b'{"a":[true,null,"x"],"b":1}'),
        ({"é": 1, "z": 2, "Z": 3, "": 4}, '{"":4,"Z":3,"z":2,"é":1}'.encode()),
        ({"\U0001f600": 1, "\ue000": 2}, '{"\ue000":2,"\U0001f600":1}'.encode()),
        ('"\\\b\f\n\r\t\x00\x1f/\x7f\u2028', b'"\\"\\\\\\b\\f\\n\\r\\t\\u0000\\u001f/\x7f\xe2\x80\xa8"'),
        ([0.1, 1.0, -0.0, 1e16, 1e-7, 5e-324], b"[0.1,1.0,-0.0,1e+16,1e-07,5e-324]"),
        ([0, -1, 2**53, -(2**53)], b"[0,-1,9007199254740992,-9007199254740992]"),
        ((1, "two"), b'[1,"two"]'),
        (np.float64(0.1), b"0.1"),
    ],
)
def test_the_bytes_are_fixed(value: Json, expected: bytes) -> None:
    """Keys go by code point, text stays UTF-8, floats are written as the shortest text that reads back."""
    assert encode(value) == expected


@pytest.mark.parametrize(
    "value", [math.nan, math.inf, -math.inf, "\ud800", {"\udfff": 1}, {1: 2}, {1, 2}, b"bytes", object()]
)
def test_what_json_lacks_is_not_written(value: object) -> None:
    """NaN, infinities, lone surrogates, keys that are no text, and other types are refused, however deep."""
    with pytest.raises(InvalidValue):
        encode([{"inside": value}])  # type: ignore[dict-item, list-item] # that is the point


@pytest.mark.parametrize("integer", [MAX_INTEGER + 1, -MAX_INTEGER - 1, 2**20_000], ids=hex_length)
def test_integers_that_others_would_round_are_refused(integer: int) -> None:
    """Integers beyond 2**53 are neither written nor read."""
    with pytest.raises(LimitExceeded):
        encode(integer)
    with pytest.raises(LimitExceeded):
        decode(b'{"a":[' + b"9" * 17 + b"]}", what="a value")


def test_a_very_long_integer_is_refused_as_such() -> None:
    """Ten thousand digits are a limit of ours, not a complaint of Python's."""
    with pytest.raises(LimitExceeded, match="10000 digits"):
        decode(b"9" * 10_000, what="a value")


def test_values_lie_in_at_most_32_arrays_and_objects() -> None:
    """The 32nd level is fine, and the 33rd is refused by both sides."""
    deepest = nested(MAX_DEPTH, 1)
    assert decode(encode(deepest), what="a value") == deepest
    too_deep = nested(MAX_DEPTH + 1, 1)
    with pytest.raises(LimitExceeded, match="nested too deep"):
        encode(too_deep)
    with pytest.raises(LimitExceeded, match="nested too deep"):
        decode(b"[" * 33 + b"1" + b"]" * 33, what="a value")


@pytest.mark.parametrize("opening", [b"[", b'{"a":'])
def test_huge_nesting_is_refused_without_exhausting_the_stack(opening: bytes) -> None:
    """A hundred thousand brackets raise our error, whatever Python's own parser makes of them."""
    with pytest.raises(ModelverError):
        decode(opening * 100_000, what="a value")


def test_a_value_that_holds_itself_is_refused() -> None:
    """A cycle ends at the deepest level."""
    cycle: list[Json] = []
    cycle.append(cycle)
    with pytest.raises(LimitExceeded):
        encode(cycle)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b" ",
        b"{",
        b"{}x",
        b"{'a':1}",
        b"\xff",
        b'"\xed\xa0\x80"',
        b"\xef\xbb\xbf{}",
        b"NaN",
        b"[Infinity]",
        b"-Infinity",
        b"1e400",
        b'"\\ud800"',
        b'{"\\udc00":1}',
        b'"\n"',
        b"01",
    ],
)
def test_what_is_no_json_is_refused(data: bytes) -> None:
    """Broken JSON, broken UTF-8, numbers out of range and lone surrogates raise InvalidValue."""
    with pytest.raises(InvalidValue, match="the thing"):
        decode(data, what="the thing")


def test_a_key_given_twice_is_refused_and_named() -> None:
    """Two readers could take different ones of two values, so neither is taken."""
    with pytest.raises(InvalidValue, match=r"a JSON key is given twice: the thing \(found 'b'\)"):
        decode(b'{"a":1,"o":{"b":2,"c":3,"b":4}}', what="the thing")
    with pytest.raises(InvalidValue, match="twice"):
        decode(b'{"a":1,"\\u0061":2}', what="the thing")


def test_many_keys_with_one_twice_are_refused_in_good_time() -> None:
    """Finding the key among 200,000 takes a moment; comparing each with each would run into the test's timeout."""
    data = b"{" + b",".join(b'"%d":0' % number for number in range(200_000)) + b',"199999":0}'
    with pytest.raises(InvalidValue, match="'199999'"):
        decode(data, what="a value")


@pytest.mark.parametrize("data", [b"[]", b"1", b'"x"', b"null", b"true"])
def test_an_object_is_due_where_one_is_asked_for(data: bytes) -> None:
    """decode_object takes objects alone."""
    with pytest.raises(InvalidValue, match="not a JSON object: the thing"):
        decode_object(data, what="the thing")
    assert decode_object(b'{"a":1}', what="the thing") == {"a": 1}


@given(st.binary(max_size=40) | st.text('{}[]":,\\0123456789.eEtrufalsn -', max_size=40).map(str.encode))
def test_any_bytes_are_a_value_or_our_own_error(data: bytes) -> None:
    """The parser is total: untrusted bytes raise nothing but InvalidValue."""
    try:
        value = decode(data, what="untrusted bytes")
    except InvalidValue:
        return
    assert decode(encode(value), what="its own bytes") == value
