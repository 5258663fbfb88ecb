"""Rolling back: one step further each time, never to what was rolled away from, never to what is broken."""

import uuid

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import modelver as mv
from modelver.storage.layout import blob_key
from modelver.storage.memory import MemoryStore
from tests.registries import MODEL, publish


@pytest.fixture
def versions(memory: mv.Registry) -> list[mv.ModelVersion]:
    """Give four versions that production named one after the other."""
    return [publish(memory, bytes([number]), aliases=["production"]) for number in range(4)]


def now(registry: mv.Registry) -> str:
    """Return what production names."""
    return str(registry.get(f"{MODEL}@production").version)


def blob(version: mv.ModelVersion) -> str:
    """Return the key of a version's only file."""
    return blob_key(mv.Digest.from_hex(version.files[0].sha256))


def test_each_rollback_goes_further_back(memory: mv.Registry, versions: list[mv.ModelVersion]) -> None:
    """Until nothing is left; the reason is recorded."""
    for expected in reversed(versions[:-1]):
        assert memory.rollback(MODEL, "production", reason="f1 dipped") == expected
    with pytest.raises(mv.NotFound, match="nothing to roll back to"):
        memory.rollback(MODEL, "production")
    last = memory.history(MODEL, alias="production")[-1]
    assert (last.action, last.previous, last.version, last.reason) == (
        "rollback",
        "1.1.0",
        "1.0.0",
        "f1 dipped",
    )


def test_what_was_rolled_away_from_comes_back_only_by_hand(
    memory: mv.Registry, versions: list[mv.ModelVersion]
) -> None:
    """Once a person has set it again, it is a version to go back to."""
    memory.rollback(MODEL, "production")
    memory.set_alias(MODEL, "production", versions[0])
    assert memory.rollback(MODEL, "production") == versions[2]
    memory.set_alias(MODEL, "production", versions[3])
    memory.set_alias(MODEL, "production", versions[0])
    assert memory.rollback(MODEL, "production") == versions[3]


def test_yanked_versions_are_passed_over(memory: mv.Registry, versions: list[mv.ModelVersion]) -> None:
    """The nearest one that may be used is taken."""
    memory.yank(versions[2], reason="bad")
    assert memory.rollback(MODEL, "production") == versions[1]


def test_a_version_can_be_asked_for(memory: mv.Registry, versions: list[mv.ModelVersion]) -> None:
    """Any that production named and was not rolled away from; others are Refused, with those that there are."""
    unseen = publish(memory, b"unseen")
    memory.yank(versions[1], reason="bad")
    for wrong in (unseen, "1.4.0", versions[1], versions[3]):
        with pytest.raises(mv.Refused, match=r"1\.2\.0, 1\.0\.0"):
            memory.rollback(MODEL, "production", to=wrong)
    with pytest.raises(mv.NotFound):
        memory.rollback(MODEL, "production", to="9.9.9")
    assert memory.rollback(MODEL, "production", to="1.0.0") == versions[0]
    with pytest.raises(mv.Refused):
        memory.rollback(MODEL, "production", to=versions[2])


@pytest.mark.parametrize("damage", ["blob missing", "blob cut", "manifest missing", "manifest damaged"])
def test_a_broken_version_is_passed_over(
    damage: str, memory: mv.Registry, versions: list[mv.ModelVersion]
) -> None:
    """A version whose manifest or blobs are not all there would only bring the next outage."""
    store = MemoryStore(memory.url.removeprefix("memory://"))
    key = blob(versions[2]) if "blob" in damage else blob_key(versions[2].digest)
    data = store._objects.pop(key)
    if damage == "blob cut":
        store._objects[key] = b""
    elif damage == "manifest damaged":
        store._objects[key] = data[:-1] + b" "
    registry = mv.Registry(memory.url)
    with pytest.raises(mv.Refused, match=r"1\.2\.0"):
        registry.rollback(MODEL, "production", to="1.2.0")
    assert registry.rollback(MODEL, "production") == versions[1]


class Away(MemoryStore):
    """Can't be reached when it is asked for a size the first time."""

    asked = False

    def size(self, key: str) -> int:
        """Fail once."""
        if not self.asked:
            self.asked = True
            raise mv.StoreError("the store can't be reached", where=key)
        return super().size(key)


def test_a_store_that_fails_makes_no_version_a_broken_one(
    memory: mv.Registry, versions: list[mv.ModelVersion]
) -> None:
    """The rollback fails and nothing moves; asked again it goes to the version that it should have gone to."""
    memory._session.store = Away(memory.url.removeprefix("memory://"))
    with pytest.raises(mv.StoreError, match="can't be reached"):
        memory.rollback(MODEL, "production")
    assert now(memory) == "1.3.0"
    assert memory.rollback(MODEL, "production") == versions[2]


