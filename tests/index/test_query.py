"""Order, limits and words: what SQL does is what a plain reference does."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelver.errors import InvalidValue
from modelver.expressions import parse
from modelver.index.ordering import parse_order
from modelver.index.query import Query, words_of
from modelver.index.stored import value_at
from modelver.values.manifest import Manifest
from modelver.values.record import Changelog, Metadata
from tests.index.support import AT, Told, asked, few_versions, indexed, manifest, numbers

_orders = st.sampled_from(
    [
        "metrics.f1",
        'metrics["eval/f1"]',
        "params.lr",
        "params.opt.name",
        "tags.team",
        "metadata.license",
        "metadata.external_facing",
        "created_at",
        "created_by",
        "version",
        "name",
    ]
)


@given(few_versions, _orders, st.booleans(), st.none() | st.integers(0, 4))
def test_the_order_is_that_of_the_values(
    versions: list[tuple[Manifest, Told]], variable: str, descending: bool, limit: int | None
) -> None:
    """Numbers, then texts, then what is absent; equals by precedence; a limit cuts, and changes nothing else."""
    index, _ = indexed(versions)
    plain = asked(index, Query())
    order = parse_order(f"-{variable}" if descending else variable)

    def value(place: int) -> object:
        row = plain[place]
        return row.created_at if variable == "created_at" else value_at(row.subject(AT), order.path)

    def key(place: int) -> tuple[int, float, str]:
        found = value(place)
        return (1, 0.0, found) if isinstance(found, str) else (0, float(found), "")  # type: ignore[arg-type] # a number

    def is_there(place: int) -> bool:
        return isinstance(value(place), bool | int | float | str)

    there = sorted(filter(is_there, range(len(plain))), key=key, reverse=descending)
    absent = [place for place in range(len(plain)) if not is_there(place)]
    expected = [plain[place].version for place in [*there, *absent]][:limit]
    assert numbers(asked(index, Query(order=order, limit=limit))) == expected
    whole = parse('name == "fraud"')
    assert numbers(asked(index, Query(whole, order=order, limit=limit))) == expected


@given(st.text(max_size=30))
def test_no_text_is_an_error_of_the_engine(text: str) -> None:
    """Whatever is asked for, it is words or it is refused: nothing in it is an operator or a fault."""
    words = f"zebra {text}"
    index, _ = indexed([(Manifest("m", "1.0.0", (), Metadata(), Changelog("A zebra.")), Told())])  # type: ignore[arg-type] # text
    found = asked(index, Query(text=words_of(words)))
    assert numbers(found) in ([], ["1.0.0"])
    if not any(map(str.isalnum, text)):
        assert numbers(found) == ["1.0.0"]


@pytest.mark.parametrize(
    "text", ["zebra crossing", "ZEBRAS", "crossing zebra", '"zebra crossing"', "zeb*", "zébra"]
)
def test_words_are_found_in_their_forms(text: str) -> None:
    """By case, accents, English endings, order and beginnings."""
    stated = manifest("1.0.0", Metadata(description="Zebra crossings."))
    index, _ = indexed([(stated, Told()), (manifest("1.1.0", Metadata()), Told(note="horse"))])
    assert numbers(asked(index, Query(text=words_of(text)))) == ["1.0.0"]
    assert numbers(asked(index, Query(text=words_of("horses")))) == ["1.1.0"]


def test_each_kind_of_text_is_searched() -> None:
    """Changelog, notes, description, intended use, limitations, ethics, and fields of the team's own."""
    stated = Metadata(
        description="aardvark",
        intended_use=["badger"],
        limitations=["camel"],
        ethical_considerations=["dingo"],
        custom={"deep": [{"er": "eagle"}]},
        unknown={"later": "falcon"},
    )
    index, _ = indexed(
        [(Manifest("fraud", "1.0.0", (), stated, Changelog("", added=["gecko"])), Told(note="heron"))]  # type: ignore[arg-type] # text
    )
    for word in "aardvark badger camel dingo eagle falcon gecko heron".split():
        assert len(asked(index, Query(text=words_of(word)))) == 1


def test_many_candidates_are_gone_through_in_batches() -> None:
    """More versions than one statement has marks for are found all the same."""
    versions = [(manifest(f"1.{number}.0", Metadata(params={"n": number})), Told()) for number in range(1100)]
    index, _ = indexed(versions)
    assert len(asked(index, Query(parse("params.n >= 0 || false")))) == 1100
    assert numbers(asked(index, Query(parse("params.n >= 10 || false"), limit=2))) == ["1.10.0", "1.11.0"]


def test_a_lying_number_is_refused() -> None:
    """An expression that is neither true nor false is told, whatever SQL narrows down."""
    index, _ = indexed([(manifest("1.0.0", Metadata(params={"a": 1})), Told())])
    with pytest.raises(InvalidValue, match="neither true nor false"):
        asked(index, Query(parse("params.a")))
