"""Whether prompts, datasets and the environment at hand are those that a version was made with."""

import difflib
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs

from modelver.compare.metadata import differences
from modelver.content.datasets import digest_dataset
from modelver.content.places import SourceLike, checked_source, local_place, status_of
from modelver.errors import InvalidValue, NotFound, Refused
from modelver.hashing.stream import hash_file
from modelver.project.drift import first_difference
from modelver.project.requirements import requirements
from modelver.registry.base import inputs
from modelver.registry.base.reading import MAX_PROMPT, read_prompts
from modelver.registry.base.session import Session
from modelver.values.digest import Digest
from modelver.values.file import FileEntry, Role, prompt_name
from modelver.values.model_version import ModelVersion
from modelver.values.provenance import Environment
from modelver.values.record import Dataset
from modelver.values.report import Finding, Report

_STRICT = ("python", "implementation")


@attrs.frozen
class Match(Report):
    """Whether what is at hand is what a version was made with; true where it is.

    Attributes:
        environment: The recorded environment, if it was asked for and recorded.
    """

    environment: Environment | None = None

    def requirements(self) -> str:
        """Return the requirements, in pip's form, that would make this environment the recorded one.

        Raises:
            NotFound: No environment was recorded, or it was not asked for.
        """
        if self.environment is None:
            raise NotFound(
                "no recorded environment",
                where=self.subject,
                hint="Ask with environment=True, of a version that was registered with capture=True.",
            )
        return requirements(self.environment, self.subject)

    def raise_if_failed(self) -> None:
        """Raise where something is another one.

        Raises:
            Refused: It names the first findings.
        """
        if self.findings:
            raise Refused(
                "this is not what the version was made with",
                where=self.subject,
                found="; ".join(str(finding) for finding in self.findings[:5]),
            )


@attrs.frozen
class Wanted:
    """What is asked of a version.

    Attributes:
        prompts: Prompt name to what is at hand: a file, or its bytes.
        data: Datasets at hand.
        environment: Whether to compare this process's environment.
    """

    prompts: Mapping[str, SourceLike]
    data: Sequence[Dataset]
    environment: bool


def to_wanted(prompts: object, data: inputs.DataLike | None, *, environment: bool) -> Wanted:
    """Return what is asked, checked.

    Raises:
        InvalidValue: Nothing is asked, or in a wrong way.
    """
    named = {name: checked_source(source) for name, source in inputs.mapping(prompts, "prompts").items()}
    datasets = inputs.to_datasets(_with_digests(data) if isinstance(data, Mapping) else data)
    if not (named or datasets or environment):
        raise InvalidValue("there is nothing to check", hint="Give prompts, data or the environment.")
    return Wanted(named, datasets, environment)


def _with_digests(data: Mapping[Any, Any]) -> dict[str, Any]:
    """Take digests in place of datasets' addresses."""
    return {
        name: Dataset(name, digest=value) if isinstance(value, str) and value.startswith("sha256:") else value
        for name, value in data.items()
    }


def check_version(session: Session, version: ModelVersion, wanted: Wanted) -> Match:
    """Compare what is at hand with what a version states and what was captured; see `Registry.check`."""
    findings = [
        *(
            finding
            for name, source in wanted.prompts.items()
            for finding in _prompt(session, version, name, source)
        ),
        *(finding for each in wanted.data for finding in _dataset(session, version, each)),
    ]
    checked = {"prompts": len(wanted.prompts), "datasets": len(wanted.data)}
    notes: tuple[Finding, ...] = ()
    recorded = version.provenance.environment if wanted.environment else None
    if wanted.environment:
        found = list(environment_findings(session, recorded))
        findings += [each for each in found if is_wrong(each)]
        notes = tuple(each for each in found if not is_wrong(each))
        checked["packages"] = len(recorded.packages) if recorded else 0
    counts = {kind: count for kind, count in checked.items() if count}
    return Match(version.ref, tuple(findings), counts, notes, recorded)


