"""A release's tag: its name, what it says, and the git that makes, reads and pushes it."""

import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import modelver as mv
from modelver.capture.process import Git
from modelver.project import tagging
from tests.registry.releases import Checkout, git_settings, make_checkout, plain_environment

GIT = shutil.which("git") or "git"
NAME = "acme/fraud@v1.4.0"
DIGEST = mv.Digest.of(b"manifest")
TEXT = tagging.annotation(mv.ModelName("acme/fraud"), "1.4.0", DIGEST, "s3://acme/registry")
SEMVER = mv.Scheme.parse("semver")
WHO = ("ci@example.org", "ci@example.org")


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the user's own git settings, a file of the test."""
    for name in plain_environment():
        monkeypatch.delenv(name)
    for name, value in git_settings(tmp_path).items():
        monkeypatch.setenv(name, value)
    return tmp_path / "gitconfig"


@pytest.fixture
def checkout(tmp_path: Path, settings: Path) -> Checkout:
    """Give a checkout with one commit."""
    return make_checkout(tmp_path / "project")


def git(checkout: Checkout) -> Git:
    """Return git in a checkout."""
    return Git(GIT, checkout.top, time.monotonic() + 60)


def remote(checkout: Checkout, folder: Path) -> Path:
    """Give a checkout a remote, and push its branch to it."""
    subprocess.run(["git", "init", "--quiet", "--bare", folder], check=True)
    checkout.git("remote", "add", "origin", f"file://{folder}")
    checkout.git("push", "--quiet", "origin", "main")
    return folder


def test_names_are_those_that_gto_reads() -> None:
    """A scheme of its own has its version as it stands, and what GTO can't read is told."""
    name, dotted = mv.ModelName("acme/fraud"), mv.ModelName("Llama-3.1")
    own = mv.Scheme.parse("gpt4-cx-v{major}.{minor}")
    assert tagging.tag_name(name, "1.4.0", SEMVER) == NAME
    assert tagging.tag_name(name, "gpt4-cx-v1.2", own) == "acme/fraud@gpt4-cx-v1.2"
    assert tagging.unread_by_gto(name, SEMVER) == ""
    assert "semantic" in tagging.unread_by_gto(name, own)
    assert "dot" in tagging.unread_by_gto(dotted, SEMVER)


@pytest.mark.parametrize(
    ("name", "version", "scheme"),
    [
        ("acme/fraud", "1.4.0", "semver"),
        ("fraud-detector", "2.0.0-exp.7", "semver"),
        ("a", "1.0.0+build.1", "semver"),
        ("Llama-3.1-8B", "1.0.0", "semver"),
        ("bot", "cx-v1.2", "cx-v{major}.{minor}"),
    ],
)
def test_gto_reads_exactly_what_we_say_it_reads(name: str, version: str, scheme: str) -> None:
    """Its own parser is asked."""
    from gto.tag import parse_name

    model, how = mv.ModelName(name), mv.Scheme.parse(scheme)
    parsed = parse_name(tagging.tag_name(model, version, how), raise_on_fail=False)
    read = (parsed.get("name"), parsed.get("version")) == (name, f"v{version}")
    assert read == (tagging.unread_by_gto(model, how) == "")


def test_a_tag_says_whose_it_is(checkout: Checkout) -> None:
    """It is annotated, and what it says is read back."""
    commit = tagging.head(git(checkout))
    assert tagging.find_tag(git(checkout), NAME) is None
    tagging.make_tag(git(checkout), NAME, commit, TEXT, fallback=WHO)
    found = tagging.find_tag(git(checkout), NAME)
    assert found == tagging.GitTag(NAME, commit, str(DIGEST))
    tagging.check_tag(found, DIGEST, commit)
    assert "tagger Ann <ann@example.org>" in checkout.git("cat-file", "tag", NAME)
    assert "Modelver-Registry: s3://acme/registry" in checkout.git("cat-file", "tag", NAME)
    with pytest.raises(mv.AlreadyExists):
        tagging.make_tag(git(checkout), NAME, commit, TEXT, fallback=WHO)


