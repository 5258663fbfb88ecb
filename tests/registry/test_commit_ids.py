"""A write with an id of the caller's own: repeated, it changes nothing; used for another write, it is refused."""

from collections.abc import Callable
from pathlib import Path

import pytest

import modelver as mv
from tests.registries import MODEL, publish, write_tree

ID = "job-17"

Write = Callable[[mv.Registry], object]

WRITES: dict[str, Write] = {
    "register": lambda r: publish(r, b"new", metrics={"f1": 0.9}, commit_id=ID),
    "register with alias": lambda r: publish(r, b"new", aliases=["a", "b"], commit_id=ID),
    "register unchanged with alias": lambda r: publish(r, b"second", aliases=["a"], commit_id=ID),
    "register exact": lambda r: publish(r, b"new", version="7.0.0", commit_id=ID),
    "finalize": lambda r: r.finalize(f"{MODEL}:1.2.0-exp.1", commit_id=ID),
    "set_alias": lambda r: r.set_alias(MODEL, "production", "1.0.0", commit_id=ID),
    "set_alias by alias": lambda r: r.set_alias(MODEL, "champion", "production", commit_id=ID),
    "delete_alias": lambda r: r.delete_alias(MODEL, "production", commit_id=ID),
    "rollback": lambda r: r.rollback(MODEL, "production", commit_id=ID),
    "yank": lambda r: r.yank(f"{MODEL}:1.0.0", reason="bad", commit_id=ID),
    "annotate": lambda r: r.annotate(f"{MODEL}:1.0.0", "seen", tags={"a": "b"}, commit_id=ID),
    "record_metrics": lambda r: r.record_metrics(f"{MODEL}:1.0.0", {"f1": 0.5}, commit_id=ID),
}
OTHERS: dict[str, Write] = {
    "other content": lambda r: publish(r, b"other", commit_id=ID),
    "other version": lambda r: publish(r, b"new", version="8.0.0", commit_id=ID),
    "other alias": lambda r: r.set_alias(MODEL, "staging", "1.0.0", commit_id=ID),
    "alias elsewhere": lambda r: r.set_alias(MODEL, "production", "1.1.0", commit_id=ID),
    "other deletion": lambda r: r.delete_alias(MODEL, "staging", commit_id=ID),
    "other rollback": lambda r: r.rollback(MODEL, "staging", commit_id=ID),
    "other yank": lambda r: r.yank(f"{MODEL}:1.1.0", reason="bad", commit_id=ID),
    "other note": lambda r: r.annotate(f"{MODEL}:1.0.0", "other", commit_id=ID),
    "other metrics": lambda r: r.record_metrics(f"{MODEL}:1.0.0", {"f1": 0.6}, commit_id=ID),
}


@pytest.fixture
def begun(memory: mv.Registry) -> mv.Registry:
    """Give a registry with two releases, an experiment and two aliases that moved."""
    publish(memory, b"first", aliases=["production", "staging"])
    publish(memory, b"second", aliases=["production", "staging"])
    publish(memory, b"try", bump="prerelease")
    return memory


@pytest.mark.parametrize("write", WRITES)
def test_a_repeated_write_changes_nothing(write: str, begun: mv.Registry) -> None:
    """The second call finds the first one's commit and gives the same answer, also after others wrote."""
    first = WRITES[write](begun)
    entries = len(begun.history(MODEL))
    assert WRITES[write](begun) == first
    assert len(begun.history(MODEL)) == entries
    begun.annotate(f"{MODEL}:1.1.0", "between")
    assert WRITES[write](mv.Registry(begun.url)) == first
    assert len(begun.history(MODEL)) == entries + 1


@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize("other", OTHERS)
def test_an_id_stands_for_one_write(write: str, other: str, begun: mv.Registry) -> None:
    """Using it for another write is AlreadyExists, and nothing is said to be done that was not."""
    WRITES[write](begun)
    entries = len(begun.history(MODEL))
    with pytest.raises(mv.AlreadyExists, match="commit_id was used"):
        OTHERS[other](begun)
    assert len(begun.history(MODEL)) == entries


def test_a_resumed_version_was_not_created_again(memory: mv.Registry) -> None:
    """`created` tells a script whether this very call made the version."""
    assert publish(memory, commit_id=ID).created
    assert not publish(memory, commit_id=ID).created


def test_a_resumed_registration_ignores_later_versions(memory: mv.Registry) -> None:
    """Without the id, the same content after others' work would be a new version."""
    first = publish(memory, b"mine", commit_id=ID)
    publish(memory, b"theirs")
    assert publish(memory, b"mine", commit_id=ID) == first
    assert publish(memory, b"mine") != first


def test_an_interrupted_move_is_resumed_by_its_id(registry: mv.Registry, tmp_path: Path) -> None:
    """Killed while sources were taken away, the same call finds its version whatever is left of them."""
    files = {"a.bin": b"a", "b.bin": b"b"}

    def move(folder: Path) -> mv.ModelVersion:
        return registry.register(MODEL, folder, move=True, commit_id=ID, capture=False)

    first = move(write_tree(tmp_path / "source", dict(files)))
    for rest in ({"a.bin": b"a"}, {"b.bin": b"b"}, {}):
        folder = write_tree(tmp_path / "source", dict(rest))
        folder.mkdir(exist_ok=True)
        again = move(folder)
        assert (again, again.created) == (first, False)
        assert list(folder.iterdir()) == []
    with pytest.raises(mv.AlreadyExists, match="commit_id was used"):
        move(write_tree(tmp_path / "source", {"c.bin": b"c"}))
    assert (tmp_path / "source" / "c.bin").read_bytes() == b"c"
    with pytest.raises(mv.NotFound):
        registry.register(MODEL, tmp_path / "nothing", move=True, commit_id="another", capture=False)


def test_an_interrupted_move_of_a_model_card_is_resumed(registry: mv.Registry, tmp_path: Path) -> None:
    """What the card stated is stated still, also to a policy that asks for it; another statement is another call."""
    files = {"a.bin": b"a", "README.md": b"---\nlicense: mit\ntags: [risk]\n---\n# T\n"}
    registry.set_policy(None, {"require": {"register": {"fields": ["metadata.license"]}}})

    def move(folder: Path, **stated: str) -> mv.ModelVersion:
        return registry.register(MODEL, folder, move=True, commit_id=ID, capture=False, metadata=stated)

    first = move(write_tree(tmp_path / "source", dict(files)))
    assert first.metadata.license == "mit"
    for rest in ({"a.bin": b"a"}, {"README.md": files["README.md"]}, {}):
        again = move(write_tree(tmp_path / "source", dict(rest)))
        assert (again, again.created) == (first, False)
    with pytest.raises(mv.AlreadyExists, match="commit_id was used"):
        move(tmp_path / "source", license="apache-2.0")


def test_an_alias_for_a_moved_card_is_resumed(registry: mv.Registry, tmp_path: Path) -> None:
    """Where the version was there before, the id stands for the alias, and the card is that version's."""
    files = {"a.bin": b"a", "README.md": b"---\nlicense: mit\n---\n"}
    registry.register(MODEL, write_tree(tmp_path / "kept", dict(files)), capture=False)

    def move() -> mv.ModelVersion:
        source = tmp_path / "source"
        return registry.register(
            MODEL, source, move=True, commit_id=ID, capture=False, aliases=["production"]
        )

    write_tree(tmp_path / "source", dict(files))
    assert move() == move()