def test_if_nothing_is_whole_nothing_moves(memory: mv.Registry, versions: list[mv.ModelVersion]) -> None:
    """The alias stays where it is, and the message says what is wrong with the nearest."""
    store = MemoryStore(memory.url.removeprefix("memory://"))
    for version in versions[:-1]:
        del store._objects[blob(version)]
    with pytest.raises(mv.Refused, match="no earlier version can be loaded"):
        memory.rollback(MODEL, "production")
    assert now(memory) == "1.3.0"


def test_an_alias_that_is_not_there_has_no_past(memory: mv.Registry, versions: list[mv.ModelVersion]) -> None:
    """A model, an alias that never was, one that was deleted: NotFound; a deletion empties what can be gone back to."""
    for model, alias in (("nothing", "production"), (MODEL, "staging")):
        with pytest.raises(mv.NotFound):
            memory.rollback(model, alias)
    memory.delete_alias(MODEL, "production")
    with pytest.raises(mv.NotFound):
        memory.rollback(MODEL, "production")
    memory.set_alias(MODEL, "production", "1.0.0")
    with pytest.raises(mv.NotFound, match="nothing to roll back to"):
        memory.rollback(MODEL, "production")


class Toy:
    """What the decision record says, as a list."""

    def __init__(self) -> None:
        self.stack: list[int] = []
        self.exists = False

    @property
    def now(self) -> int | None:
        """What the alias names."""
        return self.stack[-1] if self.exists else None

    def put(self, version: int) -> None:
        """Push, unless it is there already."""
        if self.now != version:
            self.stack.append(version)
        self.exists = True

    def delete(self) -> None:
        """Forget all."""
        self.stack, self.exists = [], False

    def rollback(self, yanked: set[int]) -> int | None:
        """Pop down to the nearest other version that was not yanked."""
        for at in range(len(self.stack) - 2, -1, -1):
            if self.stack[at] != self.now and self.stack[at] not in yanked:
                del self.stack[at + 1 :]
                return self.stack[at]
        return None


steps = st.lists(
    st.one_of(
        st.tuples(st.just("set"), st.integers(0, 3)),
        st.tuples(st.just("rollback"), st.just(0)),
        st.tuples(st.just("yank"), st.integers(0, 3)),
        st.tuples(st.just("delete"), st.just(0)),
    ),
    max_size=14,
)


@settings(max_examples=30)
@given(steps)
@pytest.mark.filterwarnings("ignore:.*is still what:UserWarning")
def test_any_sequence_of_moves_is_a_stack(sequence: list[tuple[str, int]]) -> None:
    """Sets, rollbacks, yanks and deletions in any order lead where a stack leads."""
    registry = mv.Registry(f"memory://{uuid.uuid4().hex}")
    for number in range(4):
        publish(registry, bytes([number]))
    toy, yanked = Toy(), set[int]()
    for step, number in sequence:
        if step == "set" and number not in yanked:
            registry.set_alias(MODEL, "production", f"1.{number}.0")
            toy.put(number)
        elif step == "yank":
            registry.yank(f"{MODEL}:1.{number}.0", reason="bad")
            yanked.add(number)
        elif step == "delete" and toy.exists:
            registry.delete_alias(MODEL, "production")
            toy.delete()
        elif step == "rollback":
            expected = toy.rollback(yanked) if toy.exists else None
            if expected is None:
                with pytest.raises(mv.NotFound):
                    registry.rollback(MODEL, "production")
            else:
                assert registry.rollback(MODEL, "production").version == f"1.{expected}.0"
        assert (now(registry) if toy.exists else None) == (None if toy.now is None else f"1.{toy.now}.0")


def test_two_rollbacks_at_once_are_one_step(memory: mv.Registry, versions: list[mv.ModelVersion]) -> None:
    """Whoever decided on what another has already rolled back is told, and nothing goes two steps."""
    slow = mv.Registry(memory.url)
    generation = slow.history(MODEL, alias="production")[-1].generation
    original = slow._session.append

    def append(*arguments: object, **options: object) -> object:
        """Let the other be faster, once this one has decided."""
        if memory.history(MODEL, alias="production")[-1].generation == generation:
            memory.rollback(MODEL, "production")
        return original(*arguments, **options)  # type: ignore[arg-type] # as given

    slow._session.append = append  # type: ignore[method-assign, assignment] # to come between
    with pytest.raises(mv.Conflict, match="moved while it was rolled back"):
        slow.rollback(MODEL, "production")
    assert now(memory) == "1.2.0"
