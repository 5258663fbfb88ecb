"""What servers of the S3 protocol share: buckets, and boto3 to look into them."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from tests.servers.process import StoreServer

if TYPE_CHECKING:
    import boto3.session

KEY = "modelver"
SECRET = "modelver-secret"  # noqa: S105 (no secret: a server on the loopback of one test run)


class S3Server(StoreServer):
    """A server that speaks S3."""

    def fresh(self) -> tuple[str, dict[str, object]]:
        """Make an empty bucket; the options are those of s3fs."""
        bucket = f"bucket-{uuid4()}"
        with self.client() as client:
            client.create_bucket(Bucket=bucket)
        return f"s3://{bucket}/registry", {"key": KEY, "secret": SECRET, "endpoint_url": self.url}

    def behind(self, url: str) -> dict[str, bytes]:
        """Read all objects below a URL by boto3, with keys relative to the URL."""
        bucket, _, prefix = url.removeprefix("s3://").partition("/")
        prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""
        with self.client() as client:
            pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
            keys = [entry["Key"] for page in pages for entry in page.get("Contents", [])]
            return {key.removeprefix(prefix): _read(client, bucket, key) for key in keys}

    @contextmanager
    def client(self) -> Iterator[Any]:
        """Give a boto3 client of the server."""
        client: Any = _session().client("s3", endpoint_url=self.url)
        with closing(client):
            yield client


def _read(client: Any, bucket: str, key: str) -> bytes:
    with closing(client.get_object(Bucket=bucket, Key=key)["Body"]) as body:
        data: bytes = body.read()
    return data


@cache
def _session() -> "boto3.session.Session":
    """Return a session, which keeps what botocore has read about the services."""
    import boto3.session

    return boto3.session.Session(KEY, SECRET, region_name="us-east-1")
