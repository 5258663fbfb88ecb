"""Clients that do everything a registry offers, and remember what they were told, to be held against what happened."""

import random
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import modelver as mv
from tests.registries import MODEL, weights

SHARED = "production"
OF = "of.txt"
LARGE = 5
"""MiB of a file that is sent in parts."""

T = TypeVar("T")


class Client:
    """One client with an alias of its own, on a registry that others write to as well.

    Args:
        registry: Its own object.
        name: Its own, and that of its alias.
        seed: What it does follows from it, and from what the others do.
        known: What each version holds, by number; all clients of a registry share it.
        folder: For large files.

    Attributes:
        calls: How many calls it made.
        slowest: Seconds of its longest call.
        failures: What calls raised that should have succeeded.
        lies: Everything that it was told, or given, and that can't be true.
        mine: The versions that it registered.
        moves: Reasons of moves of aliases that it was told of.
        notes: Notes that it was told are written.
    """

    def __init__(
        self, registry: mv.Registry, name: str, seed: int, known: dict[str, bytes], folder: Path
    ) -> None:
        self.registry = registry
        self.name = name
        self.known = known
        self.mine: list[str] = []
        self.calls = 0
        self.slowest = 0.0
        self.failures: list[mv.ModelverError] = []
        self.lies: list[str] = []
        self.moves: list[str] = []
        self.notes: list[str] = []
        self._folder = folder
        self._chance = random.Random(seed)  # noqa: S311 (no secret)
        self._stack: list[str] = []
        self._verbs: tuple[Callable[[], object], ...] = (
            self._register,
            self._set_own_alias,
            self._set_shared_alias,
            self._roll_back,
            self._annotate,
            self._load,
            self._resolve,
            self._compare,
        )

    def work(self, count: int) -> None:
        """Make so many calls."""
        self._register()
        for verb in self._chance.choices(self._verbs, k=count - 1):
            verb()

    def _call(self, work: Callable[[], T]) -> T | None:
        """Make a call; one whose outcome is not known is repeated, as its error says."""
        self.calls += 1
        for _ in range(3):
            started = time.monotonic()
            try:
                return work()
            except mv.CommitUnknown as error:
                unknown = error
            except mv.ModelverError as error:
                self.failures.append(error)
                return None
            finally:
                self.slowest = max(self.slowest, time.monotonic() - started)
        self.failures.append(unknown)
        return None

    def _id(self) -> str:
        return f"{self.name}-{uuid.UUID(int=self._chance.getrandbits(128))}"

    def _register(self) -> None:
        """Register files of which one names the call; now and then one is large enough to go in parts."""
        commit_id = self._id()
        files: dict[str, bytes | Path] = {
            "model.safetensors": weights(a=[self._chance.random()]),
            OF: commit_id.encode(),
        }
        if self._chance.random() < 1 / 6:
            files["large.bin"] = self._folder / f"{commit_id}.bin"
            (self._folder / f"{commit_id}.bin").write_bytes(self._chance.randbytes(2**20) * LARGE)
        made = self._call(
            lambda: self.registry.register(MODEL, {**files}, capture=False, commit_id=commit_id)
        )
        if made is not None:
            self.mine.append(str(made.version))
            if self.known.setdefault(str(made.version), commit_id.encode()) != commit_id.encode():
                self.lies.append(f"{commit_id}: {made.version} is another's")

    def _set_own_alias(self) -> None:
        """Set an alias that nobody else sets; so what it was is known, and a conflict is a lie."""
        version = self._pick()
        if version is None or version in self._stack:
            return
        commit_id = self._id()
        expected = self._stack[-1] if self._stack else None
        moved = self._call(
            lambda: self.registry.set_alias(
                MODEL, self.name, version, reason=commit_id, expected=expected, commit_id=commit_id
            )
        )
        if moved is not None:
            self._stack.append(version)
            self._told(commit_id, moved, version)

    def _set_shared_alias(self) -> None:
        """Set an alias that others set too, expecting what it has just been; a conflict must have a cause."""
        version = self._pick()
        if version is None:
            return
        commit_id = self._id()
        before = self._shared_moves()
        expected = before[-1].generation if before else None

        def move() -> mv.ModelVersion | None:
            try:
                return self.registry.set_alias(
                    MODEL, SHARED, version, reason=commit_id, expected=expected, commit_id=commit_id
                )
            except mv.Conflict:
                reasons = [entry.reason for entry in self._shared_moves()]
                if len(reasons) == len(before) or commit_id in reasons:
                    self.lies.append(f"{commit_id}: a conflict, but {SHARED} was not moved by others")
                return None

        moved = self._call(move)
        if moved is not None and str(moved.version) != version:
            self.lies.append(f"{commit_id}: {SHARED} was set to {moved.version}, not to {version}")

    def _shared_moves(self) -> list[mv.HistoryEntry]:
        def moves() -> list[mv.HistoryEntry]:
            try:
                return list(self.registry.history(MODEL, alias=SHARED))
            except mv.NotFound:
                return []

        return self._call(moves) or []

    def _roll_back(self) -> None:
        if len(self._stack) < 2:
            return
        commit_id = self._id()
        back = self._call(
            lambda: self.registry.rollback(MODEL, self.name, reason=commit_id, commit_id=commit_id)
        )
        if back is not None:
            self._stack.pop()
            self._told(commit_id, back, self._stack[-1])

    def _told(self, commit_id: str, found: mv.ModelVersion, wanted: str) -> None:
        self.moves.append(commit_id)
        if str(found.version) != wanted:
            self.lies.append(f"{commit_id}: moved to {found.version}, not to {wanted}")

    def _annotate(self) -> None:
        version, commit_id = self._pick(), self._id()
        if version and self._call(
            lambda: self.registry.annotate(f"{MODEL}:{version}", commit_id, commit_id=commit_id)
        ):
            self.notes.append(commit_id)

    def _load(self) -> None:
        version = self._pick()
        if version is None:
            return
        loaded = self._call(lambda: self.registry.load(f"{MODEL}:{version}", verify="full"))
        if loaded is not None and (loaded / OF).read_bytes() != self.known[version]:
            self.lies.append(f"{version} was loaded with other bytes")

    def _resolve(self) -> None:
        if not self._stack:
            return
        found = self._call(lambda: self.registry.resolve(f"{MODEL}@{self.name}"))
        if found is not None and str(found.version) != self._stack[-1]:
            self.lies.append(f"{self.name} is {self._stack[-1]}, but was resolved to {found.version}")

    def _compare(self) -> None:
        one, other = self._pick(), self._pick()
        if one is None or other is None:
            return
        compared = self._call(lambda: self.registry.compare(f"{MODEL}:{one}", f"{MODEL}:{other}"))
        if compared is not None and compared.identical != (one == other):
            self.lies.append(f"{one} and {other} compared as identical: {compared.identical}")

    def _pick(self) -> str | None:
        return self._chance.choice(list(self.known)) if self.known else None


