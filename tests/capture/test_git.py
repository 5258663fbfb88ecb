"""The checkout is described as git sees it, and nothing that it names is started."""

import os
import subprocess
import time
from pathlib import Path

import pytest

from modelver.capture import process
from modelver.capture.git import capture_code, changed_submodules, find_checkout
from modelver.values.provenance import Code
from tests.capture.conftest import Checkout


def test_a_clean_checkout_is_described(checkout: Checkout) -> None:
    """Remote, commit and branch are found, and nothing is dirty."""
    checkout.git("remote", "add", "origin", "https://github.com/acme/fraud.git")
    commit = checkout.git("rev-parse", "HEAD")
    expected = Code("https://github.com/acme/fraud.git", commit, "main", dirty=False)
    assert capture_code(checkout.top) == expected


def test_a_folder_and_a_file_say_where_they_are(checkout: Checkout) -> None:
    """The path inside of the checkout is recorded, and for a file that of its folder."""
    file = checkout.write("models/fraud/train.py", "")
    found = [capture_code(file.parent), capture_code(file), capture_code(checkout.top)]
    assert [code and code.path for code in found] == ["models/fraud", "models/fraud", ""]


def test_a_folder_outside_of_git_has_no_code(tmp_path: Path) -> None:
    """Without a checkout there is nothing to describe, whether or not the folder exists."""
    assert capture_code(tmp_path) is None
    assert capture_code(tmp_path / "missing") is None


def test_a_checkout_without_commits_has_no_commit(tmp_path: Path, user_settings: Path) -> None:
    """Before the first commit there is a branch already."""
    checkout = Checkout(tmp_path / "new")
    checkout.top.mkdir()
    checkout.git("init", "--quiet")
    assert capture_code(checkout.top) == Code(branch="main", dirty=False)
    checkout.write("train.py", "")
    checkout.git("add", "train.py")
    assert capture_code(checkout.top) == Code(branch="main", dirty=True)


def test_a_detached_head_has_no_branch(checkout: Checkout) -> None:
    """CI systems check commits out, not branches."""
    commit = checkout.git("rev-parse", "HEAD")
    checkout.git("checkout", "--quiet", "--detach")
    assert capture_code(checkout.top) == Code(commit=commit, dirty=False)


def test_a_branch_may_have_any_name(checkout: Checkout) -> None:
    """Slashes and letters of all languages are kept."""
    checkout.git("checkout", "--quiet", "-b", "größe/実験")
    code = capture_code(checkout.top)
    assert code
    assert code.branch == "größe/実験"


@pytest.mark.parametrize("change", ["modified", "staged", "deleted"])
def test_a_change_to_a_tracked_file_is_dirty(checkout: Checkout, change: str) -> None:
    """Staged or not, what differs from the commit can't be had from it."""
    file = checkout.top / "train.py"
    file.unlink() if change == "deleted" else file.write_text("print('changed')\n")
    if change == "staged":
        checkout.git("add", "train.py")
    code = capture_code(checkout.top)
    assert code
    assert code.dirty is True


def test_untracked_files_are_not_dirty(checkout: Checkout) -> None:
    """Builds and data that git doesn't track don't count."""
    checkout.write("build/model.bin", "weights")
    code = capture_code(checkout.top / "build")
    assert code
    assert code.dirty is False


def test_a_touched_file_is_not_dirty(checkout: Checkout) -> None:
    """A file with new times and old bytes is unchanged, and git's index isn't written to find that out."""
    os.utime(checkout.top / "train.py", (1, 1))
    index = (checkout.top / ".git" / "index").read_bytes()
    code = capture_code(checkout.top)
    assert code
    assert code.dirty is False
    assert (checkout.top / ".git" / "index").read_bytes() == index


