"""Tables that people write are read strictly, and what is secret is never repeated."""

import tomllib
from datetime import UTC, datetime
from typing import Any

import pytest

from modelver.errors import InvalidValue
from modelver.notify.happening import Happening, Kind
from modelver.notify.target import MAX_TARGETS, Target, read_targets

AUDIENCES = ("product", "legal")
GOOD = {"url": "https://hooks.example.org/x", "secret_env": "HOOK_SECRET"}


def read(text: str) -> tuple[Target, ...]:
    """Read tables."""
    return read_targets(tomllib.loads(text)["notify"], "modelver.toml", AUDIENCES)


def happening(kind: Kind = "promote", model: str = "acme/fraud", alias: str = "production") -> Happening:
    """Return something that happened."""
    return Happening(kind, "0" * 32, model, 3, 0, datetime.now(UTC), version="1.0.0", alias=alias)


def test_a_table_needs_an_address_and_a_secret_only() -> None:
    """What is left out: the four events, all models and aliases, for product, told at once."""
    (found,) = read('[[notify]]\nurl = "https://hooks.example.org/x"\nsecret_env = "HOOK_SECRET"')
    assert found == Target("https://hooks.example.org/x", "HOOK_SECRET")
    assert [
        found.wants(happening(kind)) for kind in ("promote", "rollback", "yank", "reject", "approve")
    ] == [
        True,
        True,
        True,
        True,
        False,
    ]


def test_a_table_says_of_what_it_is_told() -> None:
    """Events by name, models and aliases by pattern, in any case."""
    (found,) = read(
        '[[notify]]\nurl = "https://hooks.example.org/x"\nsecret_env = "S"\nname = "risk"\nevents = ["promote", "approve"]\n'
        'models = ["Acme/*"]\naliases = ["prod*"]\naudience = "legal"\nat_once = false'
    )
    assert (found.label, found.audience, found.at_once) == ("risk", "legal", False)
    assert found.wants(happening())
    assert not found.wants(happening("rollback"))
    assert not found.wants(happening(model="other/fraud"))
    assert not found.wants(happening(alias="staging"))
    assert found.wants(happening("approve", alias=""))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"url": "ftp://hooks.example.org/p4ss"}, r"notify\[0\].url"),
        ({"url": "https:///p4ss"}, r"notify\[0\].url"),
        ({"url": "https://hooks.example.org:p4ss/"}, r"notify\[0\].url"),
        ({"url": "https://hooks.example.org/p4ss\r\nX: y"}, r"notify\[0\].url"),
        ({"url": "https://hooks.example.org/p4ss é"}, r"notify\[0\].url"),
        ({"url": "https://hooks.example.org/#p4ss"}, r"notify\[0\].url"),
        ({"url": "http://u:p4ss@hooks.example.org/"}, "plain_http = true"),
        ({"url": ["p4ss"]}, "text"),
        ({"url": None}, r"notify\[0\].url"),
        ({"secret_env": None}, "environment variable"),
        ({"secret_env": "whsec_p4ss/+="}, "environment variable"),
        ({"secret": "p4ss"}, "no place in a file"),
        ({"event": ["promote"]}, "Did you mean events"),
        ({"events": ["promoted"]}, "Did you mean promote"),
        ({"audience": "lawyers"}, "There is product, legal"),
        ({"audience": ["product", "legal"]}, "one text"),
        ({"name": "a\nb"}, "short name"),
        ({"at_once": "yes"}, "true or false"),
        ({"models": [""]}, r"models\[0\]"),
    ],
)
def test_a_wrong_table_is_refused(change: dict[str, Any], told: str) -> None:
    """The message has the path of the fault, and never the address or a secret."""
    table = {key: value for key, value in {**GOOD, **change}.items() if value is not None}
    with pytest.raises(InvalidValue, match=told) as raised:
        read_targets([table], "modelver.toml", AUDIENCES)
    assert "p4ss" not in str(raised.value)


@pytest.mark.parametrize("tables", [{}, "x", [1], [GOOD] * (MAX_TARGETS + 1), [GOOD, GOOD]])
def test_tables_have_to_be_some_different_ones(tables: object) -> None:
    """Neither one table in the place of several, nor too many, nor two that can't be told apart."""
    with pytest.raises(InvalidValue):
        read_targets(tables, "modelver.toml", AUDIENCES)


def test_two_audiences_of_one_address_have_names() -> None:
    """Then they are two recipients, whose events have ids of their own."""
    one, other = read_targets([{**GOOD, "name": "a"}, {**GOOD, "name": "b"}], "modelver.toml", AUDIENCES)
    assert one.key != other.key


@pytest.mark.parametrize("host", ["127.0.0.1:8080", "localhost", "[::1]:9"])
def test_plain_http_is_for_this_machine(host: str) -> None:
    """Another machine has to be allowed."""
    (found,) = read_targets([{**GOOD, "url": f"http://{host}/x"}], "modelver.toml", AUDIENCES)
    assert found.label == f"http://{host}"
    (other,) = read_targets(
        [{**GOOD, "url": "http://hooks.example.org/x", "plain_http": True}], "modelver.toml", AUDIENCES
    )
    assert other.plain_http


def test_a_recipient_is_shown_without_its_secrets() -> None:
    """Neither login, nor path, nor query: each may be one."""
    target = Target("https://user:p4ss@hooks.example.org/services/p4ss?token=p4ss", "HOOK_SECRET")
    assert target.label == "https://hooks.example.org"
    assert "p4ss" not in repr(target)
