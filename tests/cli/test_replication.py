"""push, pull, mirror, export and import, as commands."""

import re
from pathlib import Path
from typing import Any

import pytest

import modelver as mv
from tests.cli.support import Run
from tests.registries import objects
from tests.servers.seaweedfs import SeaweedFS

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "cli.md").read_text(encoding="utf-8")
KEYS = {
    "source",
    "target",
    "models",
    "versions",
    "commits",
    "blobs",
    "size",
    "skipped",
    "on_server",
}


def documented(verb: str) -> set[str]:
    """Return the words that a verb's section marks as code."""
    found = re.search(rf"^## `modelver {verb}`\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    assert found
    return set(re.findall(r"`([a-z_]+)`", found[1]))


def test_a_version_is_pushed(run: Run, fraud: str, tmp_path: Path) -> None:
    """Stdout has the versions that are new there, stderr the rest; again, there is nothing new."""
    run("init", tmp_path / "other")
    done = run("push", f"{fraud}:1.1.0", "--to", tmp_path / "other")
    assert done.stdout == f"{fraud}:1.1.0\n"
    assert "1 version, 2 commits" in done.stderr
    assert run("push", f"{fraud}@production", "--to", tmp_path / "other").stdout == ""
    answer: Any = run("push", fraud, "--to", tmp_path / "other", "--json").json
    assert set(answer) == KEYS
    assert documented("push") >= KEYS
    assert answer["versions"] == [f"{fraud}:1.0.0"]
    assert answer["models"] == [fraud]


def test_a_version_is_pulled(run: Run, fraud: str, registry_path: Path, tmp_path: Path) -> None:
    """The same from the other side."""
    run("init", tmp_path / "other")
    done = run("--registry", tmp_path / "other", "pull", fraud, "--from", registry_path)
    assert done.stdout == f"{fraud}:1.0.0\n{fraud}:1.1.0\n"
    answer = run("--registry", tmp_path / "other", "pull", fraud, "--from", registry_path, "--json").json
    assert answer["versions"] == []


def test_a_registry_is_mirrored(run: Run, fraud: str, registry_path: Path, tmp_path: Path) -> None:
    """A mirror has the registry's bytes; a diverged one exits with 5, another registry with 4."""
    assert run("mirror", "--to", tmp_path / "copy").stdout == f"{fraud}:1.0.0\n{fraud}:1.1.0\n"
    assert objects(tmp_path / "copy") == objects(registry_path)
    assert "nothing new" in run("mirror", "--to", tmp_path / "copy").stderr
    copy = mv.Registry(tmp_path / "copy", cache_dir=tmp_path / "cache")
    copy.annotate(f"{fraud}:1.0.0", "written in the copy")
    run("yank", f"{fraud}:1.0.0", "--reason", "written here")
    error = run("mirror", "--to", tmp_path / "copy", "--json", code=5)
    assert "diverged at commit" in error.json["error"]["what"]
    run("init", tmp_path / "own")
    assert "another registry" in run("mirror", "--to", tmp_path / "own", code=4).stderr


def test_a_bundle_goes_out_and_comes_in(run: Run, fraud: str, tmp_path: Path) -> None:
    """Export prints the file's path, import the versions that are new; a damaged one exits with 7."""
    bundle = tmp_path / "fraud.modelver"
    assert run("export", fraud, "--to", bundle).stdout == f"{bundle}\n"
    answer = run("export", fraud, "--to", bundle, "--json").json
    assert set(answer) <= documented("export")
    assert answer["size"] == bundle.stat().st_size
    there = ("--registry", tmp_path / "there")
    assert run(*there, "import", bundle).stdout == f"{fraud}:1.0.0\n{fraud}:1.1.0\n"
    assert set(run(*there, "import", bundle, "--json").json) == KEYS
    assert run(*there, "verify").code == 0
    run("export", "--to", bundle, code=4)
    run("export", "--to", bundle, "--overwrite")
    data = bytearray(bundle.read_bytes())
    data[data.index(b"first") + 2] ^= 1  # the first version's weights
    bundle.write_bytes(data)
    run("--registry", tmp_path / "new", "import", bundle, code=7)
    bundle.write_bytes(b"no bundle")
    assert "not a bundle" in run(*there, "import", bundle, code=2).stderr
    run(*there, "import", tmp_path / "nothing", code=3)


@pytest.mark.parametrize("verb", ["push", "pull", "mirror", "export", "import"])
def test_what_is_required_is_asked_for(run: Run, registry_path: Path, verb: str) -> None:
    """Without the other side a verb is mistyped, and nothing is made."""
    run(verb, code=2)
    assert not registry_path.exists()


def test_a_bucket_takes_its_settings_from_the_environment(
    run: Run, fraud: str, seaweedfs: SeaweedFS, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A local registry is mirrored into a bucket, and back from there, whose settings the environment holds."""
    import json

    url, options = seaweedfs.fresh()
    monkeypatch.setenv("MODELVER_STORAGE_OPTIONS", json.dumps(options))
    assert run("mirror", "--to", url).stdout == f"{fraud}:1.0.0\n{fraud}:1.1.0\n"
    assert run("--registry", tmp_path / "back", "pull", fraud, "--from", url).stdout.count("\n") == 2
    assert run("--registry", url, "verify").code == 0


def test_options_are_for_what_is_in_a_bucket(
    run: Run, fraud: str, seaweedfs: SeaweedFS, tmp_path: Path
) -> None:
    """A folder takes none, so options go to the other registry; between two folders they are refused."""
    url, options = seaweedfs.fresh()
    given = [f"--storage-option={name}={value}" for name, value in options.items()]
    assert run("push", fraud, "--to", url, *given).stdout == f"{fraud}:1.0.0\n{fraud}:1.1.0\n"
    assert "nothing new" in run("mirror", "--to", url, *given).stderr
    back = ("--registry", tmp_path / "back")
    assert run(*back, "pull", fraud, "--from", url, *given).stdout.count("\n") == 2
    assert run("--registry", url, "mirror", "--to", tmp_path / "copy", *given).stdout.count("\n") == 2
    assert "takes no options" in run("mirror", "--to", tmp_path / "other", *given, code=2).stderr


def test_a_copy_that_comes_about_is_told(run: Run, fraud: str, tmp_path: Path) -> None:
    """A push to a mistyped address would go unnoticed otherwise."""
    assert (
        f"There was no registry in {tmp_path / 'new'}" in run("push", fraud, "--to", tmp_path / "new").stderr
    )
    assert "There was no registry" not in run("push", fraud, "--to", tmp_path / "new").stderr