def test_a_worktree_is_a_checkout_of_its_own(checkout: Checkout, tmp_path: Path) -> None:
    """A second working tree has its own branch and its own changes."""
    checkout.git("worktree", "add", "--quiet", "-b", "other", str(tmp_path / "second"))
    checkout.write("train.py", "changed")
    code = capture_code(tmp_path / "second")
    assert code == Code(commit=checkout.git("rev-parse", "other"), branch="other", dirty=False)


@pytest.fixture
def superproject(checkout: Checkout, tmp_path: Path) -> Checkout:
    """A clean checkout with a submodule in `lib/part`."""
    part = Checkout(tmp_path / "part")
    part.write("part.py", "part\n")
    part.git("init", "--quiet")
    part.commit()
    checkout.git("submodule", "--quiet", "add", str(part.top), "lib/part")
    checkout.commit()
    return checkout


def test_a_clean_submodule_is_not_dirty(superproject: Checkout) -> None:
    """A submodule at its commit changes nothing, untracked files in it included."""
    superproject.write("lib/part/build.bin", "")
    code = capture_code(superproject.top)
    assert code
    assert code.dirty is False


def test_a_change_inside_of_a_submodule_is_dirty(superproject: Checkout) -> None:
    """A tracked file that was changed in a submodule counts, and the submodule is named."""
    git = find_checkout(superproject.top, patience=120)
    assert git
    assert changed_submodules(git) == ()
    superproject.write("lib/part/part.py", "changed\n")
    code = capture_code(superproject.top)
    assert code
    assert code.dirty is True
    assert changed_submodules(git) == ("lib/part",)


def test_another_commit_in_a_submodule_is_dirty(superproject: Checkout) -> None:
    """A submodule at another commit than the recorded one counts."""
    part = Checkout(superproject.top / "lib" / "part")
    part.write("part.py", "changed\n")
    part.commit()
    code = capture_code(superproject.top)
    assert code
    assert code.dirty is True


def test_a_folder_in_a_submodule_is_described_by_the_submodule(
    superproject: Checkout, tmp_path: Path
) -> None:
    """The nearest checkout is the one that counts."""
    code = capture_code(superproject.top / "lib" / "part")
    assert code
    assert (code.repository, code.path) == (str(tmp_path / "part"), "")


@pytest.mark.parametrize("path", [".", "..", "lib/loop"])
def test_submodules_that_lead_astray_are_passed_over(superproject: Checkout, path: str) -> None:
    """A submodule's path that leads up, or is a link that does, ends no later for it."""
    (superproject.top / "lib" / "loop").symlink_to(superproject.top)
    superproject.git("config", "--file", ".gitmodules", "submodule.lib/part.path", path)
    superproject.commit()
    code = capture_code(superproject.top)
    assert code
    assert code.dirty is False


@pytest.mark.parametrize(
    ("remotes", "expected"),
    [
        ({"origin": "https://ann:t0ken@git.example/a.git"}, "https://git.example/a.git"),
        ({"backup": "git@b.example:b.git", "origin": "git@a.example:a.git"}, "git@a.example:a.git"),
        ({"zeta": "git@z.example:z.git", "beta": "git@b.example:b.git"}, "git@b.example:b.git"),
        ({}, ""),
    ],
)
def test_the_remote_is_recorded_without_credentials(
    checkout: Checkout, remotes: dict[str, str], expected: str
) -> None:
    """`origin` comes first, else the first by name; tokens stay out."""
    for name, url in remotes.items():
        checkout.git("remote", "add", name, url)
    code = capture_code(checkout.top)
    assert code
    assert code.repository == expected


def test_tokens_in_the_users_settings_stay_out(checkout: Checkout, user_settings: Path) -> None:
    """Rewriting rules, where CI systems keep tokens, are not applied to the recorded address."""
    with user_settings.open("a") as settings:
        settings.write('[url "https://x:t0ken@git.example/"]\ninsteadOf = https://git.example/\n')
    checkout.git("remote", "add", "origin", "https://git.example/a.git")
    code = capture_code(checkout.top)
    assert code
    assert code.repository == "https://git.example/a.git"