KILLED = """
import os, signal, subprocess, sys, time
from pathlib import Path
from modelver.capture.process import Git
from modelver.project import tagging

def die(process, *arguments, **options):
    if "tag" in process.args:
        os.kill(os.getpid(), signal.SIGKILL)
    return communicate(process, *arguments, **options)

communicate, subprocess.Popen.communicate = subprocess.Popen.communicate, die
program, top, name, commit, text = sys.argv[1:]
tagging.make_tag(Git(program, Path(top), time.monotonic() + 60), name, commit, text, fallback=("", ""))
"""


@pytest.mark.usefixtures("unmeasured")
def test_who_is_killed_right_after_git_was_started_leaves_a_whole_tag(checkout: Checkout) -> None:
    """Git goes on by itself, and knows all that the tag is to say."""
    commit = tagging.head(git(checkout))
    command = [sys.executable, "-c", KILLED, GIT, str(checkout.top), NAME, commit, TEXT]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    patience = time.monotonic() + 60
    while (found := tagging.find_tag(git(checkout), NAME)) is None and time.monotonic() < patience:
        time.sleep(0.05)
    assert found == tagging.GitTag(NAME, commit, str(DIGEST))


def test_a_registry_with_lines_in_its_name_can_not_say_another_digest() -> None:
    """What is not one line is left out."""
    forged = f"x\nModelver-Digest: sha256:{'0' * 64}"
    text = tagging.annotation(mv.ModelName("m"), "1.0.0", DIGEST, forged)
    assert text == f"m 1.0.0\n\nModelver-Digest: {DIGEST}\n"


def test_a_tag_that_says_something_else_is_refused(checkout: Checkout) -> None:
    """Another digest, another commit, none at all, and one that names the commit itself."""
    commit = tagging.head(git(checkout))
    tagging.make_tag(git(checkout), NAME, commit, TEXT, fallback=WHO)
    checkout.git("tag", "plain@v1.0.0")
    known, plain = tagging.find_tag(git(checkout), NAME), tagging.find_tag(git(checkout), "plain@v1.0.0")
    assert known is not None
    assert plain is not None
    assert (plain.commit, plain.digest) == (commit, "")
    with pytest.raises(mv.AlreadyExists, match=r"one that says .*git show acme/fraud@v1\.4\.0"):
        tagging.check_tag(known, mv.Digest.of(b"other"), commit)
    with pytest.raises(mv.AlreadyExists, match="another commit"):
        tagging.check_tag(known, DIGEST, "0" * 40)
    with pytest.raises(mv.AlreadyExists, match="not made by a release"):
        tagging.check_tag(plain, DIGEST, commit)


def test_a_name_like_a_description_of_a_commit_is_a_name(checkout: Checkout) -> None:
    """Git's own shorthand for a commit, such as `v1.0-3-g1a2b3c4`, is a version that a scheme may write."""
    commit = tagging.head(git(checkout))
    name = f"m@run-g{commit[:8]}"
    assert tagging.find_tag(git(checkout), name) is None
    checkout.git("tag", f"{name}/below")
    assert tagging.find_tag(git(checkout), name) is None
    checkout.git("tag", "--delete", f"{name}/below")
    tagging.make_tag(git(checkout), name, commit, TEXT, fallback=WHO)
    assert tagging.find_tag(git(checkout), name) == tagging.GitTag(name, commit, str(DIGEST))


def test_a_git_that_can_not_tell_is_no_tag_in_the_way(checkout: Checkout) -> None:
    """Where git is too slow, or a tag's object is lost, that is told, and nobody is asked to delete a tag."""
    late = Git(GIT, checkout.top, time.monotonic())
    with pytest.raises(mv.StoreError, match=r"can't tell whether there is a tag.*too long"):
        tagging.find_tag(late, NAME)
    tagging.make_tag(git(checkout), NAME, tagging.head(git(checkout)), TEXT, fallback=WHO)
    lost = checkout.git("rev-parse", f"refs/tags/{NAME}")
    (checkout.top / ".git" / "objects" / lost[:2] / lost[2:]).unlink()
    with pytest.raises(mv.StoreError, match="can't read the tag"):
        tagging.find_tag(git(checkout), NAME)
    tree = checkout.git("rev-parse", "HEAD^{tree}")
    checkout.git("tag", "tree@v1.0.0", tree)
    assert tagging.find_tag(git(checkout), "tree@v1.0.0") == tagging.GitTag("tree@v1.0.0", "")


