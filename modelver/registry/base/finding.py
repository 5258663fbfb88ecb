"""From a reference to a version, now or at a time."""

import difflib
import re
import sys
import warnings
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from modelver.errors import InvalidName, InvalidValue, LogTampered, NotFound
from modelver.history.state import AliasChange, Mark, State, VersionEntry
from modelver.values.model_version import ModelVersion
from modelver.values.name import ModelName
from modelver.values.ref import LATEST, Ref
from modelver.values.scheme import Scheme
from modelver.values.wire import format_time

_PACKAGE = str(Path(__file__).resolve().parents[1])


def scheme_of(state: State) -> Scheme:
    """Return the scheme of a model that exists."""
    if state.scheme is None:
        raise LogTampered("a log does not begin by making its model", where=state.model or "")
    return state.scheme


def model_of(state: State) -> ModelName:
    """Return the name of a model that exists."""
    if state.model is None:
        raise LogTampered("a log does not begin by making its model")
    return state.model


def parse_ref(ref: str | ModelVersion) -> Ref:
    """Return a reference; a version stands for itself, by its digest.

    Raises:
        InvalidName: The text is no reference.
    """
    if isinstance(ref, ModelVersion):
        return Ref(ref.name, digest=ref.digest.hex)
    return Ref.parse(_text(ref))


def ref_of(name: ModelName, version: str | ModelVersion) -> Ref:
    """Return a reference to a version of a model.

    Args:
        name: The model.
        version: A number, an alias, ``latest``, ``sha256:...``, a whole reference, or the version itself.

    Raises:
        InvalidName: The text is none of these, or the version is another model's.
    """
    if isinstance(version, ModelVersion):
        if version.name.folder != name.folder:
            raise InvalidName("a version of another model", where=version.ref, expected=f"one of {name}")
        return parse_ref(version)
    text = _text(version)
    if not re.search("[:@/]", text.removeprefix("sha256:")):
        return Ref.parse(f"{name}@{text}")
    ref = Ref.parse(text)
    if ref.model.folder != name.folder:
        raise InvalidName("a version of another model", where=text, expected=f"one of {name}")
    return ref


def _text(ref: object) -> str:
    if not isinstance(ref, str):
        raise InvalidName(
            "not a reference", where=repr(ref)[:80], expected="text such as name:1.3.0, or a ModelVersion"
        )
    return ref


def names_version(state: State, ref: Ref) -> bool:
    """Tell whether a reference names a version itself, and no alias that may move."""
    return bool(ref.digest) or (ref.selector != LATEST and scheme_of(state).reads(ref.selector))


def alias_in(state: State, ref: Ref) -> str:
    """Return the alias that a reference goes by, ``latest`` too; empty where it names a version itself."""
    return "" if names_version(state, ref) else ref.selector.lower()


def find(state: State, ref: Ref, at: datetime | None = None) -> VersionEntry:
    """Return the version that a reference names, now or at a time.

    A warning says when the log's time and a writer's clock disagree about what had happened by then.

    Raises:
        NotFound: It names nothing; what there is, is suggested.
        InvalidValue: A digest's first digits fit several versions.
    """
    if ref.digest:
        return _by_digest(state, ref, at)
    if ref.selector == LATEST:
        return _latest(state, at)
    if names_version(state, ref):
        entry = state.versions.get(scheme_of(state).version(ref.selector))
        if entry is None or not _happened(entry.registered, at, f"{ref} was registered"):
            raise _unknown(state, ":", ref.selector, at)
        return entry
    change = _alias_at(state, ref.selector.lower(), at)
    if change is None or change.digest is None:
        raise _unknown(state, "@", ref.selector, at)
    return state.versions[change.version]


def _happened(mark: Mark, at: datetime | None, what: str) -> bool:
    """Tell whether something had happened by a time, as the log has it; warn where its writer's clock says otherwise."""
    if at is None:
        return True
    if (mark.at <= at) != (mark.clock <= at):
        warnings.warn(
            f"{what} at {format_time(mark.at)} by the log's time, but its writer's clock said {format_time(mark.clock)}:"
            f" the answer for {format_time(at)} depends on whom you believe. It follows the log.",
            stacklevel=caller_level(),
        )
    return mark.at <= at


def caller_level() -> int:
    """Return the ``stacklevel`` with which a warning of the calling function points at the code that called modelver."""
    level = 1
    frame = sys._getframe(1)  # noqa: SLF001 (documented, and inspect.stack reads files)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        frame, level = frame.f_back, level + 1
    return level


def _by_digest(state: State, ref: Ref, at: datetime | None) -> VersionEntry:
    found = [entry for entry in state.versions.values() if entry.digest.hex.startswith(ref.digest)]
    if len(found) > 1:
        raise InvalidValue(
            "a digest's first digits fit several versions", where=ref, hint="Give more digits."
        )
    if not found or not _happened(found[0].registered, at, f"{ref} was registered"):
        raise NotFound(f"no version has this digest{_when(at)}", where=ref)
    return found[0]


def _latest(state: State, at: datetime | None) -> VersionEntry:
    """Return the highest version that is no pre-release and was not yanked."""
    for entry in _releases(state):
        where = f"{state.model}:{entry.version}"
        yanked = entry.yanked is not None and _happened(entry.yanked, at, f"{where} was yanked")
        if not yanked and _happened(entry.registered, at, f"{where} was registered"):
            return entry
    raise NotFound(
        f"the model has no release{_when(at)}",
        where=f"{state.model}@{LATEST}",
        hint="Name a version or an alias.",
    )


def _releases(state: State) -> Iterator[VersionEntry]:
    """Yield the versions that are no pre-releases, the highest first."""
    if state.highest_release is not None:
        yield state.versions[state.highest_release]  # mostly the answer, and cheap
    scheme = scheme_of(state)
    releases = [version for version in map(scheme.version, state.versions) if not version.is_prerelease]
    for version in sorted(releases, reverse=True)[1:]:
        yield state.versions[version]


def _alias_at(state: State, alias: str, at: datetime | None) -> AliasChange | None:
    """Return the alias's last change up to a time."""
    if at is None:
        return state.aliases.get(alias)
    changes = [
        change
        for change in state.alias_history
        if change.alias == alias and _happened(change.mark, at, f"{state.model}@{alias} moved")
    ]
    return changes[-1] if changes else None


def _when(at: datetime | None) -> str:
    return f" at {format_time(at)}" if at else ""


def _unknown(state: State, sign: str, selector: str, at: datetime | None) -> NotFound:
    known = [*state.aliases, *state.versions]
    similar = difflib.get_close_matches(selector, known, n=3) or [
        *list(state.aliases)[:3],
        *list(state.versions)[-3:],
    ]
    return NotFound(
        f"the model has no such version or alias{_when(at)}",
        where=f"{state.model}{sign}{selector}",
        hint=f"There is {', '.join(similar)}." if similar else "It has no versions yet.",
    )


def parse_at(at: datetime | str | None) -> datetime | None:
    """Read a time; one without a zone is UTC.

    Raises:
        InvalidValue: It is neither a time nor ISO 8601 text.
    """
    if at is None:
        return None
    try:
        time = datetime.fromisoformat(at) if isinstance(at, str) else at
        if isinstance(time, datetime):
            return (time.replace(tzinfo=UTC) if time.tzinfo is None else time).astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise InvalidValue(
        "not a time", where=repr(at)[:80], expected="a datetime, or ISO 8601 such as 2026-11-17T15:00Z"
    )
