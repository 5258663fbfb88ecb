"""What each alias serves, and how far one is ahead of another: by the order of versions and by that of registration."""

import pytest

import modelver as mv
from tests.registries import MODEL, publish


def distance(registry: mv.Registry, alias: str = "staging") -> mv.Distance | None:
    """Return an alias' distance from production."""
    return registry.serving(MODEL)[alias].distance


def test_an_alias_is_ahead_by_the_releases_between(memory: mv.Registry) -> None:
    """Pre-releases and yanked versions don't count, but the higher one does whatever it is."""
    publish(memory, b"1", aliases=["production", "staging"])
    same = distance(memory)
    assert same is not None
    assert same.relation == "same"
    for number in (b"2", b"3", b"4"):
        publish(memory, number)
    publish(memory, b"5", version="2.0.0-rc.1")
    publish(memory, b"6", version="2.0.0-rc.2", aliases="staging")
    memory.yank(f"{MODEL}:1.2.0", reason="bad")
    found = distance(memory)
    assert found is not None
    assert (found.relation, found.versions) == ("ahead", ("1.1.0", "1.3.0", "2.0.0-rc.2"))
    assert str(found).startswith("staging is 3 versions ahead of production, for ")
    back = memory.serving(MODEL, against="staging")["production"].distance
    assert back is not None
    assert (back.relation, back.versions) == ("behind", found.versions)


def test_a_hotfix_of_an_old_line_diverges(memory: mv.Registry) -> None:
    """It is lower, but was registered later."""
    publish(memory, b"1", version="1.0.0")
    publish(memory, b"2", version="1.1.0", aliases="production")
    publish(memory, b"3", version="1.0.1", aliases="staging")
    found = distance(memory)
    assert found is not None
    assert (found.relation, found.versions) == ("diverged", ("1.1.0",))
    assert "have diverged" in str(found)


def test_it_is_ahead_since_it_first_was(memory: mv.Registry) -> None:
    """A further move ahead does not begin anew, but one to the same version ends it."""
    publish(memory, b"1", aliases=["production", "staging"])
    publish(memory, b"2", aliases="staging")
    first = memory.serving(MODEL)["staging"].since
    publish(memory, b"3", aliases="staging")
    found = distance(memory)
    assert found is not None
    assert found.since == first < memory.serving(MODEL)["staging"].since
    assert found.seconds >= 0
    memory.set_alias(MODEL, "production", "1.2.0")
    publish(memory, b"4", aliases="staging")
    later = distance(memory)
    assert later is not None
    assert later.since == memory.serving(MODEL)["staging"].since


def test_there_is_no_distance_without_both(memory: mv.Registry) -> None:
    """Where one of the two is missing, was deleted, or they are one."""
    publish(memory, b"1", aliases="staging")
    assert distance(memory) is None
    memory.set_alias(MODEL, "production", "1.0.0")
    assert distance(memory) is not None
    assert distance(memory, "production") is None
    memory.delete_alias(MODEL, "production")
    assert distance(memory) is None
    memory.set_alias(MODEL, "production", "1.0.0", reason="again")
    assert distance(memory) is not None


def test_a_status_shows_itself(memory: mv.Registry) -> None:
    """As a mapping, as text, as data and in a notebook."""
    publish(memory, b"1", aliases=["production"])
    publish(memory, b"2", aliases="staging")
    memory.pin(MODEL, "staging", reason="<b>audit</b>")
    with pytest.warns(UserWarning, match="roll back"):
        memory.yank(f"{MODEL}:1.0.0", reason="bad")
    found = memory.serving(MODEL)
    assert list(found) == ["production", "staging"]
    assert (found.versions, str(found.highest), len(found), len(found.distances)) == (2, "1.1.0", 2, 1)
    assert "production: 1.0.0 YANKED since" in str(found)
    assert "staging is 1 version ahead of production" in str(found)
    [_, staging] = found.to_dict()["aliases"]  # type: ignore[misc] # it is a list
    assert staging["pinned"]["reason"] == "<b>audit</b>"  # type: ignore[index, call-overload] # as above
    assert "<b>" not in found._repr_html_()
