"""The half of the registry that looks for versions: search, and tables of everything."""

from typing import TYPE_CHECKING

from modelver.registry.reader import RegistryReader

if TYPE_CHECKING:
    import pandas as pd

    from modelver.index.file import IndexFile
    from modelver.registry.search.found import Found


class RegistrySearcher(RegistryReader):
    """See `modelver.Registry`."""

    _known_index: "IndexFile | None" = None

    @property
    def _index(self) -> "IndexFile":
        from modelver.registry.search.searching import index_of

        # Not functools.cached_property, whose lock a forked child may find taken; see `Session`.
        if self._known_index is None:
            self._known_index = index_of(self._session)
        return self._known_index

    def search(
        self,
        expression: str | None = None,
        *,
        model: str | None = None,
        order_by: str | None = None,
        limit: int | None = None,
        text: str | None = None,
        fresh: bool = True,
    ) -> "Found":
        """Return the versions of which an expression is true.

        Yanked versions are among them. Where something that the expression needs is absent, a version doesn't match.

        Args:
            expression: CEL, such as ``metrics.f1 >= 0.9 && "production" in aliases``; None for all versions.
            model: A model's name, or a pattern such as ``acme/*``; None for all models.
            order_by: Such as ``-metrics.f1``, ``created_at`` or ``version`` (by precedence); ``-`` puts the greatest
                first, and what has no such value is last. Default: by model and precedence; with `text`, the best first.
            limit: The most to return.
            text: Words that must all be in a version's changelog, notes, description or card.
            fresh: Whether to look for new commits first; without, the answer is as old as this machine's last search.

        Returns:
            A list of versions, which shows itself in a notebook.

        Raises:
            InvalidValue: The expression is none, or is neither true nor false; the message points at the place.
            NotFound: There is no registry, or no such model.
            StoreError: The store can't be read.
        """
        from modelver.registry.search.searching import Wish, search

        return search(self._session, self._index, Wish(expression, model, order_by, limit, text, fresh))

    def to_frame(
        self,
        expression: str | None = None,
        *,
        model: str | None = None,
        order_by: str | None = None,
        limit: int | None = None,
        text: str | None = None,
        fresh: bool = True,
    ) -> "pd.DataFrame":
        """Return the versions that `search` finds as a table of pandas, a row for each.

        Its columns: ``name``, ``version``, ``digest``, ``created_at``, ``created_by``, ``aliases``, ``yanked``, then what
        the versions have, as expressions write it: ``metrics.f1``, ``params.lr``, ``tags.team``, ``metadata.license``. A
        metric that was measured on several datasets is ``metrics.f1@eval-v3``; figures of slices are left out.

        Raises:
            InvalidValue: pandas is not installed, or as `search`.
        """
        from modelver.registry.search.searching import Wish, frame

        return frame(self._session, self._index, Wish(expression, model, order_by, limit, text, fresh))
