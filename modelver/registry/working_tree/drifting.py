"""A working tree next to the version that it claims to be."""

from collections.abc import Iterator, Mapping
from contextlib import suppress

import attrs

from modelver.compare import BumpAdvice, Comparison, Side, compare, required_bump
from modelver.content.blobs import get_blob
from modelver.content.datasets import digest_dataset
from modelver.content.looking import MAX_TEXT, look
from modelver.content.snapshots import with_snapshots
from modelver.content.sources import WithFiles
from modelver.errors import InvalidName, NotFound, Refused
from modelver.gates.parse import policy_json
from modelver.history.state import State, VersionEntry
from modelver.project.drift import TEXTS, changes, merged, unstated
from modelver.project.history import tell
from modelver.project.settings import Project
from modelver.registry.base.finding import find, model_of, ref_of, scheme_of
from modelver.registry.base.reading import model_version, side
from modelver.registry.base.session import Session
from modelver.registry.versions.registering import pin_base
from modelver.registry.working_tree.matching import environment_findings, is_wrong
from modelver.registry.working_tree.projecting import Said, captured, components, stated
from modelver.values.digest import Digest
from modelver.values.file import Role
from modelver.values.manifest import Manifest
from modelver.values.record import BaseModel
from modelver.values.report import Finding, Report
from modelver.values.version import Version

_LOOKED_INTO = 50
"""Changed text files whose lines are compared; of more, only their digests are shown."""


@attrs.frozen
class Drift(Report):
    """What a working tree has that the version it claims to be has not; true where nothing is wrong.

    Attributes:
        against: The version that it was compared with.
        claimed: The version that the tree claims to be.
        advice: The bump that the changes call for, and why.
        next: The version that this bump leads to; empty where nothing changed.
        comparison: The whole comparison, from the version to the tree.
    """

    against: str = ""
    claimed: str = ""
    advice: BumpAdvice | None = None
    next: str = ""
    comparison: Comparison | None = None

    @property
    def bump(self) -> str:
        """The bump that the changes call for: ``major``, ``minor`` or ``patch``; empty where nothing changed."""
        return self.advice.bump if self.advice and self.advice.reasons else ""

    def raise_if_failed(self) -> None:
        """Raise where something is wrong.

        Raises:
            Refused: It names the first findings.
        """
        if self.findings:
            raise Refused(
                "the working tree is not the version that it claims to be",
                where=self.subject,
                expected=self.against,
                found="; ".join(str(finding) for finding in self.findings[:5]),
                hint=f"Register it as {self.next}." if self.next else "",
            )


@attrs.frozen
class _Tree:
    """A working tree as a side of a comparison, and what is worth a note."""

    side: Side
    texts: Mapping[str, bytes]
    notes: tuple[Finding, ...] = ()


def check_project(session: Session, project: Project, *, against: str | None, environment: bool) -> Drift:
    """Compare a working tree with the version that it claims to be; see `Registry.check_project`."""
    state = session.state(project.model)
    entry = _claimed_entry(state, project, against)
    version = model_version(session, state, entry)
    was = side(session, version, entry)
    tree = _tree(session, project, was)
    comparison = compare(was, tree.side)
    advice = required_bump(was, tree.side)
    texts = _texts(session, comparison, tree.texts)
    changed = tuple(
        changes(comparison, was, tree.side, texts, project_file=project.file.path.name, lock=project.lock)
    )
    following = _following(state, entry, advice, changed=bool(changed))
    claim = scheme_of(state).version(project.version or entry.version)
    moved = claim != entry.version
    wrong, around = _around(session, comparison, was, strict=environment)
    return Drift(
        subject=str(project.folder),
        findings=(*(_too_low(state, entry, claim, following, project) if moved else changed), *wrong),
        checked={
            "files": len(tree.side.manifest.files),
            "datasets": len(tree.side.manifest.metadata.data),
        },
        notes=(
            *(changed if moved else ()),
            *around,
            *tree.notes,
            *_untold(project, project.version, changed=bool(changed)),
            *_other_policy(state, project),
        ),
        against=version.ref,
        claimed=f"{model_of(state)}:{claim}",
        advice=advice,
        next=str(following) if following else "",
        comparison=comparison,
    )


def _around(
    session: Session, comparison: Comparison, was: Side, *, strict: bool
) -> tuple[tuple[Finding, ...], tuple[Finding, ...]]:
    """Return what is wrong with the environment, where that counts, and what of it and of the commit is worth a note."""
    notes = tuple(_surroundings(comparison))
    if not strict:
        return (), notes
    recorded = was.provenance.environment if was.provenance else None
    found = tuple(environment_findings(session, recorded))
    notes = tuple(each for each in notes if each.component != "environment")
    return (
        tuple(each for each in found if is_wrong(each)),
        notes + tuple(each for each in found if not is_wrong(each)),
    )


def _claimed_entry(state: State, project: Project, against: str | None) -> VersionEntry:
    """Return the version to compare with: the one given, the one claimed if it exists, else the latest release."""
    if against is not None:
        return find(state, ref_of(model_of(state), against))
    if project.version:
        claimed = state.versions.get(scheme_of(state).version(project.version))
        if claimed is not None:
            return claimed
    last = state.highest_release or state.highest
    if last is None:
        raise NotFound(
            "the model has no versions yet",
            where=model_of(state),
            hint="`modelver register` makes the first one.",
        )
    return state.versions[last]


