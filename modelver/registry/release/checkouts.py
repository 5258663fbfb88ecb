"""The checkout that a release is made from: whether it may be, and the tag in it."""

from collections.abc import Iterable
from pathlib import Path

import attrs

from modelver.capture.git import capture_code, changed_files, changed_submodules, find_checkout
from modelver.capture.process import Git
from modelver.errors import AlreadyExists, InvalidValue, NotFound, Refused, StoreError
from modelver.project import tagging
from modelver.registry.base.session import Session
from modelver.registry.release.released import Step
from modelver.values.digest import Digest
from modelver.values.model_version import ModelVersion
from modelver.values.name import ModelName
from modelver.values.provenance import Code
from modelver.values.scheme import Scheme
from modelver.values.version import Version

PATIENCE = 60.0
"""Seconds that git may take for what needs no network."""

PATIENCE_REMOTE = 120.0
_NAMED = 5


@attrs.frozen
class Tagging:
    """What is asked of git.

    Attributes:
        wanted: Whether to tag; None: where there is a checkout.
        push: Whether to push the tag.
        remote: Where to.
    """

    wanted: bool | None = None
    push: bool = False
    remote: str = "origin"


@attrs.frozen
class Checkout:
    """A checkout that a release is made from.

    Attributes:
        place: A folder in it.
        code: What is checked out.
        head: The commit; empty where no tag is wanted.
    """

    place: Path
    code: Code | None
    head: str = ""

    @property
    def origin(self) -> str:
        """The commit, and the folder in it; empty where there is no commit."""
        return f"{self.code.commit}/{self.code.path}" if self.code and self.code.commit else ""

    def git(self, patience: float = PATIENCE) -> Git:
        """Return git, with time for one more job.

        Raises:
            StoreError: It is gone.
        """
        found = find_checkout(self.place, patience=patience)
        if found is None:
            raise StoreError("the checkout is gone", where=self.place)
        return found


def find(folder: Path, wanted: Tagging) -> Checkout | None:
    """Return the checkout that a folder is in; None where there is none and no tag is asked for.

    Raises:
        NotFound: There is none, but a tag is asked for; or it has no such remote.
        StoreError: Git doesn't trust it, or it has no commit yet.
        InvalidValue: A push is asked for, but no tag.
    """
    if wanted.push and wanted.wanted is False:
        raise InvalidValue("a tag to push, but no tag is to be made", where="push_tag")
    git = find_checkout(folder, patience=PATIENCE)
    if git is None:
        if wanted.wanted or wanted.push:
            raise NotFound(
                "there is no git checkout to tag",
                where=folder,
                expected="a checkout, and the program git",
                hint="Release it without a tag.",
            )
        return None
    head = "" if wanted.wanted is False else tagging.head(git)
    if wanted.push:
        tagging.check_remote(git, wanted.remote)
    return Checkout(folder, capture_code(folder, patience=PATIENCE), head)


def check_clean(checkout: Checkout, without: Iterable[Path]) -> None:
    """Refuse a checkout whose tracked files differ from the commit, so that the commit says what was released.

    Args:
        checkout: The checkout.
        without: Files that may differ, links resolved.

    Raises:
        Refused: It names the first of them; or it can't be told whether there are any.
    """
    if checkout.code is not None and checkout.code.dirty is False:
        return
    git = checkout.git()
    changed = changed_files(git)
    known = {*without}
    others = [path for path in changed if (git.top / path).absolute() not in known]
    parts = () if others else changed_submodules(git)
    if parts is None or not (changed or parts):  # git lists nothing where it fails, too
        raise Refused(
            "it can't be told whether tracked files differ from the commit",
            where=git.top,
            hint="See what `git status` says and takes, or allow it: allow_dirty (--allow-dirty).",
        )
    others += parts
    if not others:
        return
    more = f" and {len(others) - _NAMED} more" if len(others) > _NAMED else ""
    raise Refused(
        "tracked files differ from the commit",
        where=git.top,
        found=", ".join(others[:_NAMED]) + more,
        hint="Commit them first, or allow it: allow_dirty (--allow-dirty).",
    )