def _prompt(session: Session, version: ModelVersion, name: str, source: SourceLike) -> Iterator[Finding]:
    stored = [
        entry for entry in version.files if entry.role is Role.PROMPT and prompt_name(entry.path) == name
    ]
    if not stored:
        known = {prompt_name(entry.path) for entry in version.files if entry.role is Role.PROMPT}
        yield _unknown(f"prompt {name}", "the version has no such prompt", name, known, "prompts")
        return
    file = "" if isinstance(source, bytes) else os.fspath(source)
    found = _sha256(source, name)
    if any(entry.sha256 == found for entry in stored):
        return
    line, old, new = _difference(session, version, stored[0], source)
    if line:
        what = f"another text, from line {line} on"
        yield Finding(f"prompt {name}", what, repr(old[:120]), repr(new[:120]), "prompts", file, line)
    else:
        yield Finding(f"prompt {name}", "another text", stored[0].sha256[:12], found[:12], "prompts", file)


def _sha256(source: SourceLike, name: str) -> str:
    if isinstance(source, bytes):
        return Digest.of(source).hex
    place = local_place(source)
    if place is None:
        raise InvalidValue("a prompt to check is a local file or bytes", where=f"prompts[{name!r}]")
    if not status_of(place, what=f"prompt {name!r}") or not place.is_file():
        raise InvalidValue("a prompt is one file", where=f"prompts[{name!r}]", found=place)
    return hash_file(place).sha256


def _difference(
    session: Session, version: ModelVersion, entry: FileEntry, source: SourceLike
) -> tuple[int, str, str]:
    texts = read_prompts(session, attrs.evolve(version.manifest, files=(entry,)))
    if isinstance(source, bytes):
        data = source
    else:
        with Path(local_place(source) or source).open("rb") as opened:
            data = opened.read(MAX_PROMPT + 1)
    if entry.path not in texts or len(data) > MAX_PROMPT:
        return 0, "", ""
    return first_difference(texts[entry.path], data.decode(errors="replace"))


def _dataset(session: Session, version: ModelVersion, given: Dataset) -> Iterator[Finding]:
    stated = [
        each
        for each in version.metadata.data
        if each.name == given.name and given.split in ("", each.split) and each.digest
    ]
    label = f"data {given.name}"
    if not stated:
        known = {each.name for each in version.metadata.data if each.digest}
        yield _unknown(label, "the version records no such dataset", given.name, known, "data")
        return
    found = ""
    for each in stated:
        method = each.method if each.method in {"content", "listing"} else ""
        asked = given if given.digest.startswith("sha256:") else attrs.evolve(given, digest=method)
        found = digest_dataset(asked, session.stamps, session.storage_options).digest
        if found == each.digest:
            return
    expected = stated[0]
    how = f"another {expected.method}" if expected.method in {"content", "listing"} else "another digest"
    yield Finding(label, how, expected.digest, found, "data", _local(given))


def _local(dataset: Dataset) -> str:
    place = local_place(dataset.uri) if dataset.uri else None
    return "" if place is None else str(place)


def environment_findings(session: Session, recorded: Environment | None) -> Iterator[Finding]:
    """Yield how this process's environment differs from the recorded one."""
    if recorded is None:
        yield Finding("environment", "the version records none", component="environment")
        return
    from modelver.cache.facts import Facts
    from modelver.capture.environment import capture_environment

    here = capture_environment(Facts(session.cache))
    plain = ("python", "implementation", "platform", "machine")
    for field in plain:
        old, new = getattr(recorded, field), getattr(here, field)
        if old != new:
            yield Finding(field, "differs", old, new, "environment")
    if recorded.accelerators != here.accelerators:
        old, new = (", ".join(each.accelerators) or "none" for each in (recorded, here))
        yield Finding("accelerators", "differ", old, new, "environment")
    for row in differences(dict(recorded.packages), dict(here.packages)):
        what = "not recorded" if row.a is None else "not installed" if row.b is None else "another version"
        yield Finding(f"package {row.field}", what, str(row.a or ""), str(row.b or ""), "environment")


def is_wrong(finding: Finding) -> bool:
    """Tell what makes an environment another one: Python and recorded packages, not the machine around them."""
    if finding.object.startswith("package "):
        return bool(finding.expected)
    return finding.object in {*_STRICT, "environment"}


def _unknown(label: str, what: str, name: str, known: set[str], component: str) -> Finding:
    similar = difflib.get_close_matches(name, sorted(known), n=1) or sorted(known)[:5]
    return Finding(label, what, " or ".join(similar), name, component)
