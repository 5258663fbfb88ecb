"""The half of the registry that looks for versions: search, and tables of everything."""

from modelver.registry.reader import RegistryReader


class RegistrySearcher(RegistryReader):
    """See `modelver.Registry`."""