def check_tag(
    checkout: Checkout,
    model: ModelName,
    version: Version,
    scheme: Scheme,
    digest: Digest,
    commit: str,
    remote: str,
    *,
    bring: bool,
) -> tuple[Step, ...]:
    """Tell what tagging would do, and pushing where a remote is named.

    Args:
        checkout: The checkout.
        model: The model.
        version: The version's number.
        scheme: The model's scheme.
        digest: The version's digest.
        commit: The commit that the version's tag has to name; empty where none was recorded.
        remote: A remote to push to, whose tag counts too; empty where no other repository is to be asked.
        bring: Whether a tag that only the remote has may be brought into this clone.

    Raises:
        AlreadyExists: A tag says something else.
        InvalidValue: Git takes no such name.
        StoreError: Git can't tell, or the remote can't be asked.
    """
    git = checkout.git(PATIENCE_REMOTE if remote else PATIENCE)
    name = tagging.tag_name(model, version, scheme)
    tagging.check_tag_name(git, name)
    near = tagging.find_tag(git, name)
    far = tagging.remote_tag(git, remote, name, bring=bring) if remote else None
    tags = [each for each in (near, far) if each is not None]
    for each in tags:
        tagging.check_tag(each, digest, commit)
    push = (Step("push", "already" if far else "would", remote),) if remote else ()
    if tags:
        return (Step("tag", "already", name), *push)
    return (Step("tag", "would", _told(name, commit or checkout.head, model, scheme)), *push)


def recorded_commit(version: ModelVersion) -> str:
    """Return the commit that a version was made from, which its tag has to name; empty where none was recorded."""
    code = version.provenance.code
    return code.commit if code else ""


def make_tag(
    session: Session, checkout: Checkout, version: ModelVersion, scheme: Scheme, wanted: Tagging
) -> tuple[str, list[Step]]:
    """Make a version's tag and push it, as far as that is not done.

    Returns:
        The tag's name, empty where it could not be made; and what was done.

    Raises:
        AlreadyExists: The tag says something else.
        StoreError: Git or the remote could not.
    """
    name = tagging.tag_name(version.name, version.version, scheme)
    git = checkout.git(PATIENCE_REMOTE if wanted.push else PATIENCE)
    recorded = recorded_commit(version)
    far = tagging.remote_tag(git, wanted.remote, name) if wanted.push else None
    if far is not None:
        tagging.check_tag(far, version.digest, recorded)
    step = _tagged(session, git, version, name, recorded or checkout.head)
    if step.outcome == "skipped":
        if wanted.wanted or wanted.push:
            raise NotFound(
                "the version's commit is not in this clone",
                where=recorded[:12],
                hint="Fetch it: a checkout in CI needs fetch-depth: 0.",
            )
        return "", [step]
    told = attrs.evolve(step, detail=_told(name, step.detail, version.name, scheme))
    return name, [told, *([_pushed(git, wanted.remote, name, version, recorded, far)] if wanted.push else [])]


def _tagged(session: Session, git: Git, version: ModelVersion, name: str, commit: str) -> Step:
    recorded = recorded_commit(version)
    known = tagging.find_tag(git, name)
    if known is None and not tagging.has_commit(git, commit):
        return Step("tag", "skipped", f"the version was made from {commit[:12]}, which is not in this clone")
    if known is None:
        place = _shown_place(session, git)
        text = tagging.annotation(version.name, version.version, version.digest, place)
        try:
            tagging.make_tag(git, name, commit, text, fallback=_identity(session.actor))
        except AlreadyExists:
            known = tagging.find_tag(git, name)
        else:
            return Step("tag", "done", commit)
    if known is None:
        raise StoreError("git could not make the tag", where=name)
    tagging.check_tag(known, version.digest, recorded)
    return Step("tag", "already", known.commit)


def _pushed(
    git: Git, remote: str, name: str, version: ModelVersion, recorded: str, far: tagging.GitTag | None
) -> Step:
    if far is None:
        try:
            tagging.push_tag(git, remote, name)
        except StoreError:
            far = tagging.remote_tag(git, remote, name)  # somebody was faster, perhaps with the same
            if far is None:
                raise
            tagging.check_tag(far, version.digest, recorded)
        else:
            return Step("push", "done", remote)
    return Step("push", "already", remote)


def _told(name: str, commit: str, model: ModelName, scheme: Scheme) -> str:
    unread = tagging.unread_by_gto(model, scheme)
    return f"{name} at {commit[:12]}" + (f" ({unread})" if unread else "")


def _shown_place(session: Session, git: Git) -> str:
    """Return where the registry is, as a stranger with the repository may read it."""
    folder = session.folder
    if folder is None:
        return session.store.url
    inside = folder.is_relative_to(git.top)
    return folder.relative_to(git.top).as_posix() if inside else ""


def _identity(actor: str) -> tuple[str, str]:
    """Return name and address of who tags, where git has none configured, as on most CI machines."""
    plain = "".join(sign for sign in actor if sign not in "<>").strip() or "modelver"
    return plain, plain if "@" in plain and " " not in plain else "modelver@localhost"
