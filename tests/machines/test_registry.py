"""A registry beside a toy model of one: dictionaries, and a stack for each alias."""

import uuid
import warnings
from datetime import datetime

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

import modelver as mv

BREACH = mv.Breach((mv.RuleAnswer("current.metrics.f1 >= 0.9", "breached"),))
CONTENTS = st.integers(0, 3)
ALIASES = st.sampled_from(["production", "staging"])
INDEX = st.integers(0, 50)


class RegistryBesideAToy(RuleBasedStateMachine):
    """Everything that a registry answers follows from what was asked of it."""

    @initialize()
    def open(self) -> None:
        """Begin with an empty registry in memory."""
        self.registry = mv.Registry(f"memory://{uuid.uuid4().hex}", actor="machine")
        self.contents: dict[str, int] = {}
        self.yanked: set[str] = set()
        self.stacks: dict[str, list[str]] = {}
        self.past: list[tuple[str, datetime, str]] = []
        self.pinned: set[str] = set()
        self.left: dict[str, set[str]] = {}

    def _pick(self, index: int) -> str:
        return list(self.contents)[index % len(self.contents)]

    def _moved(self, alias: str) -> None:
        entry = [each for each in self.registry.history("m", alias=alias) if "pinned" not in each.action][-1]
        self.past.append((alias, entry.at, entry.version))

    @rule(content=CONTENTS)
    def register(self, content: int) -> None:
        """Unchanged content gives the last release, unless that was yanked; other content gives a higher one."""
        releases = list(self.contents)
        version = self.registry.register("m", {"w.bin": bytes([content])}, capture=False)
        last = releases[-1] if releases else None
        if last is not None and self.contents[last] == content and last not in self.yanked:
            assert (version.version, version.created) == (last, False)
        else:
            assert version.created
            assert version.version not in self.contents
            self.contents[version.version] = content

    @precondition(lambda self: self.contents)
    @rule(alias=ALIASES, index=INDEX)
    def set_alias(self, alias: str, index: int) -> None:
        """An alias goes where it is set, but never to a yanked version, nor away while it is pinned."""
        version = self._pick(index)
        stack = self.stacks.setdefault(alias, [])
        if version in self.yanked or (alias in self.pinned and stack[-1] != version):
            with pytest.raises(mv.Refused):
                self.registry.set_alias("m", alias, version)
            return
        self.registry.set_alias("m", alias, version, reason="set")
        if not stack or stack[-1] != version:
            stack.append(version)
            self._moved(alias)

    @rule(alias=ALIASES)
    def roll_back(self, alias: str) -> None:
        """A rollback goes to the nearest earlier version on the stack that is not yanked, or nowhere."""
        stack = self.stacks.get(alias, [])
        left = [number for number in range(len(stack) - 1) if stack[number] not in self.yanked | {stack[-1]}]
        try:
            version = self.registry.rollback("m", alias, reason="roll back")
        except mv.NotFound:
            assert not left
            return
        assert version.version == stack[left[-1]]
        del stack[left[-1] + 1 :]
        self._moved(alias)

    @precondition(lambda self: self.contents)
    @rule(index=INDEX)
    def yank(self, index: int) -> None:
        """A yanked version stays, and stays where it serves."""
        version = self._pick(index)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self.registry.yank(f"m:{version}", reason="bad")
        self.yanked.add(version)

    @precondition(lambda self: any(self.stacks.values()))
    @rule(alias=ALIASES)
    def delete(self, alias: str) -> None:
        """A deleted alias names nothing, and forgets where it may be rolled back to."""
        if self.stacks.get(alias) and alias in self.pinned:
            with pytest.raises(mv.Refused, match="pinned"):
                self.registry.delete_alias("m", alias)
        elif self.stacks.get(alias):
            self.registry.delete_alias("m", alias)
            self.stacks[alias] = []

    @precondition(lambda self: any(self.stacks.values()))
    @rule(alias=ALIASES)
    def pin_or_unpin(self, alias: str) -> None:
        """A pinned alias stays, but for a rollback by hand."""
        if alias in self.pinned:
            self.registry.unpin("m", alias)
            self.pinned.remove(alias)
        elif self.stacks.get(alias):
            self.registry.pin("m", alias, reason="stay")
            self.pinned.add(alias)

    @rule(alias=ALIASES)
    def guard(self, alias: str) -> None:
        """A guard goes back as a person would, but not past a pin, and never to what a guard left."""
        stack, left = self.stacks.get(alias, []), self.left.setdefault(alias, set())
        if not stack:
            return
        expected = self.registry.watched("m", alias).generation
        reach = [n for n in range(len(stack) - 1) if stack[n] not in self.yanked | left | {stack[-1]}]
        try:
            version = self.registry.rollback_on_breach("m", alias, BREACH, expected=expected)
        except mv.Refused:
            assert alias in self.pinned
            return
        except mv.NotFound:
            assert not reach
            return
        assert alias not in self.pinned
        assert version.version == stack[reach[-1]]
        left.add(stack[-1])
        del stack[reach[-1] + 1 :]
        self._moved(alias)

    @invariant()
    def aliases_and_versions_are_as_expected(self) -> None:
        """What is there is what was done, now and at every moment of the past."""
        if not self.contents:
            assert self.registry_is_empty()
            return
        found = {alias: version.version for alias, version in self.registry.aliases("m").items()}
        assert found == {alias: stack[-1] for alias, stack in self.stacks.items() if stack}
        state = self.registry._session.state(mv.ModelName("m"))
        assert self.pinned == {alias for alias in self.stacks if state.pin(alias)}
        assert [version.version for version in self.registry.versions("m")] == list(self.contents)
        for alias, at, version in self.past[-5:]:
            assert self.registry.resolve(f"m@{alias}", at=at).version == version

    def registry_is_empty(self) -> bool:
        """Tell whether nothing was registered."""
        try:
            return self.registry.models() == []
        except mv.NotFound:
            return True

    def teardown(self) -> None:
        """In the end everything stored is whole."""
        if getattr(self, "contents", None):
            assert self.registry.verify()


TestRegistryBesideAToy = RegistryBesideAToy.TestCase
TestRegistryBesideAToy.settings = settings(max_examples=25, stateful_step_count=20, deadline=None)