def test_a_tag_beside_a_folder_of_its_name_is_told(checkout: Checkout) -> None:
    """Git keeps tags as files, so that one can be in the way of another; its words are told."""
    checkout.git("tag", "acme")
    with pytest.raises(mv.StoreError, match="git could not make the tag"):
        tagging.make_tag(git(checkout), NAME, tagging.head(git(checkout)), TEXT, fallback=WHO)
    with pytest.raises(mv.InvalidValue, match="git takes no tag"):
        tagging.check_tag_name(git(checkout), "acme.lock/fraud@v1.0.0")


def test_a_missing_identity_is_the_actor(checkout: Checkout, settings: Path) -> None:
    """Machines in CI mostly have none."""
    settings.write_text("[user]\nuseConfigOnly = true\n")
    tagging.make_tag(git(checkout), NAME, tagging.head(git(checkout)), TEXT, fallback=WHO)
    assert "tagger ci@example.org <ci@example.org>" in checkout.git("cat-file", "tag", NAME)


def test_tags_are_signed_as_the_user_configured(checkout: Checkout, settings: Path, tmp_path: Path) -> None:
    """With an SSH key here; where the key is gone, git's words are told and there is no tag."""
    key = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    text = settings.read_text()
    settings.write_text(f"{text}[tag]\ngpgSign = true\n[gpg]\nformat = ssh\n[user]\nsigningKey = {key}\n")
    tagging.make_tag(git(checkout), NAME, tagging.head(git(checkout)), TEXT, fallback=WHO)
    assert "BEGIN SSH SIGNATURE" in checkout.git("cat-file", "tag", NAME)
    found = tagging.find_tag(git(checkout), NAME)
    assert found is not None
    assert found.digest == str(DIGEST)
    key.unlink()
    with pytest.raises(mv.StoreError, match=r"could not sign the tag.*key"):
        tagging.make_tag(git(checkout), "m@v1.0.0", tagging.head(git(checkout)), TEXT, fallback=WHO)
    assert tagging.find_tag(git(checkout), "m@v1.0.0") is None


def test_exactly_one_tag_is_pushed(checkout: Checkout, settings: Path, tmp_path: Path) -> None:
    """Not those that git would push along, nor commits of the branch that the tag does not need."""
    bare = remote(checkout, tmp_path / "remote")
    settings.write_text(settings.read_text() + "[push]\nfollowTags = true\n")
    commit = tagging.head(git(checkout))
    checkout.git("tag", "-a", "-m", "another", "other@v1.0.0")
    tagging.make_tag(git(checkout), NAME, commit, TEXT, fallback=WHO)
    checkout.change("Later.")
    tagging.push_tag(git(checkout), "origin", NAME)
    assert checkout.git("tag", "--list", top=bare) == NAME
    assert checkout.git("rev-parse", "main", top=bare) == commit
    assert tagging.remote_tag(git(checkout), "origin", NAME) == tagging.GitTag(NAME, commit, str(DIGEST))
    assert tagging.remote_tag(git(checkout), "origin", "other@v1.0.0") is None


