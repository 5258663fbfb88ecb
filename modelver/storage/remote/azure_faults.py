"""What errors of Azure Blob Storage and of its client mean (REST API, "Blob service error codes")."""

from http import HTTPStatus
from typing import Any

from modelver.storage.failures import told
from modelver.storage.remote.bucket import Fault, Trouble

_CODES = {
    **dict.fromkeys(("ContainerNotFound", "ContainerBeingDeleted", "ContainerDisabled"), Fault.NO_PLACE),
    **dict.fromkeys(("BlobAlreadyExists", "ConditionNotMet", "TargetConditionNotMet"), Fault.EXISTS),
    **dict.fromkeys(("Md5Mismatch", "Crc64Mismatch"), Fault.AGAIN),  # damaged on the way
    "InvalidBlockList": Fault.ENDED,  # somebody wrote the blob, and with that the blocks were gone
    "PendingCopyOperation": Fault.AGAIN,
}
_STATUSES: dict[int, Fault] = {
    HTTPStatus.NOT_FOUND: Fault.MISSING,
    HTTPStatus.REQUEST_TIMEOUT: Fault.AGAIN,
    HTTPStatus.TOO_MANY_REQUESTS: Fault.AGAIN,
    HTTPStatus.UNAUTHORIZED: Fault.DENIED,
    HTTPStatus.FORBIDDEN: Fault.DENIED,
}


class NoObject(Exception):
    """What is there is a folder, or a copy that is not complete."""


def trouble(error: Exception) -> Trouble:
    """Say what an error of azure-core means; see `Bucket.trouble`."""
    from aiohttp import ClientConnectorError
    from azure.core import exceptions

    text = told(error).partition(" Content: ")[0]  # after that comes the answer itself, which says it again
    if isinstance(error, NoObject):
        return Trouble(Fault.MISSING, text)
    if isinstance(error, exceptions.ServiceRequestError):
        # azure-core names so whatever broke off before an answer; only a connection that failed was surely not used.
        unreached = isinstance(error.inner_exception, ClientConnectorError) or isinstance(
            error, exceptions.ServiceRequestTimeoutError
        )
        return Trouble(Fault.NOT_SENT if unreached else Fault.AGAIN, text)
    if isinstance(error, exceptions.ServiceResponseError | exceptions.IncompleteReadError):
        return Trouble(Fault.AGAIN, text)
    if isinstance(error, exceptions.HttpResponseError):
        return Trouble(_fault(error), text)
    return Trouble(Fault.AGAIN if isinstance(error, OSError) else Fault.OTHER, text)


def _fault(error: Any) -> Fault:
    from azure.core.exceptions import ClientAuthenticationError

    code, status = str(getattr(error, "error_code", "") or ""), error.status_code
    if code in _CODES:
        return _CODES[code]
    if isinstance(error, ClientAuthenticationError):
        return Fault.DENIED
    if status is None or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return Fault.AGAIN  # without a status, an answer that broke off
    return _STATUSES.get(status, Fault.OTHER)
