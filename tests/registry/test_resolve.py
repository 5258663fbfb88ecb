"""From a reference to a version, now and at any time."""

import uuid
import warnings
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path

import attrs
import pytest

import modelver as mv
from modelver.history.commit import Commit, encode_commit
from modelver.history.event import AliasSet, ModelCreated, Previous, Registered
from modelver.registry.base.finding import caller_level
from modelver.registry.base.opening import read_identity
from modelver.storage.layout import blob_key, numbered_key
from modelver.storage.memory import MemoryStore
from modelver.values.manifest import Manifest
from tests.registries import MODEL, publish


@pytest.fixture
def versions(memory: mv.Registry) -> list[mv.ModelVersion]:
    """Give two releases, of which production names the first, and an experiment."""
    return [
        publish(memory, b"1", aliases=["production"]),
        publish(memory, b"2"),
        publish(memory, b"3", bump="prerelease"),
    ]


def test_every_form_of_a_reference_leads_there(memory: mv.Registry, versions: list[mv.ModelVersion]) -> None:
    """Numbers, aliases, digests, MLflow's addresses, `latest`, and the version itself."""
    first, second, experiment = versions
    forms: dict[str | mv.ModelVersion, mv.ModelVersion] = {
        "acme/fraud:1.0.0": first,
        "acme/fraud:v1.0.0": first,
        "acme/fraud@1.0.0": first,
        "ACME/Fraud:1.0.0": first,
        "acme/fraud@production": first,
        "acme/fraud:production": first,
        "acme/fraud@PRODUCTION": first,
        f"acme/fraud@sha256:{first.digest.short}": first,
        f"acme/fraud@{first.digest}": first,
        f"acme/fraud:sha256:{first.digest.short.upper()}": first,
        "models:/acme/fraud/1.0.0": first,
        "models:/acme/fraud@production": first,
        "acme/fraud@latest": second,
        "models:/acme/fraud/latest": second,
        "acme/fraud:1.2.0-exp.1": experiment,
        second: second,
    }
    for ref, expected in forms.items():
        assert memory.get(ref) == memory.resolve(ref) == expected


@pytest.mark.parametrize(
    "ref",
    [
        "",
        "acme/fraud",
        "acme/fraud@",
        ":1.0.0",
        "a/b/c:1.0.0",
        "acme/fraud@sha256:abc",
        "x y:1.0.0",
        "models:/",
        None,
        5,
    ],
)
def test_what_is_no_reference_is_said_to_be_none(ref: object, memory: mv.Registry) -> None:
    """InvalidName, before anything is asked of the store."""
    with pytest.raises(mv.InvalidName):
        memory.get(ref)  # type: ignore[arg-type] # on purpose


@pytest.mark.parametrize(
    ("ref", "hint"),
    [
        ("acme/fraud:9.9.9", r"1\.0\.0"),
        ("acme/fraud@prodction", "production"),
        ("acme/fraud@sha256:000000000000", "no version has this digest"),
        ("acme/frud:1.0.0", "Did you mean acme/fraud"),
        ("unlike:1.0.0", "no such model"),
    ],
)
def test_what_is_not_there_is_suggested(
    ref: str, hint: str, memory: mv.Registry, versions: list[mv.ModelVersion]
) -> None:
    """NotFound names what there is instead."""
    with pytest.raises(mv.NotFound, match=hint):
        memory.get(ref)


def test_latest_is_the_highest_release_that_was_not_yanked(memory: mv.Registry) -> None:
    """By precedence, not by time; pre-releases never; nothing where none is left."""
    publish(memory, b"0", bump="prerelease")
    with pytest.raises(mv.NotFound, match="no release"):
        memory.get("acme/fraud@latest")
    high = publish(memory, b"1", version="1.10.0")
    low = publish(memory, b"2", version="1.9.0")
    publish(memory, b"3", version="2.0.0-rc.1")
    assert memory.get("acme/fraud@latest") == high
    memory.yank(high, reason="bad")
    assert memory.get("acme/fraud@latest") == low
    memory.yank(low, reason="bad")
    with pytest.raises(mv.NotFound, match="no release"):
        memory.get("acme/fraud@latest")


def test_the_past_can_be_asked(memory: mv.Registry, versions: list[mv.ModelVersion]) -> None:
    """At each moment the answer is what was true then, to the microsecond of a move."""
    first, second, _ = versions
    memory.set_alias(MODEL, "production", second)
    memory.rollback(MODEL, "production")
    memory.delete_alias(MODEL, "production")
    moves = memory.history(MODEL, alias="production")
    for entry, expected in zip(moves, [first, second, first, None], strict=True):
        if expected is None:
            with pytest.raises(mv.NotFound, match="at 20"):
                memory.resolve("acme/fraud@production", at=entry.at)
        else:
            assert memory.resolve("acme/fraud@production", at=entry.at) == expected
    with pytest.raises(mv.NotFound):
        memory.resolve("acme/fraud@production", at=moves[0].at - timedelta(microseconds=1))
    with pytest.raises(mv.NotFound):
        memory.resolve("acme/fraud:1.1.0", at=first.created_at)
    with pytest.raises(mv.NotFound):
        memory.resolve(f"acme/fraud@{second.digest}", at=first.created_at)
    assert memory.resolve("acme/fraud@latest", at=first.created_at) == first
    assert memory.resolve("acme/fraud@latest", at="2999-01-01") == second


def test_a_later_yank_does_not_change_the_past(memory: mv.Registry, versions: list[mv.ModelVersion]) -> None:
    """`latest` then was latest then."""
    _, second, _ = versions
    memory.yank(second, reason="bad")
    assert memory.resolve("acme/fraud@latest", at=second.created_at) == second
    assert memory.resolve("acme/fraud@latest").version == "1.0.0"


