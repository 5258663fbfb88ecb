"""The half of the registry that tells people of promotions, rollbacks, yanks and rejections."""

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING

from modelver.registry.reader import RegistryReader

if TYPE_CHECKING:
    from modelver.notify.notified import Notified


class RegistryNotifier(RegistryReader):
    """Who is told of what; see `modelver.Registry`. Nothing of it is imported before somebody asks for it."""

    def notify(
        self,
        model: str | None = None,
        *,
        since: int | datetime | str | None = None,
        dry_run: bool = False,
        test: bool = False,
    ) -> "Notified":
        """Tell everybody what they were not told yet of promotions, rollbacks, yanks and rejections.

        Whom, and of what, is said by ``[[notify]]`` tables in the nearest ``modelver.toml`` upwards, for the registry that
        it names, and in the file that ``$MODELVER_NOTIFY`` names (docs/how-to/notify.md). A process that commits tries once
        by itself, in the background; this sends what is left, from where each recipient stands in each log. It is tried five
        times, with ever longer pauses. A recipient may get an event twice, then with the same id; it misses none.

        Args:
            model: The model; None for all.
            since: From where on: the number of a commit, a time, or ISO 8601 text, in UTC without a zone. What was told
                before is told again.
            dry_run: Only say what would be told.
            test: Only send each recipient an event that says nothing.

        Returns:
            True where nothing is left to be told; ``.deliveries`` has what became of each event.

        Raises:
            NotFound: Nobody is to be told, there is no such model, or ``$MODELVER_NOTIFY`` names no file.
            InvalidValue: A table is wrong, and the message has the path of the fault; or `since` is no time, or a commit's
                number that the model does not have, or that comes without a model.
        """
        from modelver.registry.notices import notifying

        if test:
            return notifying.test(self._session)
        return notifying.notify(self._session, notifying.to_asked(model, since, dry_run=dry_run))

    def keep_notifying(
        self, model: str | None = None, *, since: int | datetime | str | None = None, every: float = 30.0
    ) -> "Iterator[Notified]":
        """Tell everybody what happens, for ever: as `notify`, again and again.

        A recipient that fails is left alone for ever longer, up to a quarter of an hour, or for as long as it asks, a day
        at most. While the tables can't be read, nobody is told, and nothing gets lost.

        Args:
            model: The model; None for all.
            since: From where on, at the first time.
            every: Seconds between two rounds; each is a tenth more or less.

        Yields:
            What each round came to.

        Raises:
            NotFound: Nobody is to be told at the first time, or there is no such model.
            InvalidValue: A table is wrong at the first time, or `every` is no length of time.
        """
        from modelver.registry.notices import notifying

        return notifying.follow(self._session, notifying.to_asked(model, since), notifying.check_every(every))
