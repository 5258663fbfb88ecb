"""What there is: models, versions, aliases, a version's status, and what happened."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import modelver as mv
from tests.registries import MODEL, publish


def test_models_are_listed_by_name(memory: mv.Registry) -> None:
    """Sorted, as their makers spelled them; those without versions too."""
    memory.create_model("Zebra")
    memory.create_model("acme/Fraud", scheme="v{major}")
    publish(memory)
    memory.create_model("bot")
    assert memory.models() == ["Zebra", "acme/Fraud", "bot"]


def publish_more(registry: mv.Registry) -> None:
    """Register in an order that is not that of the numbers."""
    for version in ("1.10.0", "1.9.0", "2.0.0-rc.1", "2.0.0", "1.10.0-exp.1"):
        publish(registry, version.encode(), version=version)


def test_versions_are_listed_by_precedence(memory: mv.Registry) -> None:
    """The lowest first, whenever they were registered; yanked ones too."""
    publish_more(memory)
    memory.yank("acme/fraud:1.9.0", reason="bad")
    assert [version.version for version in memory.versions(MODEL)] == [
        "1.9.0",
        "1.10.0-exp.1",
        "1.10.0",
        "2.0.0-rc.1",
        "2.0.0",
    ]
    memory.create_model("empty")
    assert memory.versions("empty") == []


def test_aliases_are_listed_with_what_they_name(memory: mv.Registry) -> None:
    """Sorted by alias; deleted ones are gone."""
    version = publish(memory, aliases=["staging", "champion", "old"])
    memory.delete_alias(MODEL, "old")
    assert list(memory.aliases(MODEL).items()) == [("champion", version), ("staging", version)]


def test_a_status_tells_what_happened_since(memory: mv.Registry) -> None:
    """Aliases and since when, later metrics in place of earlier ones, notes, tags, and the yank."""
    version = publish(memory, metrics={"f1": 0.9, "loss": 1}, tags={"team": "risk", "stage": "new"})
    status = memory.status(version)
    assert (status.aliases, status.yanked, status.notes) == ({}, None, ())
    assert status.tags == {"team": "risk", "stage": "new"}
    memory.set_alias(MODEL, "production", version)
    memory.record_metrics(version, {"f1": 0.8})
    memory.record_metrics(version, {"f1": 0.7}, dataset="prod-w47", slice="EU")
    memory.annotate(version, "Reviewed.", tags={"stage": "", "fairness": "passed"})
    with pytest.warns(UserWarning, match="production serves"):
        memory.yank(version, reason="leaks names")
    status = memory.status("acme/fraud@production")
    assert list(status.aliases) == ["production"]
    assert status.aliases["production"] == memory.history(MODEL, alias="production")[0].at
    assert {metric.key: metric.value for metric in status.metrics} == {
        ("f1", "", ""): 0.8,
        ("loss", "", ""): 1,
        ("f1", "prod-w47", "EU"): 0.7,
    }
    assert status.tags == {"team": "risk", "fairness": "passed"}
    assert status.notes == ("Reviewed.",)
    assert status.yanked is not None
    assert (status.yanked.message, status.yanked.by) == ("leaks names", "tester@example.org")
    for shown in (
        "production since",
        "yanked",
        "leaks names",
        "f1 0.7 on prod-w47 (EU)",
        "fairness: passed",
        "Reviewed.",
    ):
        assert shown in str(status)


def test_a_version_stays_what_it_was(memory: mv.Registry) -> None:
    """Nothing that is said later changes the version, its manifest or its digest."""
    version = publish(memory, metrics={"f1": 0.9})
    before = version.manifest
    memory.record_metrics(version, {"f1": 0.1})
    memory.annotate(version, "note", tags={"a": "b"})
    again = memory.get(version)
    assert (again, again.manifest, again.metrics) == (version, before, (mv.Metric("f1", 0.9),))


def test_a_history_tells_everything_in_order(memory: mv.Registry) -> None:
    """Each event of each commit: when, who, what, why."""
    version = publish(memory, changelog="The first.", aliases=["staging"])
    other = mv.Registry(memory.url, actor="lena@example.org")
    other.set_alias(MODEL, "production", version, reason="go")
    other.record_metrics(version, {"f1": 1})
    other.annotate(version, "n")
    other.delete_alias(MODEL, "staging")
    with pytest.warns(UserWarning, match="serves"):
        other.yank(version, reason="bad")
    history = memory.history(MODEL)
    assert [(entry.action, entry.version, entry.alias, entry.reason, entry.by) for entry in history] == [
        ("created", "", "", "", "tester@example.org"),
        ("registered", "1.0.0", "", "The first.", "tester@example.org"),
        ("manual", "1.0.0", "staging", "The first.", "tester@example.org"),
        ("manual", "1.0.0", "production", "go", "lena@example.org"),
        ("evaluated", "1.0.0", "", "", "lena@example.org"),
        ("annotated", "1.0.0", "", "", "lena@example.org"),
        ("deleted", "", "staging", "", "lena@example.org"),
        ("yanked", "1.0.0", "", "bad", "lena@example.org"),
    ]
    times = [entry.at for entry in history]
    assert times == sorted(times)
    assert [entry.generation for entry in history] == [1, 2, 2, 3, 4, 5, 6, 7]
    assert history[:2] == history.entries[:2]
    assert len(str(history).splitlines()) == len(history) == 8


def test_an_alias_that_never_was_has_no_history(memory: mv.Registry) -> None:
    """A typing error is NotFound, not an empty answer; a deleted alias still has its past."""
    publish(memory, aliases=["production"])
    memory.delete_alias(MODEL, "production")
    assert len(memory.history(MODEL, alias="production")) == 2
    with pytest.raises(mv.NotFound, match="production"):
        memory.history(MODEL, alias="prodction")


@pytest.mark.parametrize("verb", ["versions", "aliases", "history"])
def test_a_model_that_is_not_there_is_not_empty(verb: str, memory: mv.Registry) -> None:
    """NotFound, with the nearest name; InvalidName where it can be no model's."""
    publish(memory)
    with pytest.raises(mv.NotFound, match="Did you mean acme/fraud"):
        getattr(memory, verb)("acme/frad")
    with pytest.raises(mv.InvalidName):
        getattr(memory, verb)("a b")


