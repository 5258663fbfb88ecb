"""Which log is meant."""

import attrs


@attrs.frozen
class LogPlace:
    """Which log this is.

    Attributes:
        prefix: The folder that holds ``log/`` and ``checkpoints/``.
        registry: The registry's id.
        model: The model's folder, or empty for the registry's own log.
        root: SHA-256 of ``modelver.json``, the parent of commit 1.
    """

    prefix: str
    registry: str
    model: str
    root: str

    @property
    def log(self) -> str:
        """The folder of the commits."""
        return f"{self.prefix}/log"

    @property
    def checkpoints(self) -> str:
        """The folder of the checkpoints."""
        return f"{self.prefix}/checkpoints"

    @property
    def label(self) -> str:
        """The log's name in the head memory."""
        return self.model or "."
