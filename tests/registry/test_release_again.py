"""A release tells the truth: what it would do is what it does, and what it says of a rerun is so."""

from pathlib import Path

import pytest

import modelver as mv
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


def test_an_alias_that_reads_as_a_version_is_refused_before_anything_is_done(
    registry: mv.Registry, root: Path, checkout: Checkout
) -> None:
    """A dry run says so as well."""
    with pytest.raises(mv.InvalidName, match="must not read as a version"):
        registry.release_project(checkout.top, alias="1.0.0")
    told = registry.release_project(checkout.top, alias="1.0.0", dry_run=True)
    assert (bool(told), outcomes(told)["alias"]) == (False, "refused")
    assert (root.exists(), checkout.tags) == (False, {})