def test_times_are_taken_in_many_forms(memory: mv.Registry, versions: list[mv.ModelVersion]) -> None:
    """Aware times of any zone, naive ones as UTC, ISO 8601 text."""
    first = versions[0]
    at = first.created_at
    berlin = timezone(timedelta(hours=1))
    for form in (
        at,
        at.astimezone(berlin),
        at.replace(tzinfo=None),
        at.isoformat(),
        f"{at:%Y-%m-%dT%H:%M:%S.%fZ}",
    ):
        assert memory.resolve("acme/fraud:1.0.0", at=form) == first
    assert memory.resolve("acme/fraud:1.0.0", at=datetime.max.replace(tzinfo=UTC)) == first
    with pytest.raises(mv.NotFound):
        memory.resolve("acme/fraud:1.0.0", at=datetime.min.replace(tzinfo=UTC))
    for wrong in ("yesterday", "", 5, 1.5, date(2026, 1, 1), datetime.min.replace(tzinfo=berlin)):
        with pytest.raises(mv.InvalidValue, match="not a time"):
            memory.resolve("acme/fraud:1.0.0", at=wrong)  # type: ignore[arg-type] # on purpose


NOON = datetime(2026, 11, 17, 12, tzinfo=UTC)


@pytest.fixture
def skewed() -> mv.Registry:
    """Give a model whose second commit's writer had a clock that was an hour slow."""
    store = MemoryStore(uuid.uuid4().hex)
    registry = mv.Registry(store.url, create=True)
    identity = read_identity(store)
    hour = timedelta(hours=1)
    log = [
        (NOON, NOON, (ModelCreated(mv.ModelName("m"), "semver"),)),
        (NOON + 2 * hour, NOON + 2 * hour, ("1.0.0",)),
        (NOON + 3 * hour, NOON + hour, ("1.1.0",)),
    ]
    parent, previous = identity.root, None
    for seq, (at, clock, events) in enumerate(log, 1):
        if isinstance(events[0], str):
            manifest = Manifest(mv.ModelName("m"), events[0], ())
            store.put_blob(blob_key(manifest.digest), manifest.to_bytes())
            moved = AliasSet(mv.Alias("production"), events[0], manifest.digest, previous)
            previous = Previous(events[0], manifest.digest, seq)
            events = (Registered(events[0], manifest.digest), moved)  # noqa: PLW2901 (what stands for them)
        data = encode_commit(
            Commit(
                registry=identity.registry,
                model="m",
                seq=seq,
                parent=parent,
                id=f"auto-{seq}",
                at=at,
                clock=clock,
                by="tester",
                events=events,  # type: ignore[arg-type] # events by now
            )
        )
        store.put_new(numbered_key("models/m/log", seq), data)
        parent = mv.Digest.of(data).hex
    return registry


@pytest.mark.parametrize("ref", ["m@production", "m@latest", "m:1.1.0"])
def test_an_answer_that_depends_on_a_wrong_clock_warns(ref: str, skewed: mv.Registry) -> None:
    """Between the writer's clock and the log's time nobody can be sure; the log is followed, and the caller told."""
    disputed = NOON + timedelta(hours=2, minutes=30)

    def answer() -> str:
        try:
            return str(skewed.resolve(ref, at=disputed).version)
        except mv.NotFound:
            return "nothing"

    with pytest.warns(UserWarning, match="its writer's clock said 2026-11-17T13:00") as caught:
        found = answer()
    assert found == ("nothing" if ref == "m:1.1.0" else "1.0.0")
    ours = [warning for warning in caught if issubclass(warning.category, UserWarning)]
    assert [Path(warning.filename) for warning in ours] == [Path(__file__)]


@pytest.mark.parametrize("hours", [0.5, 2, 3, 4])
def test_where_clocks_agree_there_is_no_warning(hours: float, skewed: mv.Registry) -> None:
    """Before the writer's clock and after the log's time there is no doubt."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        if hours < 2:
            with pytest.raises(mv.NotFound):
                skewed.resolve("m@latest", at=NOON + timedelta(hours=hours))
        elif hours >= 3:
            assert skewed.resolve("m@production", at=NOON + timedelta(hours=hours)).version == "1.1.0"


def test_two_versions_with_the_same_first_digits_are_told_apart(memory: mv.Registry) -> None:
    """A digest that fits several versions is no answer: more digits are asked for."""
    version = publish(memory)
    state = memory._session.state(version.name)
    other = mv.Digest(version.digest[:-1] + ("1" if version.digest.endswith("0") else "0"))
    twin = attrs.evolve(state.versions["1.0.0"], version="1.0.1", digest=other)
    memory._session.log(version.name)._state = attrs.evolve(state, versions={**state.versions, "1.0.1": twin})
    with pytest.raises(mv.InvalidValue, match="more digits"):
        memory.get(f"acme/fraud@sha256:{version.digest.short}")
    assert memory.get(f"acme/fraud@{version.digest}") == version


def test_outside_of_the_package_the_level_is_the_caller_s() -> None:
    """A warning issued right here points right here."""
    assert caller_level() == 1


def test_names_of_no_model_are_not_kept(memory: mv.Registry, versions: list[mv.ModelVersion]) -> None:
    """A service may be asked for any name, for months."""
    assert versions
    for number in range(3):
        with pytest.raises(mv.NotFound, match="no such model"):
            memory.resolve(f"no-such-{number}@production")
    assert [name for name in memory._session._logs if name.startswith("no-such")] == []