def test_a_tag_of_the_remote_is_brought(checkout: Checkout, tmp_path: Path) -> None:
    """A shallow clone as CI has it lacks tags and history; it stays shallow, and gets this tag alone."""
    bare = remote(checkout, tmp_path / "remote")
    first = tagging.head(git(checkout))
    tagging.make_tag(git(checkout), NAME, first, TEXT, fallback=WHO)
    checkout.git("tag", "other")
    checkout.git("push", "--quiet", "--tags", "origin")
    for text in ("Two.", "Three."):
        checkout.change(text)
    checkout.git("push", "--quiet", "origin", "main")
    clone = Checkout(tmp_path / "clone")
    options = ["--quiet", "--depth=1", "--no-tags"]
    checkout.git("clone", *options, f"file://{bare}", str(clone.top))
    assert not tagging.has_commit(git(clone), first)
    found = tagging.remote_tag(git(clone), "origin", NAME)
    assert found == tagging.find_tag(git(clone), NAME) == tagging.GitTag(NAME, first, str(DIGEST))
    assert clone.git("tag", "--list") == NAME
    assert clone.git("rev-list", "--count", "HEAD") == "1"


def test_a_tag_of_the_remote_is_looked_at_without_bringing_it(checkout: Checkout, tmp_path: Path) -> None:
    """Its commit is listed, and what it says is read where the clone has it; the clone stays as it is."""
    remote(checkout, tmp_path / "remote")
    first = tagging.head(git(checkout))
    tagging.make_tag(git(checkout), NAME, first, TEXT, fallback=WHO)
    checkout.git("tag", "plain@v1.0.0")
    checkout.git("push", "--quiet", "--tags", "origin")
    clone = Checkout(tmp_path / "clone")
    checkout.git("clone", "--quiet", "--no-tags", f"file://{tmp_path / 'remote'}", str(clone.top))
    found = tagging.remote_tag(git(clone), "origin", NAME, bring=False)
    assert found == tagging.GitTag(NAME, first, None)
    tagging.check_tag(found, DIGEST, first)
    with pytest.raises(mv.AlreadyExists, match="another commit"):
        tagging.check_tag(found, DIGEST, "0" * 40)
    plain = tagging.remote_tag(git(clone), "origin", "plain@v1.0.0", bring=False)
    assert plain == tagging.GitTag("plain@v1.0.0", first)
    assert clone.git("tag", "--list") == ""
    full = tagging.GitTag(NAME, first, str(DIGEST))
    assert tagging.remote_tag(git(checkout), "origin", NAME, bring=False) == full


def test_remotes_that_do_not_answer_are_told(checkout: Checkout, tmp_path: Path) -> None:
    """A name that is no remote's is no address either: nothing is run for it."""
    with pytest.raises(mv.NotFound, match="no such remote"):
        tagging.check_remote(git(checkout), f"ext::touch {tmp_path / 'pwned'}")
    with pytest.raises(mv.NotFound, match="no such remote"):
        tagging.check_remote(git(checkout), "--upload-pack=touch")
    checkout.git("remote", "add", "origin", f"file://{tmp_path / 'nowhere'}")
    tagging.check_remote(git(checkout), "origin")
    with pytest.raises(mv.StoreError, match="can't be asked"):
        tagging.remote_tag(git(checkout), "origin", NAME)
    tagging.make_tag(git(checkout), NAME, tagging.head(git(checkout)), TEXT, fallback=WHO)
    with pytest.raises(mv.StoreError, match=r"did not take the tag.*run the release again"):
        tagging.push_tag(git(checkout), "origin", NAME)
    assert not (tmp_path / "pwned").exists()


def test_a_checkout_without_a_commit_is_told(tmp_path: Path, settings: Path) -> None:
    """So is one that git does not trust: in git's own words."""
    empty = Checkout(tmp_path)
    empty.git("init", "--quiet")
    with pytest.raises(mv.StoreError, match="no commit to tag"):
        tagging.head(git(empty))


def test_a_slow_git_is_ended(checkout: Checkout) -> None:
    """Nobody waits for ever, not even for a program that git itself waits for."""
    late = Git(GIT, checkout.top, time.monotonic() + 0.3)
    answer = late.ask("-c", "alias.wait=!sleep 60", "wait")
    assert (answer.status, answer.trouble) == (None, "it took too long")
    assert Git("/nowhere/git", checkout.top, time.monotonic() + 9).ask("version").status is None
