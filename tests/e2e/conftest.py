"""What the tests of the whole share."""

import pytest


@pytest.fixture(autouse=True)
def unmeasured_processes(unmeasured: None) -> None:
    """Have coverage leave the many processes alone."""


@pytest.fixture
def fit_stores(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take buckets for fit in this process: to try one out takes seconds, and other tests do."""
    monkeypatch.setattr("modelver.registry.base.session.prove_once", lambda *_: None)
