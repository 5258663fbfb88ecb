"""The contract suite itself is put to the test: it has to reject every bad store."""

from uuid import uuid4

import pytest

from modelver.storage.memory import MemoryStore
from modelver.storage.store import Store

from .bad_stores import BAD_STORES, BadStore
from .test_memory import TestMemoryStore as MemoryContract


class Contract(MemoryContract):
    """The rules for stores whose address opens a good one."""

    def again(self, store: Store) -> Store:
        """Return the bad store itself."""
        return store


@pytest.mark.parametrize("bad", BAD_STORES, ids=lambda bad: bad.__name__)
def test_the_contract_rejects_a_bad_store(bad: type[BadStore]) -> None:
    """Each bad store fails the rule that it breaks."""
    rule = getattr(Contract(), bad.breaks)
    with pytest.raises((AssertionError, pytest.fail.Exception)):
        rule(bad(uuid4().hex))


@pytest.mark.parametrize("rule", sorted({bad.breaks for bad in BAD_STORES}))
def test_the_rules_accept_a_good_store(rule: str) -> None:
    """The same rules, called the same way, pass for a store that keeps them, so it is the fault that they reject."""
    getattr(Contract(), rule)(MemoryStore(uuid4().hex))