def _tree(session: Session, project: Project, was: Side) -> _Tree:
    found = components(session, project)
    plain = stated(project, Said())
    data = tuple(digest_dataset(each, session.stamps, session.storage_options) for each in plain.data)
    base = _base(session, project)
    own = attrs.evolve(plain, data=data, base=base or ())
    said = _said(project) - (frozenset() if base is not None else {"base"})
    sources = with_snapshots(WithFiles((), found.sources), plain.data, session.storage_options)
    files = sources.files if isinstance(sources, WithFiles) else ()
    seen = look(files, session.stamps, session.cache, TEXTS)
    manifest = Manifest(
        model=was.manifest.model,
        version=was.manifest.version,
        files=seen.entries,
        metadata=merged(own, said, was.manifest.metadata),
        changelog=was.manifest.changelog,
    )
    tree = Side(
        name=was.name,
        manifest=manifest,
        digest=manifest.digest,
        maps=seen.maps,
        provenance=captured(session, project, None, wanted=True),
        prompts={
            entry.path: seen.texts[entry.path].decode(errors="replace")
            for entry in seen.entries
            if entry.role is Role.PROMPT and entry.path in seen.texts
        },
    )
    where = project.file.path.name
    empty = (
        Finding(f"components.{name}", "no file fits its patterns", component=name, file=where)
        for name in found.empty
    )
    return _Tree(tree, seen.texts, (*empty, *unstated(said, was.manifest.metadata, where)))


def _said(project: Project) -> frozenset[str]:
    """Return the fields of `Metadata` that a project says something of."""
    said = {*project.stated}
    said |= {"metrics"} if project.metrics is not None else set()
    said |= {"params"} if project.params is not None else set()
    said |= {"tags"} if project.tags is not None else set()
    said |= {"data"} if project.data else set()
    said |= {"base"} if project.base else set()
    return frozenset(said)


def _base(session: Session, project: Project) -> tuple[BaseModel, ...] | None:
    """Return the project's base models as they would be pinned now; None where one of them is not there."""
    try:
        return tuple(pin_base(session, text) for text in project.base)
    except (InvalidName, NotFound):
        return None


def _texts(session: Session, comparison: Comparison, tree: Mapping[str, bytes]) -> dict[str, tuple[str, str]]:
    """Return what changed text files had in the version, and have in the tree."""
    found = {}
    for row in comparison.files.changed[:_LOOKED_INTO]:
        if row.a and row.path in tree and row.a.size <= MAX_TEXT:
            with suppress(NotFound):
                old = get_blob(session.store, Digest.from_hex(row.a.sha256), limit=MAX_TEXT)
                found[row.path] = (old.decode(errors="replace"), tree[row.path].decode(errors="replace"))
    return found


def _surroundings(comparison: Comparison) -> Iterator[Finding]:
    """Yield what differs in the commit and the environment: worth knowing, but not what a version is made of."""
    rows = {row.component: row for row in comparison.components}
    commit = next((detail for detail in rows["code"].details if detail.field == "commit"), None)
    if commit is not None:
        old, new = (str(side or "")[:12] for side in (commit.a, commit.b))
        yield Finding("commit", "another one is checked out", old, new, "code")
    if rows["environment"].status == "changed":
        yield Finding("environment", f"differs: {rows['environment'].reason}", component="environment")


def _following(state: State, entry: VersionEntry, advice: BumpAdvice, *, changed: bool) -> Version | None:
    if not changed:
        return None
    scheme = scheme_of(state)
    known = [scheme.version(entry.version), *(each for each in (state.highest_release,) if each is not None)]
    return scheme.bump(known, advice.bump)


def _too_low(
    state: State, entry: VersionEntry, claim: Version, following: Version | None, project: Project
) -> Iterator[Finding]:
    """Yield a finding where the version that the tree claims is lower than its changes call for."""
    scheme = scheme_of(state)
    wanted = following or scheme.version(entry.version)
    release = scheme.finalize(claim) if claim.is_prerelease else claim
    if release < wanted:
        yield Finding(
            "model.version",
            "lower than the changes call for",
            str(wanted),
            str(claim),
            "metadata",
            project.file.path.name,
        )


def _untold(project: Project, claimed: str, *, changed: bool) -> Iterator[Finding]:
    """Yield a note where something changed, and the changelog says nothing of it."""
    if changed and not tell(project.story, project.folder, claimed):
        file = project.story.file or project.file.path.name
        yield Finding("changelog", "nothing says what changed", component="metadata", file=file)


def _other_policy(state: State, project: Project) -> Iterator[Finding]:
    """Yield a note where the project states a policy that is not the one that holds."""
    tables = policy_json(project.policy)
    holds = state.policies[-1].policy if state.policies else {}
    if tables and tables != holds:
        yield Finding(
            "require",
            f"not the policy that holds: `modelver policy {model_of(state)} --set {project.file.path.name}` sets it",
            component="policy",
            file=project.file.path.name,
        )
