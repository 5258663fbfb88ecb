"""The writer's clock, held against the store's."""

from datetime import UTC, datetime, timedelta

from modelver.errors import StoreError
from modelver.storage.store import Store

MAX_CLOCK_ERROR = timedelta(minutes=5)


def check_clock(store: Store) -> None:
    """Refuse to write with a clock that is far off the store's.

    Raises:
        StoreError: They differ by more than five minutes.
    """
    ours, theirs = datetime.now(UTC), store.clock()
    if abs(ours - theirs) > MAX_CLOCK_ERROR:
        raise StoreError(
            "this machine's clock is off",
            where=store.url,
            expected=f"within {MAX_CLOCK_ERROR} of the store's {theirs:%Y-%m-%d %H:%M:%SZ}",
            found=f"{ours:%Y-%m-%d %H:%M:%SZ}",
            hint="Set the clock: histories are read by time.",
        )
