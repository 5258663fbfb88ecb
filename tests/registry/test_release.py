"""A release is one step that completes itself: whatever ended it, doing it again does what is left, and nothing twice."""

import random
import secrets
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

import modelver as mv
from tests.registries import snapshot
from tests.registry.releases import PROJECT, Checkout, outcomes


def start(root: Path, project: Path) -> "subprocess.Popen[bytes]":
    """Begin a release in a process of its own."""
    arguments = ["release", "--registry", str(root), "--project", str(project), "--alias", "staging"]
    nowhere = subprocess.DEVNULL
    return subprocess.Popen([sys.executable, "-m", "modelver", *arguments], stdout=nowhere, stderr=nowhere)


def test_a_release_does_it_all(registry: mv.Registry, checkout: Checkout) -> None:
    """Version, tag, card, notes and alias are there, and the answer names them."""
    head = checkout.git("rev-parse", "HEAD")
    made = registry.release_project(checkout.top, alias="staging")
    assert made
    assert (made.ref, made.created, made.bump, made.tag) == (
        "acme/fraud:1.0.0",
        True,
        "",
        "acme/fraud@v1.0.0",
    )
    assert registry.resolve("acme/fraud@staging").digest == made.digest
    assert checkout.tags == {"acme/fraud@v1.0.0": head}
    assert str(made.digest) in checkout.git("cat-file", "tag", made.tag)
    assert "The first release." in made.files["notes"].read_text()
    assert "# Model card of acme/fraud:1.0.0" in made.files["card"].read_text()
    assert outcomes(made) == {
        "check": "done",
        "register": "done",
        "tag": "done",
        "files": "done",
        "alias": "done",
    }


def test_a_dry_run_changes_nothing(registry: mv.Registry, root: Path, checkout: Checkout) -> None:
    """It tells version, bump, tag and alias, and neither registry, tree nor git has anything new."""
    before = snapshot(checkout.top)
    told = registry.release_project(checkout.top, alias="staging", dry_run=True)
    assert told
    assert (str(told.version), told.created, told.record) == ("1.0.0", False, None)
    assert not root.exists()
    assert snapshot(checkout.top) == before
    made = registry.release_project(checkout.top, alias="staging")
    assert made.digest == told.digest
    checkout.change("Be polite.")
    before = {**snapshot(root), **snapshot(checkout.top)}
    told = registry.release_project(checkout.top, alias="staging", dry_run=True)
    assert (str(told.version), told.bump, told.former) == ("1.1.0", "minor", "1.0.0")
    assert {**snapshot(root), **snapshot(checkout.top)} == before


def test_a_second_release_of_the_same_does_nothing(
    registry: mv.Registry, root: Path, checkout: Checkout
) -> None:
    """Not even where the commit is another one."""
    first = registry.release_project(checkout.top, alias="staging")
    before = snapshot(root)
    for _ in range(2):
        again = registry.release_project(checkout.top, alias="staging")
        assert again
        assert (again.digest, again.created, again.moved) == (first.digest, False, True)
        assert outcomes(again) == {
            **outcomes(first),
            "register": "already",
            "tag": "already",
            "alias": "already",
        }
        assert snapshot(root) == before
        checkout.commit()


def test_tracked_files_that_differ_are_refused(registry: mv.Registry, root: Path, checkout: Checkout) -> None:
    """The tag would name a commit that is not what was released; somebody may allow it."""
    (checkout.top / "prompts" / "system.txt").write_text("Be quick.")
    with pytest.raises(mv.Refused, match=r"prompts/system\.txt.*--allow-dirty"):
        registry.release_project(checkout.top)
    assert not root.exists()
    assert registry.release_project(checkout.top, allow_dirty=True).created


