"""Policies, approvals and moves beside a toy model of them: no path reaches an alias without what its policy asks."""

import uuid
import warnings

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

import modelver as mv

ROLES = ["legal", "risk"]
INDEX = st.integers(0, 50)
LEVELS = st.sampled_from([0.8, 0.9, 0.95])


class GatesBesideAToy(RuleBasedStateMachine):
    """What moves production is exactly what a few sets and numbers say may move it."""

    @initialize()
    def open(self) -> None:
        """Begin with an empty registry in memory, and no policy."""
        self.registry = mv.Registry(f"memory://{uuid.uuid4().hex}", actor="machine")
        self.figures: dict[str, float] = {}
        self.approved: dict[str, dict[str, int | None]] = {}
        self.staged: set[str] = set()
        self.yanked: set[str] = set()
        self.asked: tuple[str, ...] = ()
        self.level = 0.0
        self.staging_first = False
        self.stack: list[str] = []
        self.moves = 0

    def _pick(self, index: int) -> str:
        return list(self.figures)[index % len(self.figures)]

    @rule(figure=st.sampled_from([0.7, 0.85, 0.92, 0.97]))
    def register(self, figure: float) -> None:
        """Each version has a figure."""
        number = len(self.figures)
        version = self.registry.register(
            "m", {"w.bin": bytes([number])}, metrics={"f1": figure}, changelog="x", capture=False
        )
        self.figures[version.version] = figure
        self.approved[version.version] = {}

    @rule(roles=st.lists(st.sampled_from(ROLES), unique=True), level=LEVELS, staging_first=st.booleans())
    @precondition(lambda self: self.figures)
    def set_policy(self, roles: list[str], level: float, staging_first: bool) -> None:
        """A new policy holds from the next move on."""
        production = {"approvals": roles, "rules": [f"metrics.f1 >= {level}"]}
        if staging_first:
            production["after"] = "staging"  # type: ignore[assignment] # as people write it
        self.registry.set_policy("m", {"require": {"alias": {"production": production}}})
        self.asked, self.level, self.staging_first = tuple(roles), level, staging_first

    @precondition(lambda self: self.figures)
    @rule(index=INDEX, role=st.sampled_from(ROLES), for_production=st.booleans())
    def approve(self, index: int, role: str, for_production: bool) -> None:
        """An approval for production counts until production moves."""
        version = self._pick(index)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a role that no policy asks for
            self._approve(version, role, for_production)

    def _approve(self, version: str, role: str, for_production: bool) -> None:
        self.registry.approve(f"m:{version}", role=role, to="production" if for_production else None)
        if self.approved[version].get(role, 0) is not None or not for_production:
            self.approved[version][role] = self.moves if for_production else None

    @precondition(lambda self: self.figures)
    @rule(index=INDEX, role=st.sampled_from(ROLES))
    def reject(self, index: int, role: str) -> None:
        """A rejection undoes what the role approved."""
        version = self._pick(index)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # as above
            self.registry.reject(f"m:{version}", role=role, reason="no")
        self.approved[version].pop(role, None)

    @precondition(lambda self: self.figures)
    @rule(index=INDEX)
    def yank(self, index: int) -> None:
        """A yanked version goes nowhere any more."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self.registry.yank(f"m:{self._pick(index)}", reason="bad")
        self.yanked.add(self._pick(index))

    @precondition(lambda self: self.figures)
    @rule(index=INDEX)
    def stage(self, index: int) -> None:
        """Nothing is asked of staging."""
        version = self._pick(index)
        if version not in self.yanked:
            self.registry.set_alias("m", "staging", version)
            self.staged.add(version)

    def _may(self, version: str) -> bool:
        counts = [self.approved[version].get(role, -1) in (None, self.moves) for role in self.asked]
        good = all(counts) and self.figures[version] >= self.level
        return good and (not self.staging_first or version in self.staged)

    @precondition(lambda self: self.figures)
    @rule(index=INDEX, promote=st.booleans(), override=st.booleans())
    def move(self, index: int, promote: bool, override: bool) -> None:
        """Production moves where the toy lets it, or where somebody passes over what failed, for all to see."""
        version = self._pick(index)
        there = bool(self.stack) and self.stack[-1] == version
        may = self._may(version) or (promote and override)
        try:
            if promote:
                self.registry.promote(f"m:{version}", to="production", reason="why", override=override)
            else:
                self.registry.set_alias("m", "production", version, reason="why")
        except mv.Refused:
            assert version in self.yanked or (not may and not there)
            return
        assert version not in self.yanked
        if not there:
            assert may
            self.stack.append(version)
            self.moves += 1
            change = self.registry._session.log(mv.ModelName("m")).state().aliases["production"]
            expected = [verdict["passed"] for verdict in change.verdicts]
            assert change.override is not all(expected)

    @rule()
    def roll_back(self) -> None:
        """A rollback happens whatever the gates say."""
        left = [
            number
            for number in range(len(self.stack) - 1)
            if self.stack[number] not in self.yanked | {self.stack[-1]}
        ]
        try:
            self.registry.rollback("m", "production", reason="back")
        except mv.NotFound:
            assert not left
            return
        del self.stack[left[-1] + 1 :]
        self.moves += 1

    def teardown(self) -> None:
        """Whoever replays the log finds nothing that a gate would not have let through."""
        if getattr(self, "figures", None):
            report = self.registry.verify()
            assert report, str(report)
            aliases = self.registry.aliases("m")
            production = aliases.get(mv.Alias("production"))
            assert (str(production.version) if production else None) == (
                self.stack[-1] if self.stack else None
            )


TestGatesBesideAToy = GatesBesideAToy.TestCase
TestGatesBesideAToy.settings = settings(max_examples=25, stateful_step_count=20, deadline=None)
