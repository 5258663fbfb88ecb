"""All of the provenance at once."""

import getpass
import os
import platform
from pathlib import Path

import pytest

from modelver.cache.facts import Facts
from modelver.capture import capture, capture_host
from modelver.capture.environment import capture_environment
from modelver.capture.git import capture_code
from modelver.values.provenance import Host, Provenance, Run
from tests.capture.conftest import Checkout


@pytest.fixture(autouse=True)
def no_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the run that the tests themselves belong to out of it."""
    for name in ("WANDB_RUN_ID", "MLFLOW_RUN_ID", "GITHUB_RUN_ID", "CI_JOB_ID", "SLURM_JOB_ID"):
        monkeypatch.delenv(name, raising=False)


def test_everything_is_captured(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch, private_cache: Path
) -> None:
    """Code, environment, host and run are found together as they are found one by one."""
    monkeypatch.setenv("SLURM_JOB_ID", "4711")
    assert capture(checkout.top) == Provenance(
        code=capture_code(checkout.top),
        environment=capture_environment(Facts(private_cache)),
        host=capture_host(),
        run=Run("slurm", "4711"),
    )


def test_capturing_twice_gives_one_provenance(checkout: Checkout, private_cache: Path) -> None:
    """There is no time in it, so it is stored once."""
    assert capture(checkout.top, private_cache) == capture(checkout.top, private_cache)


def test_outside_of_git_the_rest_is_captured(tmp_path: Path) -> None:
    """What is missing is None, and fails nothing."""
    found = capture(tmp_path)
    assert (found.code, found.run) == (None, None)
    assert found.environment
    assert found.host


def test_the_host_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Machine, account and processors are recorded."""
    monkeypatch.setenv("LOGNAME", "ann")
    assert capture_host() == Host(platform.node(), "ann", os.cpu_count() or 0)


@pytest.mark.parametrize("error", [KeyError, OSError, ImportError])
def test_an_account_without_a_name_has_none(monkeypatch: pytest.MonkeyPatch, error: type[Exception]) -> None:
    """Containers run accounts that no password file knows."""

    def unknown() -> str:
        raise error

    monkeypatch.setattr(getpass, "getuser", unknown)
    assert capture_host().user == ""