def test_each_refusal_comes_before_anything_is_done(
    registry: mv.Registry, root: Path, checkout: Checkout
) -> None:
    """A policy on registering, a rule on the alias, and a folder that can't be written to."""
    (checkout.top / "modelver.toml").write_text(
        f'{PROJECT}[require.register]\nfields = ["metadata.license"]\n'
    )
    checkout.commit()
    with pytest.raises(mv.Refused, match=r"metadata\.license"):
        registry.release_project(checkout.top)
    told = registry.release_project(checkout.top, strict=False)
    assert not told
    assert [verdict.check for verdict in told.registering if not verdict] == ["field metadata.license"]
    (checkout.top / "modelver.toml").write_text(
        f'{PROJECT}[require.alias.staging]\nrules = ["metrics.f1 >= 0.95"]\n'
    )
    checkout.commit()
    with pytest.raises(mv.Refused, match=r"metrics\.f1 >= 0\.95"):
        registry.release_project(checkout.top, alias="staging")
    assert not registry.release_project(checkout.top, alias="staging", dry_run=True)
    (checkout.top / "file").write_text("")
    with pytest.raises(mv.StoreError, match="output folder can't be written"):
        registry.release_project(checkout.top, output=checkout.top / "file")
    assert not root.exists()
    assert checkout.tags == {}


def test_an_approval_comes_after_the_rest(registry: mv.Registry, checkout: Checkout) -> None:
    """Nobody can approve what is not there: all is released but the alias, and a later run completes it."""
    (checkout.top / "modelver.toml").write_text(
        f'{PROJECT}[require.alias.production]\napprovals = ["legal"]\n'
    )
    head = checkout.commit()
    told = registry.release_project(checkout.top, alias="production", dry_run=True)
    assert not told
    assert told.steps[-1].outcome == "refused"
    with pytest.raises(mv.ApprovalRequired, match="approval legal"):
        registry.release_project(checkout.top, alias="production")
    assert checkout.tags == {"acme/fraud@v1.0.0": head}
    assert (checkout.top / "release" / "card.md").is_file()
    told = registry.release_project(checkout.top, alias="production", strict=False)
    assert (bool(told), told.created, told.moved, outcomes(told)["alias"]) == (False, False, False, "refused")
    registry.approve("acme/fraud:1.0.0", role="legal", person="lea@example.org")
    done = registry.release_project(checkout.top, alias="production")
    assert (bool(done), done.created, done.moved) == (True, False, True)
    assert [verdict.check for verdict in done.moving if verdict] == ["approval legal"]
    again = registry.release_project(checkout.top, alias="production")
    assert (again.moving, outcomes(again)["alias"]) == (done.moving, "already")


def test_a_tag_in_the_way_is_told_before_anything_is_done(
    registry: mv.Registry, root: Path, checkout: Checkout
) -> None:
    """Once it is gone, the release goes through."""
    checkout.git("tag", "-a", "-m", "by hand", "acme/fraud@v1.0.0")
    with pytest.raises(mv.AlreadyExists, match=r"git show acme/fraud@v1\.0\.0"):
        registry.release_project(checkout.top)
    told = registry.release_project(checkout.top, dry_run=True)
    assert (bool(told), outcomes(told)["tag"]) == (False, "refused")
    assert not root.exists()
    checkout.git("tag", "--delete", "acme/fraud@v1.0.0")
    assert registry.release_project(checkout.top).created


def test_a_tag_that_was_moved_is_refused(registry: mv.Registry, checkout: Checkout) -> None:
    """It says the version's digest, but names another commit than the one that the version was made from."""
    made = registry.release_project(checkout.top)
    text = checkout.git("tag", "--list", "--format=%(contents)", made.tag)
    checkout.commit()
    checkout.git("tag", "--force", "-a", "-m", text, made.tag)
    with pytest.raises(mv.AlreadyExists, match="another commit"):
        registry.release_project(checkout.top)