def contradictions(registry: mv.Registry, clients: list[Client]) -> Iterator[str]:
    """Yield whatever the registry says that contradicts what its clients were told.

    Args:
        registry: One that sees the store as it is.
        clients: All that wrote to it, through whose calls nothing failed.
    """
    report = registry.verify()
    if not report:
        yield str(report)
    told = sorted(version for client in clients for version in client.mine)
    found = registry.versions(MODEL)
    numbers = [str(version.version) for version in found]
    if told != sorted(numbers) or numbers != [f"1.{minor}.0" for minor in range(len(numbers))]:
        yield f"versions {told} were made, and {numbers} are there"
    for version in found:
        content = (registry.load(version, verify="full") / OF).read_bytes()
        if content != clients[0].known.get(str(version.version)):
            yield f"{version} has {content!r}"
    reasons = [entry.reason for entry in registry.history(MODEL) if entry.reason]
    moves = [move for client in clients for move in client.moves]
    yield from (
        f"{move} is {reasons.count(move)} times in the history" for move in moves if reasons.count(move) != 1
    )
    yield from (f"{reason} was written twice" for reason in set(reasons) if reasons.count(reason) > 1)
    notes = [note for version in found for note in registry.status(version).notes]
    if sorted(notes) != sorted(note for client in clients for note in client.notes):
        yield f"other notes than were written: {notes}"
