"""What the tests of the whole share."""

import pytest


@pytest.fixture(autouse=True)
def unmeasured_processes(unmeasured: None) -> None:
    """Have coverage leave the many processes alone."""