def test_a_release_goes_on_where_tagging_failed(registry: mv.Registry, checkout: Checkout) -> None:
    """A tag of the name of its folder stands in git's way; the version is there by then, and stays the only one."""
    checkout.git("tag", "acme")
    with pytest.raises(mv.StoreError, match="git could not make the tag"):
        registry.release_project(checkout.top, alias="staging")
    assert [str(each.version) for each in registry.versions("acme/fraud")] == ["1.0.0"]
    assert registry.aliases("acme/fraud") == {}
    checkout.git("tag", "--delete", "acme")
    done = registry.release_project(checkout.top, alias="staging")
    assert (done.created, done.moved, list(checkout.tags)) == (False, True, ["acme/fraud@v1.0.0"])


def test_a_release_goes_on_where_writing_failed(registry: mv.Registry, checkout: Checkout) -> None:
    """A folder stands where the card goes; what was written before is whole, and nothing half-made lies about."""
    output = checkout.top / "release"
    (output / "notes.md" / "in the way").mkdir(parents=True)
    with pytest.raises(mv.StoreError, match=r"can't be written.*notes\.md"):
        registry.release_project(checkout.top, alias="staging")
    assert sorted(path.name for path in output.iterdir()) == ["card.md", "notes.md"]
    assert registry.aliases("acme/fraud") == {}
    (output / "notes.md" / "in the way").rmdir()
    (output / "notes.md").rmdir()
    done = registry.release_project(checkout.top, alias="staging")
    assert (done.created, done.moved, outcomes(done)["tag"]) == (False, True, "already")


def test_a_release_goes_on_where_pushing_failed(
    registry: mv.Registry, checkout: Checkout, tmp_path: Path
) -> None:
    """A remote that takes nothing for now: a hook of its own says no."""
    bare = tmp_path / "remote"
    checkout.git("init", "--quiet", "--bare", str(bare))
    checkout.git("remote", "add", "origin", str(bare))
    hook = bare / "hooks" / "pre-receive"
    hook.write_text("#!/bin/sh\necho closed for today >&2\nexit 1\n")
    hook.chmod(0o755)
    with pytest.raises(mv.StoreError, match="closed for today"):
        registry.release_project(checkout.top, alias="staging", push_tag=True)
    assert registry.aliases("acme/fraud") == {}
    hook.unlink()
    done = registry.release_project(checkout.top, alias="staging", push_tag=True)
    assert (done.created, done.moved, outcomes(done)["push"]) == (False, True, "done")
    assert checkout.git("tag", "--list", top=bare) == done.tag
    again = registry.release_project(checkout.top, alias="staging", push_tag=True)
    assert outcomes(again)["push"] == "already"


def test_a_tag_that_only_the_remote_has_counts(
    registry: mv.Registry, root: Path, checkout: Checkout, tmp_path: Path
) -> None:
    """CI clones shallowly and without tags: a run there finds what another one pushed, and what is in its way."""
    bare = tmp_path / "remote"
    checkout.git("init", "--quiet", "--bare", str(bare))
    checkout.git("remote", "add", "origin", str(bare))
    made = registry.release_project(checkout.top, push_tag=True)
    checkout.commit()
    checkout.git("push", "--quiet", "origin", "main")
    clone = Checkout(tmp_path / "clone")
    checkout.git("clone", "--quiet", "--depth=1", "--no-tags", f"file://{bare}", str(clone.top))
    skipped = registry.release_project(clone.top)
    assert (skipped.created, skipped.tag, outcomes(skipped)["tag"]) == (False, "", "skipped")
    with pytest.raises(mv.NotFound, match="fetch-depth: 0"):
        registry.release_project(clone.top, tag=True)
    for dry_run in (True, False):
        again = registry.release_project(clone.top, push_tag=True, dry_run=dry_run)
        assert (outcomes(again)["tag"], outcomes(again)["push"]) == ("already", "already")
    assert again.tag == made.tag
    clone.git("tag", "-a", "-m", "by hand", "acme/fraud@v1.1.0")
    clone.git("push", "--quiet", "origin", "acme/fraud@v1.1.0")
    clone.git("tag", "--delete", "acme/fraud@v1.1.0")
    clone.git("config", "user.name", "Ann")
    clone.change("Be brief.")
    before = snapshot(root)
    with pytest.raises(mv.AlreadyExists, match="not made by a release"):
        registry.release_project(clone.top, push_tag=True)
    assert snapshot(root) == before


