"""The git tag of a version: its name, what its annotation says, and the few commands that read and write it.

Names are those of GTO, so that ``gto show`` reads them: ``acme/fraud@v1.4.0``. Its grammar is `tag_re` in gto 1.10,
``gto/constants.py``: it knows semver alone, and no dot in a model's name.
"""

import re
from collections.abc import Mapping
from typing import Protocol

import attrs

from modelver.errors import AlreadyExists, InvalidValue, NotFound, StoreError
from modelver.values.digest import Digest
from modelver.values.name import ModelName
from modelver.values.scheme import SEMVER, Scheme
from modelver.values.version import Version

_GTO_NAME = re.compile(r"[a-zA-Z0-9](?:[a-zA-Z0-9/_-]*[a-zA-Z0-9])?")
_DIGEST = re.compile(r"^Modelver-Digest: (sha256:[0-9a-f]{64})$", re.MULTILINE)
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_OBJECT = re.compile(r"object ([0-9a-f]+)\ntype commit\n")
_SIGNED = re.compile(r"^-----BEGIN [A-Z ]+-----$", re.MULTILINE)
_SHOWN = 300


class Answered(Protocol):
    """How a command of git ended; true where it succeeded."""

    @property
    def output(self) -> str:
        """What it printed."""
        ...

    @property
    def trouble(self) -> str:
        """What it complained of."""
        ...

    def __bool__(self) -> bool: ...


class Asks(Protocol):
    """Runs git in a checkout; see `modelver.capture.process.Git.ask`."""

    def ask(
        self,
        *arguments: str,
        variables: Mapping[str, str] | None = None,
        remote: bool = False,
    ) -> Answered:
        """Run a command."""
        ...


@attrs.frozen
class GitTag:
    """A tag.

    Attributes:
        name: Its name.
        commit: The commit that it names.
        digest: The version's digest, as its annotation says; empty where it says none, None where it was not read.
    """

    name: str
    commit: str
    digest: str | None = ""


def tag_name(model: ModelName, version: Version | str, scheme: Scheme) -> str:
    """Return the name of a version's tag: ``acme/fraud@v1.4.0``, or ``bot@gpt4-cx-v1.2`` under a scheme of its own."""
    return f"{model}@v{version}" if scheme.text == SEMVER else f"{model}@{version}"


def unread_by_gto(model: ModelName, scheme: Scheme) -> str:
    """Say why GTO does not read a model's tags; empty where it does."""
    if scheme.text != SEMVER:
        return "gto reads semantic versions only"
    return "" if _GTO_NAME.fullmatch(model) else "gto reads no model names with a dot"


def annotation(model: ModelName, version: Version | str, digest: Digest, registry: str) -> str:
    """Return what a tag's annotation says: whose it is, the digest, and where the version is."""
    lines = [f"{model} {version}", "", f"Modelver-Digest: {digest}"]
    lines += [f"Modelver-Registry: {registry}"] if registry.isprintable() and registry else []
    return "".join(f"{line}\n" for line in lines).encode(errors="replace").decode()


def check_tag_name(git: Asks, name: str) -> None:
    """Refuse a name that git does not take.

    Raises:
        InvalidValue: Such as one with a part that ends in ``.lock``.
    """
    if not git.ask("check-ref-format", f"refs/tags/{name}"):
        raise InvalidValue("git takes no tag of this name", where=name, hint="Release it without a tag.")


def head(git: Asks) -> str:
    """Return the commit that is checked out.

    Raises:
        StoreError: There is none yet, or git doesn't trust the checkout; git's own words are told.
    """
    found = git.ask("rev-parse", "--verify", "HEAD^{commit}")
    commit = found.output.strip()
    if not found or not _COMMIT.fullmatch(commit):
        raise StoreError("git names no commit to tag", found=_said(found), hint="Commit first.")
    return commit


def has_commit(git: Asks, commit: str) -> bool:
    """Tell whether a commit is in this clone; a shallow one has few."""
    return bool(_COMMIT.fullmatch(commit)) and bool(git.ask("cat-file", "-e", f"{commit}^{{commit}}"))


def find_tag(git: Asks, name: str) -> GitTag | None:
    """Return a tag of this clone; None where there is none.

    Raises:
        StoreError: Git can't tell; its own words are told.
    """
    place = f"refs/tags/{name}"
    # No `rev-parse`: it takes a name that ends in -g and hexadecimal digits for a commit, as `git describe` writes it.
    listed = git.ask("for-each-ref", "--format=%(objectname) %(refname)", "--", place)
    if not listed:
        raise StoreError("git can't tell whether there is a tag", where=name, found=_said(listed))
    # What is below that name is listed, too.
    pairs = (line.split(" ") for line in listed.output.splitlines())
    own = next((pair[0] for pair in pairs if pair[1:] == [place]), None)
    return _read_tag(git, name, own) if own else None


def _read_tag(git: Asks, name: str, own: str) -> GitTag:
    """Return what an object says, which is a tag, or is named by one that is no object of its own.

    Raises:
        StoreError: It can't be read; git's own words are told.
    """
    kind = git.ask("cat-file", "-t", own)
    text = git.ask("cat-file", "tag", own) if kind.output.strip() == "tag" else kind
    if not text:
        raise StoreError("git can't read the tag", where=name, found=_said(text))
    if text is kind:
        return GitTag(name, own if kind.output.strip() == "commit" else "")
    said, named = _DIGEST.findall(text.output), _OBJECT.match(text.output)
    return GitTag(name, named[1] if named else "", said[-1] if said else "")