def test_foreign_folders_are_no_models(registry: mv.Registry, root: Path) -> None:
    """Something else among the models doesn't stop a listing."""
    publish(registry)
    for name in ("con", "a--b--c", "empty", "UPPER", ".hidden"):
        (root / "models" / name).mkdir()
    (root / "models" / "file").touch()
    assert registry.models() == [MODEL]
    assert MODEL in registry._repr_html_()


def test_a_yank_needs_a_reason_and_happens_once(memory: mv.Registry) -> None:
    """Yanking again adds nothing; the first reason stays."""
    version = publish(memory)
    for empty in ("", "  \n"):
        with pytest.raises(mv.InvalidValue, match="reason"):
            memory.yank(version, reason=empty)
    assert memory.yank(version, reason="first") == version
    assert memory.yank(version, reason="second") == version
    yanked = memory.status(version).yanked
    assert yanked is not None
    assert yanked.message == "first"


def test_nothing_is_not_added(memory: mv.Registry) -> None:
    """An empty note and empty metrics are mistakes."""
    version = publish(memory)
    for call in (
        lambda: memory.annotate(version),
        lambda: memory.annotate(version, "", tags={}),
        lambda: memory.record_metrics(version, {}),
        lambda: memory.record_metrics(version, []),
    ):
        with pytest.raises(mv.InvalidValue):
            call()
    for missing in ("acme/fraud:9.9.9", "other:1.0.0"):
        for write in (
            lambda ref: memory.annotate(ref, "n"),
            lambda ref: memory.yank(ref, reason="r"),
            lambda ref: memory.record_metrics(ref, {"a": 1}),
        ):
            with pytest.raises(mv.NotFound):
                write(missing)


def test_threads_share_one_registry(registry: mv.Registry) -> None:
    """Eight threads that read and write through one object see whole versions, and lose nothing."""
    barrier = threading.Barrier(8)

    def work(number: int) -> list[str]:
        barrier.wait()
        made = []
        for turn in range(3):
            version = registry.register(
                MODEL,
                {"model.bin": bytes([number, turn])},
                bump="minor",
                capture=False,
                aliases=[f"thread-{number}"],
            )
            made.append(str(version.version))
            assert registry.get(f"{MODEL}@thread-{number}") == version
            assert (registry.load(version) / "model.bin").read_bytes() == bytes([number, turn])
        return made

    with ThreadPoolExecutor(8) as pool:
        made = [version for versions in pool.map(work, range(8)) for version in versions]
    assert sorted(made) == sorted(str(version.version) for version in registry.versions(MODEL))
    assert len(set(made)) == 24
    assert registry.verify()