def test_an_alias_is_set_once(registry: mv.Registry, checkout: Checkout) -> None:
    """Who rolled back in the meantime is not overruled by a job that runs again, nor is a later release."""
    registry.release_project(checkout.top, alias="staging")
    first = checkout.git("rev-parse", "HEAD")
    checkout.change("Be polite.")
    registry.release_project(checkout.top, alias="staging")
    registry.rollback("acme/fraud", "staging", reason="rude")
    again = registry.release_project(checkout.top, alias="staging")
    assert (bool(again), again.moved, outcomes(again)["alias"]) == (True, False, "left")
    assert registry.resolve("acme/fraud@staging").version == "1.0.0"
    assert registry.release_project(checkout.top, alias="staging", dry_run=True).steps[-1].outcome == "left"
    checkout.change("Be nice.")
    registry.release_project(checkout.top, alias="canary")
    checkout.git("checkout", "--quiet", first)
    older = registry.release_project(checkout.top, alias="canary")
    assert (older.ref, older.created, outcomes(older)["alias"]) == ("acme/fraud:1.0.0", False, "left")
    assert "registered later" in older.steps[-1].detail
    assert registry.resolve("acme/fraud@canary").version == "1.2.0"


def test_a_change_that_is_taken_back_is_a_release(registry: mv.Registry, checkout: Checkout) -> None:
    """The content of 1.0.0 under another commit is 1.2.0; the first commit's release is still 1.0.0."""
    first = checkout.git("rev-parse", "HEAD")
    registry.release_project(checkout.top)
    checkout.change("Be polite.")
    registry.release_project(checkout.top)
    checkout.change("Be kind.\n")
    assert registry.release_project(checkout.top, alias="staging").ref == "acme/fraud:1.2.0"
    checkout.git("checkout", "--quiet", first)
    assert registry.release_project(checkout.top).ref == "acme/fraud:1.0.0"