def test_a_hook_that_calls_us_does_not_lead_astray(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Git tells its hooks where to look; the folder counts all the same."""
    monkeypatch.setenv("GIT_DIR", "/nowhere")
    monkeypatch.setenv("GIT_INDEX_FILE", "/nowhere/index")
    assert capture_code(checkout.top) is not None


def test_without_git_there_is_no_code(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A machine without git registers all the same."""
    monkeypatch.setenv("PATH", str(tmp_path))
    assert capture_code(checkout.top) is None


def test_a_checkout_that_git_does_not_trust_has_no_code(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A checkout that belongs to another account is left alone, as `safe.directory` asks."""
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    assert capture_code(checkout.top) is None


@pytest.mark.parametrize("content", [None, "gitdir: /nowhere\n"])
def test_a_broken_checkout_has_no_code(checkout: Checkout, content: str | None) -> None:
    """A `.git` that is none hides the checkout around it, rather than being taken for it."""
    inner = checkout.top / "inner"
    inner.mkdir()
    (inner / ".git").mkdir() if content is None else (inner / ".git").write_text(content)
    assert capture_code(inner) is None


def spy(folder: Path) -> tuple[Path, str]:
    """Return a mark, and a command that leaves it and passes its input on."""
    mark, script = folder / "mark", folder / "spy.sh"
    script.write_text(f"#!/bin/sh\ntouch '{mark}'\ncat\n")
    script.chmod(0o755)
    return mark, str(script)


def plain_status(top: Path) -> None:
    """Run git as a careless program would."""
    subprocess.run(["git", "status"], cwd=top, check=False, capture_output=True)


@pytest.mark.parametrize(
    "settings",
    [
        {"core.fsmonitor": "SPY"},
        {"filter.evil.clean": "SPY"},
        {"filter.evil=x.clean": "SPY"},
        {"filter.evil.clean": "SPY", "filter.evil.required": "true"},
    ],
)
@pytest.mark.parametrize("place", ["local", "worktree", "included"])
def test_programs_that_a_checkout_names_are_not_started(
    checkout: Checkout, tmp_path: Path, settings: dict[str, str], place: str
) -> None:
    """A checkout from a stranger's archive can't run anything, in whichever of its files it is set."""
    name = "evil=x" if "filter.evil=x.clean" in settings else "evil"
    checkout.write(".gitattributes", f"*.py filter={name}\n")
    checkout.commit()
    (checkout.top / "train.py").write_text("print('trainin!')\n")
    mark, command = spy(tmp_path)
    checkout.git("config", "extensions.worktreeConfig", "true")
    where = {"local": ["--local"], "worktree": ["--worktree"], "included": ["--file", ".git/more"]}[place]
    checkout.git("config", "include.path", "more")
    for key, value in settings.items():
        checkout.git("config", *where, key, value.replace("SPY", command))
    code = capture_code(checkout.top)
    assert code
    assert code.commit
    assert code.dirty in (True, None)
    assert not mark.exists()
    plain_status(checkout.top)
    assert mark.exists(), "the trap works"


def test_programs_that_a_submodule_names_are_not_started(superproject: Checkout, tmp_path: Path) -> None:
    """The same holds for the settings of submodules."""
    part = Checkout(superproject.top / "lib" / "part")
    part.write(".gitattributes", "*.py filter=evil\n")
    part.commit()
    superproject.commit()
    mark, command = spy(tmp_path)
    part.git("config", "filter.evil.clean", command)
    os.utime(part.top / "part.py", (1, 1))
    code = capture_code(superproject.top)
    assert code
    assert code.dirty is False
    assert not mark.exists()
    plain_status(superproject.top)
    assert mark.exists(), "the trap works"


def test_git_lfs_extensions_switch_the_filters_off(
    checkout: Checkout, user_settings: Path, tmp_path: Path
) -> None:
    """Git LFS would start what a checkout calls its extension, so then even the user's own filter is not run."""
    mark, command = spy(tmp_path)
    with user_settings.open("a") as settings:
        settings.write(f'[filter "lfs"]\nclean = {command}\n')
    checkout.write(".gitattributes", "*.py filter=lfs\n")
    checkout.write("train.py", "print('training more')\n")
    checkout.commit()
    mark.unlink()
    os.utime(checkout.top / "train.py", (1, 1))
    checkout.git("config", "lfs.extension.evil.clean", "anything")
    code = capture_code(checkout.top)
    assert code
    assert code.dirty is False
    assert not mark.exists()


def test_filters_of_the_user_are_applied(checkout: Checkout, user_settings: Path) -> None:
    """What the user's own filter stores the same is unchanged."""
    with user_settings.open("a") as settings:
        settings.write('[filter "case"]\nclean = tr a-z A-Z\n')
    checkout.write(".gitattributes", "*.py filter=case\n")
    checkout.write("train.py", "print('training more')\n")
    checkout.commit()
    checkout.write("train.py", "PRINT('training more')\n")
    code = capture_code(checkout.top)
    assert code
    assert code.dirty is False


def test_a_git_inside_of_the_checkout_is_not_started(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A program of that name in the checkout itself is no git."""
    mark, command = spy(tmp_path)
    (checkout.top / "git").symlink_to(command)
    checkout.write("tools/git", Path(command).read_text()).chmod(0o755)
    monkeypatch.setenv("PATH", str(checkout.top / "tools"))
    assert capture_code(checkout.top) is None
    assert not mark.exists()


def is_running(number: Path) -> bool:
    """Say whether the process whose number is in a file, if it came to that, is still at work."""
    written = number.read_text().strip() if number.exists() else ""
    try:
        status = Path(f"/proc/{written}/stat").read_text() if written else ""
    except (FileNotFoundError, ProcessLookupError):
        return False
    return bool(status) and status.rpartition(")")[2].split()[0] not in {"Z", "X"}


def test_a_slow_checkout_is_described_without_its_changes(
    checkout: Checkout, user_settings: Path, tmp_path: Path
) -> None:
    """Where looking at the files takes too long, commit and branch are still found, and nothing is left running."""
    checkout.write(".gitattributes", "*.py filter=slow\n")
    commit = checkout.commit()
    number = tmp_path / "number"
    with user_settings.open("a") as settings:
        settings.write(f'[filter "slow"]\nclean = "echo $$ > {number}; exec sleep 600"\n')
    os.utime(checkout.top / "train.py", (1, 1))
    assert capture_code(checkout.top, patience=2.0) == Code(commit=commit, branch="main", dirty=None)
    deadline = time.monotonic() + 60
    while is_running(number):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_checkout_with_endless_changes_is_described_without_them(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What git says is read up to a limit; beyond it, commit and branch are still found."""
    commit = checkout.git("rev-parse", "HEAD")
    for i in range(200):
        checkout.write(f"file{i}.py", "")
    checkout.git("add", "--all")
    monkeypatch.setattr(process, "_MAX_OUTPUT", 1000)
    assert capture_code(checkout.top) == Code(commit=commit, branch="main", dirty=None)


def test_a_git_that_cannot_be_started_gives_no_code(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A broken installation of git fails nothing."""
    (tmp_path / "git").write_text("#!/nowhere\n")
    (tmp_path / "git").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert capture_code(checkout.top) is None


def test_links_in_a_circle_are_passed_over(superproject: Checkout) -> None:
    """Neither a folder nor a submodule is found at the end of them."""
    circle = superproject.top / "circle"
    circle.symlink_to(circle)
    superproject.git("config", "--file", ".gitmodules", "submodule.lib/part.path", "circle/part")
    superproject.commit()
    code = capture_code(circle)
    assert code
    assert code.dirty is False


def test_no_time_at_all_gives_no_code(checkout: Checkout) -> None:
    """A checkout that doesn't answer at all is not described."""
    assert capture_code(checkout.top, patience=-1.0) is None
