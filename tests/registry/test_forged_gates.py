"""A commit that skipped a gate is found by whoever replays the log, whatever it says of itself."""

import random
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

import modelver as mv
from modelver.history.event import AliasSet, Event, Previous, Registered
from modelver.history.governing import Approved, PolicySet
from modelver.history.state import State
from modelver.log import Proposal
from modelver.values.name import Alias, ModelName

MODEL = ModelName("m")
PRODUCTION = Alias("production")
POLICY: dict[str, Any] = {
    "require": {
        "register": {"fields": ["changelog"]},
        "alias": {
            "production": {
                "after": "staging",
                "approvals": ["legal"],
                "rules": ["metrics.f1 >= 0.9"],
                "override": False,
            }
        },
    }
}
DEFAULT: dict[str, Any] = {"require": {"alias": {"production": {"approvals": ["risk"]}}}}
PASSED: list[Mapping[str, Any]] = [
    {"check": "after staging", "passed": True, "kind": "stage"},
    {"check": "approval legal", "passed": True, "reason": "ana, claimed", "kind": "approval"},
    {"check": "approval risk", "passed": True, "reason": "bob, claimed", "kind": "approval"},
    {"check": "rule metrics.f1 >= 0.9", "passed": True, "kind": "rule"},
]


class Forger:
    """Writes commits as somebody does who has the store and no scruples.

    Attributes:
        registry: A registry with policies, one version that passes all checks but one, and one that serves.
    """

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.registry = mv.Registry(f"memory://{uuid.uuid4().hex}", actor="forger")
        lacking = chance.choice(["stage", "legal", "risk", "figure"])
        for number, figure in enumerate([0.95, 0.5 if lacking == "figure" else 0.93]):
            self.registry.register(
                "m", {"w": bytes([number])}, metrics={"f1": figure}, changelog="x", capture=False
            )
        self.registry.set_policy("m", POLICY)
        self.registry.set_policy(None, DEFAULT)
        for version in ("1.0.0", "1.1.0"):
            fine = version == "1.0.0"
            if fine or lacking != "stage":
                self.registry.set_alias("m", "staging", version)
            for role in ("legal", "risk"):
                if fine or lacking != role:
                    self.registry.approve(f"m:{version}", role=role)
        self.registry.promote("m:1.0.0", to="production", reason="good")
        assert self.registry.verify()

    def write(self, make: Callable[[State], tuple[Event, ...]], message: str = "") -> None:
        """Append a commit that no gate was asked about."""
        log = self.registry._session.log(MODEL)
        log.append(lambda state: Proposal(make(state), message), by="forger")

    def move(self, state: State, **fields: Any) -> AliasSet:
        """Return the event that moves production to the version that may not go there."""
        now = state.aliases[PRODUCTION]
        assert now.digest
        entry = state.versions["1.1.0"]
        arguments: dict[str, Any] = {
            "previous": Previous(now.version, now.digest, now.generation),
            "cause": self.chance.choice(["manual", "promote"]),
            "default_policy": self.registry._session.registry_log.state().policies[-1].mark.seq,
            **fields,
        }
        return AliasSet(PRODUCTION, entry.version, entry.digest, **arguments)


def without_verdicts(forger: Forger) -> None:
    """The alias just moves."""
    forger.write(lambda state: (forger.move(state),))


def with_invented_verdicts(forger: Forger) -> None:
    """All checks passed, it says."""
    invented = tuple(PASSED)
    forger.write(lambda state: (forger.move(state, verdicts=invented),), "all good")


def with_verdicts_of_another_shape(forger: Forger) -> None:
    """What it says is no verdict at all, and stops nobody who looks."""
    odd: Mapping[str, Any] = {"check": ["approval legal", {"passed": True}], "passed": [True]}
    forger.write(lambda state: (forger.move(state, verdicts=(odd,)),))


def as_a_rollback(forger: Forger) -> None:
    """Rollbacks are not held up, but this was never there."""
    cause = forger.chance.choice(["rollback", "guard"])
    forger.write(lambda state: (forger.move(state, cause=cause),))


def over_what_nobody_may_pass_over(forger: Forger) -> None:
    """The policy lets nobody override."""
    message = forger.chance.choice(["", "because", "  "])
    forger.write(lambda state: (forger.move(state, override=True),), message)


