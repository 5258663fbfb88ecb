"""The probe before the first write to a remote store, remembered on this machine."""

import hashlib
from pathlib import Path

from modelver.cache.facts import Facts
from modelver.storage.cached import CachedStore
from modelver.storage.lock import advisory_lock
from modelver.storage.probe import prove_exclusive
from modelver.storage.store import Store

_KIND = "probe"
_PASSED = b"1"
"""The probe's own version: a stricter one asks stores again."""

_LONGEST_WAIT = 60.0
"""Seconds that processes which start together wait for the first one's answer, instead of asking too."""


def prove_once(store: Store, cache: Path) -> None:
    """See whether a remote store creates exclusively, unless this client has seen it there before.

    What is known is kept in the user's cache for the place and the client's version. Stores on this machine are known.

    Args:
        store: The registry's.
        cache: The user's cache folder.

    Raises:
        UnsupportedStore: It does not; nothing but the probe was written.
        StoreError: It could not be asked.
    """
    if not isinstance(store, CachedStore):
        return
    remote = store.remote
    key = f"{remote.place}\n{remote.client}"
    facts = Facts(cache)
    if facts.get(_KIND, key) == _PASSED:
        return
    lock = cache / "locks" / f"probe-{hashlib.sha256(key.encode()).hexdigest()[:32]}"
    with advisory_lock(lock, _LONGEST_WAIT):
        if facts.get(_KIND, key) != _PASSED:
            prove_exclusive(remote)
            facts.put(_KIND, key, _PASSED)
