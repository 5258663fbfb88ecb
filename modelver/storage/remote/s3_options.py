"""How to reach a bucket: s3fs's own vocabulary, understood by s3fs itself, made into a botocore client."""

from collections.abc import Mapping
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import attrs

from modelver.errors import InvalidValue

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

_CONNECTIONS = 32


@attrs.frozen(repr=False)
class S3Options:
    """What an `s3fs.S3FileSystem` was told, without its connection; it survives a fork. It is never shown.

    Attributes:
        profile: Of the shared configuration files; None for the default.
        client: Arguments of botocore's `create_client`.
        config: Arguments of botocore's `Config`.
        additional: Arguments of every request that takes them, such as ``ServerSideEncryption``.
        anonymous: Whether requests go unsigned.
        version: Of the client.
    """

    profile: str | None
    client: Mapping[str, Any]
    config: Mapping[str, Any]
    additional: Mapping[str, Any]
    anonymous: bool
    version: str


def s3_options(filesystem: "AbstractFileSystem") -> S3Options:
    """Read an s3fs filesystem's settings.

    Raises:
        InvalidValue: It has a session of its own, which only its own event loop can use.
    """
    fs: Any = filesystem
    if fs.session is not None and not fs._session_is_owned:  # noqa: SLF001 (nothing else tells)
        raise InvalidValue(
            "a session of aiobotocore can't be shared with other threads",
            where="S3FileSystem(session=...)",
            hint="Give profile=, or key= and secret=, or leave credentials to the environment.",
        )
    client = {
        "endpoint_url": fs.endpoint_url,
        "use_ssl": fs.use_ssl,
        **({} if fs.anon else _credentials(fs)),
        **fs.client_kwargs,
    }
    payer = {"RequestPayer": "requester"} if fs.requester_pays else {}
    return S3Options(
        profile=fs.kwargs.get("profile"),
        client={name: value for name, value in client.items() if value is not None},
        config=dict(fs.config_kwargs),
        additional={**payer, **fs.s3_additional_kwargs},
        anonymous=bool(fs.anon),
        version=f"botocore {version('botocore')}",
    )


def _credentials(fs: Any) -> dict[str, str | None]:
    return {
        "aws_access_key_id": fs.key,
        "aws_secret_access_key": fs.secret,
        "aws_session_token": fs.token,
    }


def make_client(options: S3Options, timeout: float) -> Any:
    """Return a new client of botocore, whose methods many threads may call.

    It makes no second try of its own: `RemoteStore` has to know what happened. Payloads are not signed, since each
    carries a checksum that the store compares, and TLS protects both.

    Args:
        options: How to reach the bucket.
        timeout: Seconds that one request may wait for an answer.
    """
    from botocore import UNSIGNED
    from botocore.config import Config
    from botocore.session import Session

    config = {
        "connect_timeout": min(5.0, timeout),
        "read_timeout": timeout,
        "max_pool_connections": _CONNECTIONS,
        "request_checksum_calculation": "when_required",
        "response_checksum_validation": "when_required",
        **({"signature_version": UNSIGNED} if options.anonymous else {}),
        **options.config,
        "s3": {"payload_signing_enabled": False, **options.config.get("s3", {})},
        "retries": {"total_max_attempts": 1},
        "tcp_keepalive": True,
    }
    return Session(profile=options.profile).create_client("s3", config=Config(**config), **options.client)
