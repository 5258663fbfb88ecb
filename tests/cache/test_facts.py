"""Small facts that are dear to find out are remembered."""

from pathlib import Path

from modelver.cache import facts
from modelver.cache.facts import Facts


def test_a_fact_is_remembered(tmp_path: Path) -> None:
    """A later process knows it, under its kind and key alone."""
    Facts(tmp_path).put("probe", "s3://bucket", b"yes")
    assert Facts(tmp_path).get("probe", "s3://bucket") == b"yes"
    assert Facts(tmp_path).get("other", "s3://bucket") is None
    assert Facts(tmp_path).get("probe", "s3://other") is None


def test_a_later_fact_replaces_the_earlier(tmp_path: Path) -> None:
    """Each key has one fact."""
    Facts(tmp_path).put("probe", "key", b"no")
    Facts(tmp_path).put("probe", "key", b"yes")
    assert Facts(tmp_path).get("probe", "key") == b"yes"


def test_a_large_fact_is_not_kept(tmp_path: Path) -> None:
    """What would fill the cache is found out again instead."""
    Facts(tmp_path).put("probe", "key", bytes(facts.MAX_FACT + 1))
    assert Facts(tmp_path).get("probe", "key") is None
    Facts(tmp_path).put("probe", "key", bytes(facts.MAX_FACT))
    assert Facts(tmp_path).get("probe", "key") == bytes(facts.MAX_FACT)


def test_a_key_may_be_any_path(tmp_path: Path) -> None:
    """File names that are no Unicode are keys too."""
    Facts(tmp_path).put("probe", "\udcff", b"yes")
    assert Facts(tmp_path).get("probe", "\udcff") == b"yes"


def test_many_facts_are_asked_for_at_once(tmp_path: Path) -> None:
    """Those that are known come back under their keys; those that are too large were not kept."""
    Facts(tmp_path).put_many("probe", {"a": b"1", "b": b"2", "large": bytes(facts.MAX_FACT + 1)})
    assert Facts(tmp_path).get_many("probe", ["a", "b", "c", "large"]) == {"a": b"1", "b": b"2"}
