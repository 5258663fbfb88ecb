"""Facts about aliases that are left where they are: a person's pin."""

from collections.abc import Mapping
from typing import ClassVar

import attrs

from modelver.values.canonical import Json
from modelver.values.digest import Digest
from modelver.values.name import Alias


@attrs.frozen
class AliasPinned:
    """An alias stays where it is until it is unpinned; why is the commit's message.

    A release that does not know pins must not write: it would move the alias. A rollback goes through, and the pin stays.

    Attributes:
        alias: The alias.
        version: What it names.
        digest: That version's digest.
    """

    TYPE: ClassVar = "alias_pinned"
    MUST_UNDERSTAND: ClassVar = "write"
    alias: Alias
    version: str
    digest: Digest
    unknown: Mapping[str, Json] = attrs.field(factory=dict, kw_only=True, repr=False)


@attrs.frozen
class AliasUnpinned:
    """An alias may move again; why is the commit's message."""

    TYPE: ClassVar = "alias_unpinned"
    alias: Alias
    version: str
    digest: Digest
    unknown: Mapping[str, Json] = attrs.field(factory=dict, kw_only=True, repr=False)
