"""The half of the registry that writes for people: changelogs, release notes, cards and audits."""

from modelver.publish.changelog import ModelChangelog
from modelver.registry import publishing
from modelver.registry.reader import RegistryReader
from modelver.values.name import ModelName


class RegistryPublisher(RegistryReader):
    """See `modelver.Registry`."""

    def changelog(self, model: str) -> ModelChangelog:
        """Return what each version of a model changed, the highest version first, as Keep a Changelog has it.

        Returns:
            ``str()`` is Markdown; ``.html()`` is a page; ``.to_dict()`` is data.

        Raises:
            NotFound: There is no such model, or a manifest is missing.
        """
        return publishing.changelog(self._session, ModelName(model))
