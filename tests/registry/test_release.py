"""A release is one step that completes itself: whatever ended it, doing it again does what is left, and nothing twice."""

from pathlib import Path

import pytest

import modelver as mv
from tests.registries import snapshot
from tests.registry.releases import (
    Checkout,
    git_settings,
    make_checkout,
    outcomes,
    plain_environment,
)


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Checkout:
    """Give a project in a checkout that no setting of the machine reaches into."""
    for name in plain_environment():
        monkeypatch.delenv(name)
    for name, value in git_settings(tmp_path).items():
        monkeypatch.setenv(name, value)
    return make_checkout(tmp_path / "project")


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
