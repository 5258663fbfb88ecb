"""A release tells the truth: what it would do is what it does, and what it says of a rerun is so."""

import os
import shutil
from pathlib import Path

import pytest

import modelver as mv
from tests.registry.releases import Checkout, make_checkout, outcomes


def test_an_alias_that_reads_as_a_version_is_refused_before_anything_is_done(
    registry: mv.Registry, root: Path, checkout: Checkout
) -> None:
    """A dry run says so as well."""
    with pytest.raises(mv.InvalidName, match="must not read as a version"):
        registry.release_project(checkout.top, alias="1.0.0")
    told = registry.release_project(checkout.top, alias="1.0.0", dry_run=True)
    assert (bool(told), outcomes(told)["alias"]) == (False, "refused")
    assert (root.exists(), checkout.tags) == (False, {})


def test_a_tag_at_another_commit_is_told_before_anything_is_done(
    registry: mv.Registry, checkout: Checkout, tmp_path: Path
) -> None:
    """Even where it says the right digest, as when a registry is set up anew: the tag would lie about the commit."""
    registry.release_project(checkout.top)
    checkout.commit()
    anew = mv.Registry(tmp_path / "anew")
    told = anew.release_project(checkout.top, dry_run=True)
    assert (bool(told), outcomes(told)["tag"]) == (False, "refused")
    with pytest.raises(mv.AlreadyExists, match="another commit"):
        anew.release_project(checkout.top)
    assert not (tmp_path / "anew").exists()


def test_tags_of_clone_and_remote_both_count(
    registry: mv.Registry, checkout: Checkout, tmp_path: Path
) -> None:
    """One that fits here hides none there; a dry run that is to push asks the remote, too, and brings nothing."""
    bare = tmp_path / "remote"
    checkout.git("init", "--quiet", "--bare", str(bare))
    checkout.git("remote", "add", "origin", str(bare))
    made = registry.release_project(checkout.top)
    first = checkout.git("rev-parse", "HEAD")
    checkout.git("push", "--quiet", "origin", f"{first}:refs/tags/{made.tag}")
    assert registry.release_project(checkout.top, dry_run=True)
    told = registry.release_project(checkout.top, push_tag=True, dry_run=True)
    assert (bool(told), outcomes(told)["tag"]) == (False, "refused")
    checkout.git("tag", "--delete", made.tag)
    with pytest.raises(mv.AlreadyExists, match="not made by a release"):
        registry.release_project(checkout.top, push_tag=True, dry_run=True).raise_if_failed()
    assert checkout.tags == {}
    checkout.git("remote", "set-url", "origin", str(tmp_path / "nowhere"))
    told = registry.release_project(checkout.top, push_tag=True, dry_run=True)
    assert "can't be asked" in str(told.error)


def test_a_checkout_that_can_not_be_asked_is_not_taken_for_clean(
    registry: mv.Registry, root: Path, checkout: Checkout
) -> None:
    """Git reads neither commit nor changes out of a broken index; somebody may allow it."""
    (checkout.top / ".git" / "index").write_text("broken")
    with pytest.raises(mv.Refused, match=r"can't be told whether.*--allow-dirty"):
        registry.release_project(checkout.top)
    assert not root.exists()
    made = registry.release_project(checkout.top, allow_dirty=True)
    assert (made.created, made.tag) == (True, "acme/fraud@v1.0.0")


def test_a_change_in_a_submodule_counts_beside_what_a_release_writes(
    registry: mv.Registry, checkout: Checkout, tmp_path: Path
) -> None:
    """Card and notes may differ, and hide nothing else."""
    part = make_checkout(tmp_path / "part")
    (checkout.top / ".gitignore").unlink()
    checkout.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(part.top), "lib/part")
    (checkout.top / "release").mkdir()
    (checkout.top / "release" / "notes.md").write_text("None yet.")
    checkout.commit()
    (checkout.top / "release" / "notes.md").write_text("Read me.")
    assert registry.release_project(checkout.top, dry_run=True)
    (checkout.top / "lib" / "part" / "prompts" / "system.txt").write_text("Be rude.")
    with pytest.raises(mv.Refused, match=r"tracked files differ.*lib/part"):
        registry.release_project(checkout.top)
    checkout.git("checkout", "--quiet", "release/notes.md")
    with pytest.raises(mv.Refused, match=r"tracked files differ.*lib/part"):
        registry.release_project(checkout.top)


