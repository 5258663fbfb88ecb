"""Provenance is written down in one way, whatever a machine calls things."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelver.values import wire
from modelver.values.provenance import Code, Environment, Host, Provenance, Run

any_text = st.text(max_size=20)
provenances = st.builds(
    Provenance,
    code=st.none()
    | st.builds(Code, any_text, any_text, any_text, dirty=st.none() | st.booleans(), path=any_text),
    environment=st.none()
    | st.builds(
        Environment,
        any_text,
        any_text,
        any_text,
        any_text,
        packages=st.dictionaries(any_text, any_text, max_size=5),
        accelerators=st.lists(any_text, max_size=3).map(tuple),
    ),
    host=st.none() | st.builds(Host, any_text, any_text, cpus=st.integers(0, 1024)),
    run=st.none() | st.builds(Run, any_text, any_text, any_text),
)


@given(provenance=provenances)
def test_it_survives_being_stored(provenance: Provenance) -> None:
    """Written and read again it is the same, and so are its bytes."""
    data = wire.to_bytes(provenance)
    again = wire.from_bytes(data, Provenance, what="provenance")
    assert again == provenance
    assert hash(again) == hash(provenance)
    assert wire.to_bytes(again) == data


def test_packages_are_sorted_by_name() -> None:
    """However they were found, one environment is one value."""
    found = Environment("3.11.7", "CPython", "Linux", "x86_64", {"b": "2", "a": "1"})
    assert list(found.packages) == ["a", "b"]


@pytest.mark.parametrize("kind", [Code, Host, Run])
def test_names_that_are_no_text_can_be_stored(kind: type[Code | Host | Run]) -> None:
    """Bytes of a variable or file name that have no UTF-8 become question marks (PEP 383)."""
    fields = {"path": "caf\udce9"} if kind is Code else {"name" if kind is Host else "id": "caf\udce9"}
    assert "caf?" in wire.to_bytes(kind(**fields)).decode()
