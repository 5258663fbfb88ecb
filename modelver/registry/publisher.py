"""The half of the registry that writes for people: changelogs, release notes, cards and audits."""

from modelver.registry.reader import RegistryReader


class RegistryPublisher(RegistryReader):
    """See `modelver.Registry`."""
