"""One message: a CloudEvent in JSON, and the headers of the Standard Webhooks specification.

CloudEvents 1.0.2: https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md
Standard Webhooks 1.0.0: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import base64
import binascii
import hashlib
import hmac
import json
import os
import uuid
from collections.abc import Mapping

import attrs

from modelver.errors import InvalidValue, NotFound
from modelver.notify.happening import Happening, Kind
from modelver.notify.target import Target
from modelver.values.canonical import Json
from modelver.values.wire import format_time

CONTENT_TYPE = "application/cloudevents+json; charset=utf-8"
MAX_NOTES = 64 * 2**10
MAX_TEXT = 4 * 2**10
TYPES: Mapping[Kind, str] = {
    "promote": "dev.modelver.alias.promoted",
    "rollback": "dev.modelver.alias.rolled_back",
    "yank": "dev.modelver.version.yanked",
    "reject": "dev.modelver.version.rejected",
    "approve": "dev.modelver.version.approved",
    "test": "dev.modelver.ping",
}

_PREFIX = "whsec_"
_SECRET_BYTES = range(24, 65)
_MAX_SECRETS = 5


@attrs.frozen
class Message:
    """What is posted.

    Attributes:
        id: The same whenever the same event is told to the same recipient: 32 hex digits.
        body: The event.
    """

    id: str
    body: bytes = attrs.field(repr=False)


def event_id(happening: Happening, target: Target) -> str:
    """Return the id of an event for a recipient: who gets it twice can tell.

    The commit's digest is part of it: a copy of a registry that went ways of its own tells other events.
    """
    parts: tuple[str, ...] = (
        happening.registry,
        happening.model.lower(),
        str(happening.seq),
        str(happening.index),
        happening.commit,
        target.key,
    )
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]


def make_message(happening: Happening, target: Target, data: Mapping[str, Json]) -> Message:
    """Make the CloudEvent.

    Args:
        happening: What happened.
        target: Who is told.
        data: What it is told.
    """
    name = event_id(happening, target)
    event: dict[str, Json] = {
        "specversion": "1.0",
        "id": name,
        "source": f"urn:uuid:{uuid.UUID(hex=happening.registry)}",
        "type": TYPES[happening.kind],
        "time": format_time(happening.at),
        "datacontenttype": "application/json",
        "data": dict(data),
    }
    if happening.model:
        event["subject"] = happening.subject
    return Message(name, json.dumps(event, ensure_ascii=False).encode("utf-8", "replace"))


def cut(text: str, limit: int, more: str) -> str:
    """Return a text of at most so many bytes of UTF-8; where something is missing, that is said."""
    data = text.encode("utf-8", "replace")
    if len(data) <= limit:
        return text
    return data[: limit - len(more.encode())].decode("utf-8", "ignore") + more


def read_secrets(variable: str) -> tuple[bytes, ...]:
    """Return the secrets in an environment variable: more than one, with spaces between, while they are changed.

    The form is Standard Webhooks': ``whsec_`` and 24 to 64 bytes in base64. It also keeps a configuration that is not
    one's own from having another variable's password tried out.

    Raises:
        NotFound: The variable is not set.
        InvalidValue: It holds something else.
    """
    texts = os.environ.get(variable, "").split()
    if not texts:
        raise NotFound(
            "there is no secret to sign with",
            where=f"${variable}",
            hint=f"Set it to {_PREFIX} and 24 to 64 random bytes in base64.",
        )
    found = tuple(_secret(text) for text in texts[: _MAX_SECRETS + 1])
    if len(found) > _MAX_SECRETS or not all(len(each) in _SECRET_BYTES for each in found):
        raise InvalidValue(
            "not a secret of the Standard Webhooks form",
            where=f"${variable}",
            expected=f"{_PREFIX} and 24 to 64 random bytes in base64",
        )
    return found


def _secret(text: str) -> bytes:
    if not text.startswith(_PREFIX):
        return b""
    try:
        return base64.b64decode(text.removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        return b""


def headers(message: Message, secrets: tuple[bytes, ...], moment: int) -> dict[str, str]:
    """Return the headers of a request.

    Args:
        message: What is posted.
        secrets: What it is signed with.
        moment: Seconds since 1970: of this try.
    """
    signed = f"{message.id}.{moment}.".encode() + message.body
    digests = (hmac.new(secret, signed, hashlib.sha256).digest() for secret in secrets)
    return {
        "Content-Type": CONTENT_TYPE,
        "User-Agent": "modelver",
        "webhook-id": message.id,
        "webhook-timestamp": str(moment),
        "webhook-signature": " ".join(f"v1,{base64.b64encode(each).decode()}" for each in digests),
    }
