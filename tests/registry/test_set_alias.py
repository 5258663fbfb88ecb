"""Moving aliases: to any version, on the condition that one wishes, and never in silence."""

from concurrent.futures import ThreadPoolExecutor

import pytest

import modelver as mv
from tests.registries import MODEL, publish


@pytest.fixture
def versions(memory: mv.Registry) -> list[mv.ModelVersion]:
    """Give three versions."""
    return [publish(memory, bytes([number])) for number in range(3)]


def moves(registry: mv.Registry, alias: str = "production") -> list[tuple[str, str, str]]:
    """Return what an alias was moved from and to, and how."""
    return [(entry.previous, entry.version, entry.action) for entry in registry.history(MODEL, alias=alias)]


def test_an_alias_names_what_it_was_set_to(memory: mv.Registry, versions: list[mv.ModelVersion]) -> None:
    """By number, by alias, by `latest`, by digest, or by the version itself; the answer is the version."""
    given = ["1.0.0", "v1.1.0", versions[2], "first", "latest", f"sha256:{versions[1].digest.short}"]
    memory.set_alias(MODEL, "first", versions[0])
    expected = [0, 1, 2, 0, 2, 1]
    for version, index in zip(given, expected, strict=True):
        assert memory.set_alias(MODEL, "production", version) == versions[index]
        assert memory.resolve(f"{MODEL}@production") == versions[index]


def test_the_reason_is_recorded(memory: mv.Registry, versions: list[mv.ModelVersion]) -> None:
    """With who and when."""
    memory.set_alias(MODEL, "production", versions[0], reason="reviewed by Lena\nand Max")
    (entry,) = memory.history(MODEL, alias="production")
    assert (entry.reason, entry.by, entry.version) == (
        "reviewed by Lena\nand Max",
        "tester@example.org",
        "1.0.0",
    )


def test_setting_it_where_it_is_changes_nothing(memory: mv.Registry, versions: list[mv.ModelVersion]) -> None:
    """No second entry, and the generation stays."""
    memory.set_alias(MODEL, "production", versions[0])
    memory.set_alias(MODEL, "production", versions[0], reason="again")
    assert moves(memory) == [("", "1.0.0", "manual")]


def test_aliases_have_no_case(memory: mv.Registry, versions: list[mv.ModelVersion]) -> None:
    """They are lower case, however they are written."""
    memory.set_alias(MODEL, "Production", versions[0])
    assert list(memory.aliases(MODEL)) == ["production"]
    assert memory.get(f"{MODEL}@PRODUCTION") == versions[0]


def test_expectations_hold_or_conflict(memory: mv.Registry, versions: list[mv.ModelVersion]) -> None:
    """None: it must not exist. A version, as text or value: it must be there. A generation: exactly that move."""
    memory.set_alias(MODEL, "production", "1.0.0", expected=None)
    for wrong in (None, "1.1.0", versions[1], 999):
        with pytest.raises(mv.Conflict, match=r"1\.0\.0 \(generation"):
            memory.set_alias(MODEL, "production", "1.1.0", expected=wrong)
    memory.set_alias(MODEL, "production", "1.1.0", expected="1.0.0")
    memory.set_alias(MODEL, "production", "1.2.0", expected=versions[1])
    generation = memory.history(MODEL, alias="production")[-1].generation
    memory.set_alias(MODEL, "production", "1.0.0", expected=generation)
    for wrong in ("1.0.0", 1, versions[0]):
        with pytest.raises(mv.Conflict, match="no such alias"):
            memory.set_alias(MODEL, "new", "1.0.0", expected=wrong)
    with pytest.raises(mv.InvalidName):
        memory.set_alias(MODEL, "production", "1.1.0", expected="the last one")


def test_a_generation_tells_there_and_back_from_never_away(
    memory: mv.Registry, versions: list[mv.ModelVersion]
) -> None:
    """The ABA problem: a version is what it was, but the alias has moved since; the generation shows that."""
    memory.set_alias(MODEL, "production", versions[0])
    seen = memory.history(MODEL, alias="production")[-1].generation
    memory.set_alias(MODEL, "production", versions[1])
    memory.set_alias(MODEL, "production", versions[0])
    memory.set_alias(MODEL, "production", versions[0], expected="1.0.0")
    with pytest.raises(mv.Conflict, match="generation"):
        memory.set_alias(MODEL, "production", versions[2], expected=seen)


def test_only_one_of_many_with_the_same_expectation_wins(memory: mv.Registry) -> None:
    """Sixteen threads that all saw the same generation: one moves the alias, the others are told."""
    for number in range(17):
        publish(memory, bytes([number]))
    memory.set_alias(MODEL, "production", "1.0.0")
    generation = memory.history(MODEL, alias="production")[-1].generation

    def move(number: int) -> bool:
        registry = mv.Registry(memory.url)
        try:
            registry.set_alias(MODEL, "production", f"1.{number}.0", expected=generation)
        except mv.Conflict:
            return False
        return True

    with ThreadPoolExecutor(16) as pool:
        assert sorted(pool.map(move, range(1, 17))) == [False] * 15 + [True]
    assert len(moves(memory)) == 2