@pytest.mark.parametrize("name", ["veröffentlicht", 'of a\t"run"', "a\\b"])
def test_what_a_release_writes_may_lie_in_a_folder_of_any_name(
    registry: mv.Registry, checkout: Checkout, name: str
) -> None:
    """Git would write such a path in C's notation."""
    folder = checkout.top / name
    folder.mkdir()
    (folder / "notes.md").write_text("None yet.", encoding="utf-8")
    checkout.commit()
    for _ in range(2):
        assert registry.release_project(checkout.top, output=folder)
    assert checkout.git("status", "--porcelain", "--untracked-files=no")


def test_no_name_hides_a_change(registry: mv.Registry, checkout: Checkout) -> None:
    """One that has a line separator of Unicode in it is no two names."""
    (checkout.top / ".gitignore").unlink()
    sly = checkout.top / "release" / "notes.md\u2028x.py"
    sly.parent.mkdir()
    sly.write_text("1", encoding="utf-8")
    checkout.commit()
    sly.write_text("2", encoding="utf-8")
    with pytest.raises(mv.Refused, match="tracked files differ"):
        registry.release_project(checkout.top)


def test_a_git_that_is_too_old_tells_nothing_of_a_checkout(
    registry: mv.Registry, root: Path, checkout: Checkout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before 2.26 it doesn't know whose a setting is."""
    git = shutil.which("git")
    old = tmp_path / "bin" / "git"
    old.parent.mkdir()
    old.write_text(f'#!/bin/sh\ncase "$*" in *--show-scope*) exit 129;; esac\nexec {git} "$@"\n')
    old.chmod(0o755)
    monkeypatch.setenv("PATH", str(old.parent), prepend=os.pathsep)
    with pytest.raises(mv.Refused, match="can't be told whether"):
        registry.release_project(checkout.top)
    assert not root.exists()


def test_the_same_from_the_same_commit_is_one_version(registry: mv.Registry, checkout: Checkout) -> None:
    """Also where others released in between, and where tracked files differ: those of a release, or what was allowed."""
    (checkout.top / ".gitignore").unlink()
    (checkout.top / "release").mkdir()
    (checkout.top / "release" / "notes.md").write_text("None yet.")
    first = checkout.commit()
    made = registry.release_project(checkout.top)
    assert checkout.git("status", "--porcelain", "--untracked-files=no")
    checkout.git("checkout", "--quiet", ".")
    checkout.change("Be polite.")
    assert registry.release_project(checkout.top).ref == "acme/fraud:1.1.0"
    checkout.git("checkout", "--quiet", "--force", first)
    (checkout.top / "release" / "notes.md").write_text("Mine.")
    again = registry.release_project(checkout.top)
    assert (again.ref, again.created) == (made.ref, False)
    prompt = checkout.top / "prompts" / "system.txt"
    for text, ref in (("Be brief.", "1.2.0"), ("Be quick.", "1.3.0"), ("Be brief.", "1.2.0")):
        prompt.write_text(text)
        assert registry.release_project(checkout.top, allow_dirty=True).ref == f"acme/fraud:{ref}"


def test_files_are_never_written_through_a_link(
    registry: mv.Registry, checkout: Checkout, tmp_path: Path
) -> None:
    """A link in the place of a file, or of what would become it, is no way to another file; the mode is the usual one."""
    victim = tmp_path / "victim"
    victim.write_text("precious")
    output = tmp_path / "output"
    output.mkdir()
    for name in ("card.md", "notes.md", f".notes.md.{os.getpid()}.tmp"):
        (output / name).symlink_to(victim)
    registry.release_project(checkout.top, output=output)
    usual = tmp_path / "usual"
    usual.write_text("")
    for name in ("card.md", "notes.md"):
        assert not (output / name).is_symlink()
        assert (output / name).stat().st_mode == usual.stat().st_mode
    assert victim.read_text() == "precious"


def test_a_release_folder_that_leads_out_of_the_project_is_refused(
    registry: mv.Registry, root: Path, checkout: Checkout, tmp_path: Path
) -> None:
    """A project may come with such a link; who names the place that it leads to is believed."""
    (tmp_path / "outside").mkdir()
    (checkout.top / "release").symlink_to(tmp_path / "outside")
    with pytest.raises(mv.Refused, match=r"leads out of the project.*--output"):
        registry.release_project(checkout.top)
    assert outcomes(registry.release_project(checkout.top, dry_run=True))["files"] == "refused"
    assert (root.exists(), [*(tmp_path / "outside").iterdir()]) == (False, [])
    assert registry.release_project(checkout.top, output=tmp_path / "outside")
    (checkout.top / "release").unlink()
    (checkout.top / "release").symlink_to("release")
    with pytest.raises(mv.StoreError, match="output folder can't be written"):
        registry.release_project(checkout.top)


def test_a_dry_run_of_what_an_alias_names_says_so(registry: mv.Registry, checkout: Checkout) -> None:
    """As the run itself would, with what the gates said then: rules that came since do not undo it."""
    registry.release_project(checkout.top, alias="staging")
    checkout.change("Be polite.")
    registry.release_project(checkout.top, alias="staging")
    registry.set_policy("acme/fraud", {"require": {"alias": {"staging": {"approvals": ["legal"]}}}})
    done = registry.release_project(checkout.top, alias="staging")
    told = registry.release_project(checkout.top, alias="staging", dry_run=True)
    assert (bool(told), told.moved, told.former, told.moving) == (True, True, "1.0.0", done.moving)
    assert (done.moved, done.former) == (True, "1.0.0")
    assert "| alias | staging names it |" in told.summary()
    registry.rollback("acme/fraud", "staging", reason="rude")
    done = registry.release_project(checkout.top, alias="staging")
    told = registry.release_project(checkout.top, alias="staging", dry_run=True)
    assert (bool(told), told.moved, told.former, told.moving) == (True, False, done.former, done.moving)
    assert outcomes(told)["alias"] == outcomes(done)["alias"] == "left"


def test_a_dry_run_compares_with_what_the_alias_names(registry: mv.Registry, checkout: Checkout) -> None:
    """Where the version is there and the alias is to move to it, as in the run itself."""
    registry.release_project(checkout.top, alias="staging")
    for text in ("Be polite.", "Be brief."):
        checkout.change(text)
        registry.release_project(checkout.top)
    told = registry.release_project(checkout.top, alias="staging", dry_run=True)
    done = registry.release_project(checkout.top, alias="staging")
    assert told.former == done.former == "1.0.0"
    assert (told.ref, told.previous) == ("acme/fraud:1.2.0", "1.1.0")


def test_a_rerun_that_is_refused_says_that_the_version_is_there(
    registry: mv.Registry, checkout: Checkout
) -> None:
    """It was released, whatever is in the way now."""
    registry.release_project(checkout.top, alias="staging")
    (checkout.top / ".gitignore").write_text("release/\n*.tmp\n")
    told = registry.release_project(checkout.top, alias="staging", strict=False)
    assert (bool(told), told.moved, outcomes(told)["register"]) == (False, True, "already")
    assert told.headline == "acme/fraud:1.0.0 is there already"
    (checkout.top / "prompts" / "system.txt").write_text("Be polite.")
    told = registry.release_project(checkout.top, strict=False)
    assert told.headline == "acme/fraud:1.1.0 was not released"


def test_a_release_below_all_others_is_not_called_the_first(
    registry: mv.Registry, checkout: Checkout
) -> None:
    """Neither by the answer nor by the notes; pre-releases are no releases."""
    registry.release_project(checkout.top, bump="prerelease")
    checkout.change("Be nice.")
    assert registry.release_project(checkout.top, version="1.0.0").why == "the first release"
    checkout.change("Be polite.")
    made = registry.release_project(checkout.top, version="0.9.0")
    assert (made.previous, made.bump, made.why) == ("", "", "lower than every release before it")
    assert "Lower than every release before it." in made.files["notes"].read_text()
    again = registry.release_project(checkout.top, version="0.9.0")
    assert (again.created, again.why) == (False, made.why)
