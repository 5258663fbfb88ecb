"""moto, which imitates AWS in memory: a second opinion on S3, quick and without durability."""

from typing import ClassVar

from tests.servers.process import program
from tests.servers.s3 import S3Server


class Moto(S3Server):
    """moto's server; its objects are gone after a `kill`."""

    package: ClassVar[str] = "pip install 'moto[server]'"

    def command(self) -> list[str]:
        """Return the command that runs it in the foreground."""
        return [program("moto_server", self.package), "-H", "127.0.0.1", "-p", str(self.port)]

    def is_ready(self) -> bool:
        """Ask for its own page."""
        return self.get("/moto-api/") == 200