def check_tag(tag: GitTag, digest: Digest, commit: str) -> None:
    """Refuse a tag that says something else than the one that is to be there.

    Args:
        tag: The one that is there; what was not read of it passes.
        digest: The version's.
        commit: The commit that it is to name; empty where any will do.

    Raises:
        AlreadyExists: It is of another version, or names another commit.
    """
    if tag.digest is not None and tag.digest != str(digest):
        raise AlreadyExists(
            "there is a tag of this name already",
            where=tag.name,
            expected=f"one that says {digest.short}",
            found=f"one that says {tag.digest[7:19]}" if tag.digest else "one that was not made by a release",
            hint=f"Look at it (git show {tag.name}), then delete it, or release without a tag.",
        )
    if commit and tag.commit != commit:
        raise AlreadyExists(
            "the version's tag names another commit",
            where=tag.name,
            expected=commit[:12],
            found=tag.commit[:12],
            hint=f"Look at it (git show {tag.name}), then delete it, or release without a tag.",
        )


def make_tag(git: Asks, name: str, commit: str, text: str, *, fallback: tuple[str, str]) -> None:
    """Make an annotated tag, signed where the user's configuration says so.

    Args:
        git: The checkout.
        name: Its name.
        commit: What it names.
        text: Its annotation.
        fallback: Name and address of who makes it, where git knows neither.

    Raises:
        AlreadyExists: Somebody was faster.
        StoreError: Git could not; its own words are told.
    """
    variables = {}
    if not git.ask("var", "GIT_COMMITTER_IDENT"):
        variables = {"GIT_COMMITTER_NAME": fallback[0], "GIT_COMMITTER_EMAIL": fallback[1]}
    # Not by standard input: if we are killed before it is written, git would make a tag that says nothing.
    made = git.ask("tag", "-a", "--cleanup=verbatim", "-m", text, "--", name, commit, variables=variables)
    if made:
        _check_signed(git, name, made)
        return
    if find_tag(git, name) is not None:
        raise AlreadyExists("there is a tag of this name already", where=name)
    raise StoreError("git could not make the tag", where=name, found=_said(made))


def _check_signed(git: Asks, name: str, made: Answered) -> None:
    """Take back a tag that was to be signed and is not: git 2.39 makes one where signing with an SSH key fails.

    Raises:
        StoreError: With git's own words.
    """
    asked = (git.ask("config", "--type=bool", key) for key in ("tag.gpgSign", "tag.forceSignAnnotated"))
    if not any(answer.output.strip() == "true" for answer in asked):
        return
    if not _SIGNED.search(git.ask("cat-file", "tag", f"refs/tags/{name}").output):
        git.ask("update-ref", "-d", f"refs/tags/{name}")
        raise StoreError("git could not sign the tag", where=name, found=_said(made))


def check_remote(git: Asks, remote: str) -> None:
    """Refuse a remote that the checkout does not know by name.

    Raises:
        NotFound: There is no such remote.
    """
    known = git.ask("remote").output.split()
    if remote not in known:
        raise NotFound(
            "the checkout has no such remote",
            where=remote[:80],
            found=", ".join(known) or "none",
            hint="`git remote -v` lists them.",
        )


def remote_tag(git: Asks, remote: str, name: str, *, bring: bool = True) -> GitTag | None:
    """Return a tag that a remote has, and bring it into this clone where that has none of this name.

    Without `bring` the clone stays as it is, and of a tag that it lacks the digest is not read.

    Raises:
        StoreError: The remote can't be asked; git's own words are told.
    """
    place = f"refs/tags/{name}"
    peeled = f"{place}^{{}}"  # as the commit of an annotated tag is listed
    listed = git.ask("ls-remote", "--tags", "--", remote, place, peeled, remote=True)
    if not listed:
        raise StoreError("the remote can't be asked for its tags", where=remote, found=_said(listed))
    pairs = (line.partition("\t") for line in listed.output.splitlines())
    found = {ref: each for each, _, ref in pairs if _COMMIT.fullmatch(each)}
    own = found.get(place)
    if own is None:
        return None
    known = git.ask("cat-file", "-e", own)
    if not bring and not known:
        return GitTag(name, found[peeled], None) if peeled in found else GitTag(name, own)
    if not known:
        shallow = git.ask("rev-parse", "--is-shallow-repository").output.strip() == "true"
        options = ["--depth=1"] if shallow else []
        brought = git.ask(
            "fetch", "--no-tags", "--no-recurse-submodules", *options, "--", remote, place, remote=True
        )
        if not brought:
            raise StoreError("the tag can't be fetched", where=f"{remote}, {name}", found=_said(brought))
    if bring:
        git.ask("update-ref", place, own, "0" * len(own))  # which fails where there is one
    return _read_tag(git, name, own)


def push_tag(git: Asks, remote: str, name: str) -> None:
    """Push one tag, and nothing else.

    Raises:
        StoreError: The remote did not take it; git's own words are told.
    """
    place = f"refs/tags/{name}"
    options = ["--no-follow-tags", "--recurse-submodules=no"]
    pushed = git.ask("push", *options, "--", remote, f"{place}:{place}", remote=True)
    if not pushed:
        raise StoreError(
            "the remote did not take the tag",
            where=f"{remote}, {name}",
            found=_said(pushed),
            hint="Mend that, and run the release again: it goes on from here.",
        )


def _said(answer: Answered) -> str:
    """Return git's complaint in one line."""
    said = " ".join((answer.trouble or answer.output).split()) or "no reason"
    return said if len(said) <= _SHOWN else f"{said[:_SHOWN]}…"