def test_a_yanked_version_is_refused(memory: mv.Registry, versions: list[mv.ModelVersion]) -> None:
    """With the reason of the yank."""
    memory.yank(versions[0], reason="leaks names")
    with pytest.raises(mv.Refused, match="leaks names"):
        memory.set_alias(MODEL, "production", versions[0])


@pytest.mark.parametrize("version", ["9.9.9", "nothing", "sha256:" + "0" * 12])
def test_what_is_not_there_is_not_named(
    version: str, memory: mv.Registry, versions: list[mv.ModelVersion]
) -> None:
    """NotFound, for versions, aliases and digests alike; nothing is written."""
    entries = len(memory.history(MODEL))
    with pytest.raises(mv.NotFound):
        memory.set_alias(MODEL, "production", version)
    assert len(memory.history(MODEL)) == entries


def test_a_model_that_is_not_there_is_not_made(memory: mv.Registry, versions: list[mv.ModelVersion]) -> None:
    """A typing error in the model's name makes no model; the right one is suggested."""
    with pytest.raises(mv.NotFound, match="Did you mean acme/fraud"):
        memory.set_alias("acme/frud", "production", "1.0.0")
    assert memory.models() == [MODEL]


def test_a_version_of_another_model_is_refused(memory: mv.Registry, versions: list[mv.ModelVersion]) -> None:
    """A value of another model is no version of this one, even where the numbers are equal."""
    other = memory.register("other", {"a": b"1"}, capture=False)
    with pytest.raises(mv.InvalidName, match="another model"):
        memory.set_alias(MODEL, "production", other)
    with pytest.raises(mv.InvalidName):
        memory.set_alias(MODEL, "production", "other:1.0.0")


@pytest.mark.parametrize(
    "alias", ["", "a b", "latest", "sha256", "1.0.0", "v3.4.5", "-a", "a" * 65, "é", "con"]
)
def test_names_that_could_mean_something_else_are_refused(
    alias: str, memory: mv.Registry, versions: list[mv.ModelVersion]
) -> None:
    """An alias is a word: no version, no reserved name, nothing outside the grammar."""
    with pytest.raises(mv.InvalidName):
        memory.set_alias(MODEL, alias, "1.0.0")


def test_an_alias_must_not_read_as_a_task_tag(memory: mv.Registry) -> None:
    """What reads as a version depends on the model's scheme."""
    memory.create_model("bot", scheme="bot-v{major}")
    memory.register("bot", {"a": b"1"}, capture=False)
    memory.set_alias("bot", "v1.0.0", "bot-v1")
    with pytest.raises(mv.InvalidName, match="version"):
        memory.set_alias("bot", "bot-v2", "bot-v1")


@pytest.mark.parametrize("bad", [None, 5, b"text"])
def test_wrong_types_never_reach_the_log(
    bad: object, memory: mv.Registry, versions: list[mv.ModelVersion]
) -> None:
    """A reason or a version that is no text is refused, and the log stays readable."""
    for call in (
        lambda: memory.set_alias(MODEL, "production", "1.0.0", reason=bad),  # type: ignore[arg-type]
        lambda: memory.set_alias(MODEL, "production", bad),  # type: ignore[arg-type]
        lambda: memory.rollback(MODEL, "production", reason=bad),  # type: ignore[arg-type]
        lambda: memory.delete_alias(MODEL, "production", reason=bad),  # type: ignore[arg-type]
        lambda: memory.yank(versions[0], reason=bad),  # type: ignore[arg-type]
        lambda: memory.annotate(versions[0], bad),  # type: ignore[arg-type]
        lambda: memory.annotate(versions[0], tags={"a": bad}),  # type: ignore[dict-item]
        lambda: memory.record_metrics(versions[0], {"a": [bad]}),
    ):
        with pytest.raises(mv.InvalidValue):
            call()
    assert memory.verify()
    assert len(memory.history(MODEL)) == 4


def test_a_deleted_alias_names_nothing(memory: mv.Registry, versions: list[mv.ModelVersion]) -> None:
    """Its history stays; it can be set again."""
    memory.set_alias(MODEL, "production", "1.0.0")
    memory.delete_alias(MODEL, "production", reason="retired")
    assert memory.aliases(MODEL) == {}
    with pytest.raises(mv.NotFound, match="production"):
        memory.get(f"{MODEL}@production")
    memory.set_alias(MODEL, "production", "1.1.0", expected=None)
    assert moves(memory) == [("", "1.0.0", "manual"), ("1.0.0", "", "deleted"), ("", "1.1.0", "manual")]


def test_deletions_have_conditions_too(memory: mv.Registry, versions: list[mv.ModelVersion]) -> None:
    """An alias that is not there is NotFound; one that is elsewhere than expected is a Conflict."""
    with pytest.raises(mv.NotFound, match="production"):
        memory.delete_alias(MODEL, "production")
    memory.set_alias(MODEL, "production", "1.0.0")
    with pytest.raises(mv.Conflict):
        memory.delete_alias(MODEL, "production", expected="1.1.0")
    memory.delete_alias(MODEL, "production", expected="1.0.0")
