"""What a follower did, kept within bounds."""

import modelver as mv
from modelver.serving.journal import Journal
from modelver.serving.source import Sighting
from modelver.serving.troubles import Troubles
from tests.registries import MODEL


def test_the_last_swap_is_not_forgotten(registry: mv.Registry) -> None:
    """However often the registry was away since: when it was and how long it took is what metrics tell."""
    troubles = Troubles(30.0)
    journal = Journal(f"{MODEL}@production", troubles, None)
    sighting = Sighting(registry.get(f"{MODEL}:1.0.0"))
    journal.swapped(sighting, None, 1.0, 2.0)
    for _ in range(1500):
        journal.failed("resolve", "away", None, sighting.version)
        troubles.end("resolve")
    assert [change.outcome for change in journal.changes] == ["swapped", *["failed"] * 1000]
    figures = journal.figures(0.0)
    assert (figures.fetch_seconds, figures.load_seconds) == (1.0, 2.0)
    journal.swapped(sighting, None, 3.0, 4.0)
    assert [change.outcome for change in journal.changes] == [*["failed"] * 999, "swapped"]