def with_its_own_approval(forger: Forger) -> None:
    """The approval comes in the very commit that needs it."""

    def make(state: State) -> tuple[Event, ...]:
        digest = state.versions["1.1.0"].digest
        said = [Approved("1.1.0", digest, role, "forger") for role in ("legal", "risk")]
        staged = AliasSet(Alias("staging"), "1.1.0", digest, _previous(state))
        moves = () if state.aliases[Alias("staging")].digest == digest else (staged,)
        return *said, *moves, forger.move(state, verdicts=tuple(PASSED))

    forger.write(make)


def _previous(state: State) -> Previous:
    now = state.aliases[Alias("staging")]
    assert now.digest
    return Previous(now.version, now.digest, now.generation)


def with_its_own_policy(forger: Forger) -> None:
    """The policy is taken away in the very commit that breaks it."""
    forger.write(lambda state: (PolicySet({}), forger.move(state)))


def after_another_default(forger: Forger) -> None:
    """The default policy that it followed is none."""
    number = forger.chance.choice([2, 17])
    forger.write(lambda state: (forger.move(state, default_policy=number, verdicts=tuple(PASSED)),))


def registered_without_a_changelog(forger: Forger) -> None:
    """A version that states too little."""
    version = forger.registry.get("m:1.1.0")
    stated = mv.Manifest(MODEL, "9.0.0", version.files)
    data = stated.to_bytes()
    digest = mv.Digest.of(data)
    forger.registry._session.store.put_blob(f"blobs/sha256/{digest.hex[:2]}/{digest.hex}", data)
    said = forger.chance.choice([(), ({"check": "field changelog", "passed": True},)])
    default = forger.registry._session.registry_log.state().policies[-1].mark.seq
    forger.write(lambda _: (Registered("9.0.0", digest, verdicts=said, default_policy=default),))


FORGERIES = [
    without_verdicts,
    with_invented_verdicts,
    with_verdicts_of_another_shape,
    as_a_rollback,
    over_what_nobody_may_pass_over,
    with_its_own_approval,
    with_its_own_policy,
    after_another_default,
    registered_without_a_changelog,
]


@pytest.mark.parametrize("seeds", [5, pytest.param(25, marks=pytest.mark.full)])
@pytest.mark.parametrize("forgery", FORGERIES)
def test_a_forged_commit_is_found(seeds: int, forgery: Callable[[Forger], None]) -> None:
    """Each with another thing missing, other words, another cause; at length 200 of them."""
    for seed in range(seeds):
        forger = Forger(random.Random(seed))  # noqa: S311 (no secret)
        forgery(forger)
        report = forger.registry.verify()
        assert not report, f"seed {seed}"
        assert "gates" in report.findings[0].object, f"seed {seed}: {report}"


def test_a_writer_that_missed_a_new_default_by_a_moment_is_not_blamed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """But one that missed it by more than clocks may differ is."""
    registry = mv.Registry(f"memory://{uuid.uuid4().hex}", actor="writer")
    registry.register("m", {"w": b"1"}, capture=False)
    state = registry._session.log(MODEL).state()
    entry = state.versions["1.0.0"]
    registry.set_policy(None, DEFAULT)
    move = AliasSet(PRODUCTION, entry.version, entry.digest)
    registry._session.log(MODEL).append(lambda _: Proposal((move,)), by="late")
    assert registry.verify()
    later = datetime.now(UTC) + timedelta(minutes=6)

    class Later(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return later.astimezone(tz)

    monkeypatch.setattr("modelver.log.append.datetime", Later)
    moved = AliasSet(Alias("canary"), entry.version, entry.digest)
    registry._session.log(MODEL).append(lambda _: Proposal((moved,)), by="late")
    assert "dated ahead" in registry.verify().findings[0].what
    monkeypatch.setattr("modelver.registry.governing.regating.datetime", Later)
    assert "default policy" in registry.verify().findings[0].what


def test_nobody_passes_over_a_yank(memory: mv.Registry) -> None:
    """A commit that says it did, with a reason and a policy that lets others be passed over, is found."""
    memory.register(MODEL, {"w": b"1"}, capture=False)
    memory.set_policy(MODEL, {"require": {"alias": {"production": {"fields": ["changelog"]}}}})
    memory.yank("m:1.0.0", reason="bad")

    def make(state: State) -> Proposal:
        moved = AliasSet(PRODUCTION, "1.0.0", state.versions["1.0.0"].digest, override=True)
        return Proposal((moved,), "because")

    memory._session.log(MODEL).append(make, by="forger")
    assert "does not let anybody" in str(memory.verify())
