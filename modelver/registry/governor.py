"""The half of the registry that decides what may happen: policies, approvals, promotions."""

from modelver.registry.reader import RegistryReader


class RegistryGovernor(RegistryReader):
    """See `modelver.Registry`."""
