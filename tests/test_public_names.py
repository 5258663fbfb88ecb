"""The public names: what users import, what type checkers see, and what is documented are one list."""

import ast
from pathlib import Path

import pytest

import modelver as mv

STUB = Path(mv.__file__).with_suffix(".pyi")
STUBBED = {
    alias.asname: node.module
    for node in ast.parse(STUB.read_text()).body
    if isinstance(node, ast.ImportFrom)
    for alias in node.names
}


def test_type_checkers_see_what_users_get() -> None:
    """The stub names exactly the public names, each from its own module."""
    assert {name for name in mv.__all__ if not name.startswith("__")} == set(STUBBED)


@pytest.mark.parametrize("name", mv.__all__)
def test_a_public_name_resolves(name: str) -> None:
    """Each public name is there, and is listed by dir()."""
    assert getattr(mv, name) is not None
    assert name in dir(mv)


def test_an_unknown_name_is_an_attribute_error() -> None:
    """A name that modelver lacks is reported as any module would."""
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = mv.nothing  # type: ignore[attr-defined] # it is not there, which is the point


@pytest.mark.parametrize(
    "name", sorted(name for name, module in STUBBED.items() if module == "modelver.errors")
)
def test_an_error_can_be_caught_as_one_of_ours(name: str) -> None:
    """Every public error is a ModelverError and survives a process boundary."""
    import pickle

    error = getattr(mv, name)("what", where="here", expected="a", found="b", hint="Do this.")
    assert isinstance(error, mv.ModelverError)
    again = pickle.loads(pickle.dumps(error))  # noqa: S301 (our own bytes)
    assert str(again) == str(error) == "what: here (expected a, found b). Do this."
