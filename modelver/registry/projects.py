"""The half of the registry that knows working trees: what they claim to be, and what changed in them."""

from modelver.registry.reader import RegistryReader


class RegistryProjects(RegistryReader):
    """See `modelver.Registry`."""