def test_outside_of_a_checkout_there_is_no_tag(
    registry: mv.Registry, checkout: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor without the program git; who asks for one is told. Taking a change back is a release here, too."""
    shutil.rmtree(checkout.top / ".git")
    made = registry.release_project(checkout.top, alias="staging")
    assert (made.created, made.tag, outcomes(made)["tag"]) == (True, "", "skipped")
    for wish in ({"tag": True}, {"push_tag": True}):
        with pytest.raises(mv.NotFound, match="no git checkout"):
            registry.release_project(checkout.top, **wish)
    prompt = checkout.top / "prompts" / "system.txt"
    for text, version in (("Be polite.", "1.1.0"), ("Be kind.\n", "1.2.0"), ("Be kind.\n", "1.2.0")):
        prompt.write_text(text)
        assert registry.release_project(checkout.top).version == version
    checkout.git("init", "--quiet")
    monkeypatch.setenv("PATH", "")
    assert outcomes(registry.release_project(checkout.top))["tag"] == "skipped"


def test_a_checkout_that_can_not_be_tagged_is_told(
    registry: mv.Registry, root: Path, checkout: Checkout
) -> None:
    """One without a commit, an unknown remote, and a push without a tag; nothing is done."""
    with pytest.raises(mv.NotFound, match="no such remote"):
        registry.release_project(checkout.top, push_tag=True, remote="--exec=sh")
    with pytest.raises(mv.InvalidValue, match="no tag is to be made"):
        registry.release_project(checkout.top, push_tag=True, tag=False)
    shutil.rmtree(checkout.top / ".git")
    checkout.git("init", "--quiet")
    with pytest.raises(mv.StoreError, match="no commit to tag"):
        registry.release_project(checkout.top)
    assert not root.exists()
    assert registry.release_project(checkout.top, tag=False).created


def test_a_detached_head_is_tagged(registry: mv.Registry, checkout: Checkout) -> None:
    """That is what CI checks out."""
    checkout.git("checkout", "--quiet", "--detach")
    made = registry.release_project(checkout.top)
    assert checkout.tags == {made.tag: checkout.git("rev-parse", "HEAD")}


def test_what_a_release_writes_is_no_part_of_the_next(registry: mv.Registry, checkout: Checkout) -> None:
    """Even where the patterns name it, and where it is committed."""
    text = PROJECT.replace('prompts = "prompts/**"', 'prompts = "prompts/**"\ndocs = "**/*.md"')
    (checkout.top / "modelver.toml").write_text(text)
    (checkout.top / "README.md").write_text("# Fraud")
    (checkout.top / ".gitignore").unlink()
    checkout.commit()
    made = registry.release_project(checkout.top)
    assert made.record is not None
    assert [file.path for file in made.record.files] == ["README.md", "prompts/system.txt"]
    checkout.commit()
    (checkout.top / "release" / "notes.md").write_text("Read me.")
    assert not registry.release_project(checkout.top).created
    (checkout.top / "release" / "more.md").write_text("Mine.")
    checkout.commit()
    (checkout.top / "release" / "more.md").write_text("Changed.")
    with pytest.raises(mv.Refused, match=r"release/more\.md"):
        registry.release_project(checkout.top)


def test_other_schemes_have_tags_too(registry: mv.Registry, checkout: Checkout) -> None:
    """The version as it stands, and a word that GTO does not read it."""
    text = PROJECT.replace('name = "acme/fraud"', 'name = "bot"\nscheme = "cx-v{major}.{minor}"')
    (checkout.top / "modelver.toml").write_text(text)
    checkout.commit()
    made = registry.release_project(checkout.top)
    assert (made.ref, made.tag) == ("bot:cx-v1.0", "bot@cx-v1.0")
    assert "gto reads semantic versions only" in str(made)


def test_a_claimed_version_must_fit(registry: mv.Registry, root: Path, checkout: Checkout) -> None:
    """The project file's claim is checked as `check` does; a person who names a version is believed."""
    registry.release_project(checkout.top)
    claimed = PROJECT.replace("[model]", '[model]\nversion = "1.0.0"')
    (checkout.top / "modelver.toml").write_text(claimed)
    checkout.change("Be polite.")
    before = snapshot(root)
    with pytest.raises((mv.Refused, mv.AlreadyExists)):
        registry.release_project(checkout.top)
    (checkout.top / "modelver.toml").write_text(claimed.replace("1.0.0", "1.0.1"))
    checkout.commit()
    with pytest.raises(mv.Refused, match="lower than the changes call for"):
        registry.release_project(checkout.top)
    assert snapshot(root) == before
    assert registry.release_project(checkout.top, version="1.0.1").ref == "acme/fraud:1.0.1"
    checkout.change("Be brief.")
    assert registry.release_project(checkout.top, version="3.0.0").why.startswith(
        "what changed since 1.0.1 calls for minor"
    )


def test_what_was_yanked_is_not_released_again(registry: mv.Registry, checkout: Checkout) -> None:
    """A job that runs again does not bring it back under another number; a new commit does."""
    registry.release_project(checkout.top)
    registry.yank("acme/fraud:1.0.0", reason="leaks")
    with pytest.raises(mv.Refused, match=r"yanked.*leaks"):
        registry.release_project(checkout.top)
    checkout.change("Be polite.")
    assert registry.release_project(checkout.top, alias="staging").ref == "acme/fraud:1.1.0"


def test_an_id_of_ones_own_stands_for_one_release(registry: mv.Registry, checkout: Checkout) -> None:
    """Repeating it finds that release; other content under it is refused."""
    made = registry.release_project(checkout.top, commit_id="run-7")
    assert registry.release_project(checkout.top, commit_id="run-7").digest == made.digest
    checkout.change("Be polite.")
    with pytest.raises(mv.AlreadyExists, match="commit_id"):
        registry.release_project(checkout.top, commit_id="run-7")


def test_a_release_shows_itself(registry: mv.Registry, checkout: Checkout) -> None:
    """As text, as data, in a notebook, and as a summary in which hostile text does nothing."""
    hostile = "x|y\n| a | [evil](http://evil) <script>alert(1)</script> `code` ${{ secrets.X }} | @all"
    text = PROJECT.replace("f1 = 0.9", f'f1 = 0.9\n"{"evil](http://x)|"}" = 1')
    (checkout.top / "modelver.toml").write_text(text)
    checkout.commit()
    registry.release_project(checkout.top, changelog=hostile, alias="staging", reason=hostile)
    (checkout.top / "modelver.toml").write_text(text.replace("0.9", "0.8"))
    checkout.commit()
    made = registry.release_project(checkout.top, changelog=hostile, alias="staging", reason=hostile)
    assert (made.bump, made.former, made.metrics[-1].better) == ("patch", "1.0.0", False)
    summary = made.summary()
    assert "| f1 | 0.9 | 0.8 | worse |" in summary
    assert "](http" not in summary.replace("\\]", "")
    assert "http://" not in summary
    assert "www." not in summary
    assert "<script" not in summary
    assert "acme/fraud:1.0.1 was registered" in str(made)
    assert made.to_dict()["bump"] == "patch"
    assert "<script" not in made._repr_html_()
    for path in made.files.values():
        assert "<script" not in path.read_text().replace("\\<", "")


@pytest.mark.usefixtures("unmeasured")
def test_releases_at_once_do_not_meet(checkout: Checkout, root: Path, tmp_path: Path) -> None:
    """Two processes that release one commit make one version and one tag; two commits make two of each."""
    other = Checkout(tmp_path / "other")
    checkout.git("clone", "--quiet", str(checkout.top), str(other.top))
    other.change("Be polite.")
    processes = [start(root, each.top) for each in (checkout, checkout, other, other)]
    assert [process.wait() for process in processes] == [0, 0, 0, 0]
    registry = mv.Registry(root)
    versions = {str(each.version): each.digest for each in registry.versions("acme/fraud")}
    assert sorted(versions) == ["1.0.0", "1.1.0"]
    tags = {**checkout.tags, **other.tags}
    assert sorted(tags) == [f"acme/fraud@v{version}" for version in sorted(versions)]
    assert len({*tags.values()}) == 2
    assert registry.resolve("acme/fraud@staging").version == "1.1.0"


@pytest.mark.usefixtures("unmeasured")
@pytest.mark.parametrize("rounds", [3, pytest.param(60, marks=[pytest.mark.full, pytest.mark.timeout(1200)])])
def test_whenever_it_is_killed_it_can_be_completed(checkout: Checkout, root: Path, rounds: int) -> None:
    """One version, one tag, one move of the alias for each commit, wherever the first run ended."""
    seed = secrets.randbits(32)
    print(f"seed {seed}")  # noqa: T201 (for who looks into a failure)
    chance = random.Random(seed)  # noqa: S311 (no secret)
    started = time.monotonic()
    assert start(root, checkout.top).wait() == 0
    seconds = time.monotonic() - started
    registry = mv.Registry(root)
    commits = {"acme/fraud@v1.0.0": checkout.git("rev-parse", "HEAD")}
    for number in range(1, rounds + 1):
        commits[f"acme/fraud@v1.{number}.0"] = checkout.change(f"Be polite, {number}.")
        process = start(root, checkout.top)
        time.sleep(chance.uniform(0.2, 1.0) * seconds)
        process.kill()
        process.wait()
        done = registry.release_project(checkout.top, alias="staging")
        assert (done.tag, done.moved) == (f"acme/fraud@v1.{number}.0", True)
        assert not registry.release_project(checkout.top, alias="staging").created
    assert checkout.tags == commits
    assert len(registry.versions("acme/fraud")) == rounds + 1
    assert len(registry.history("acme/fraud", alias="staging")) == rounds + 1
    assert registry.verify()
    assert sorted(path.name for path in (checkout.top / "release").iterdir())[-2:] == ["card.md", "notes.md"]
