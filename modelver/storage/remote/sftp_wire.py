"""Reads and writes over SFTP that don't wait for each answer, and lose none.

paramiko's own pipelined writes drop the errors that come in late, so that a full disk leaves a hole in a file of the
right size; its prefetch needs a thread for each file. Here requests are sent ahead, and each answer is looked at in turn.
"""

from collections import deque
from typing import Any

_WINDOW = 64
_READ = 2**17
"""Bytes that are asked for at once; a server may answer with fewer (draft-ietf-secsh-filexfer-02, section 6.4)."""
_WRITE = 2**15
"""Bytes of a write: every server takes packets of 34,000 bytes (the same, section 3)."""


def read(file: Any, offset: int, length: int) -> bytes:
    """Return so many bytes of an open file, fewer where it ends before.

    Args:
        file: A `paramiko.SFTPFile`.
        offset: The first byte.
        length: How many.
    """
    data, reached = bytearray(length), length
    ahead = deque[tuple[int, int, int]]()
    starts = deque((start, min(_READ, length - start)) for start in range(0, length, _READ))
    while starts or ahead:
        if starts and len(ahead) < _WINDOW:
            start, size = starts.popleft()
            ahead.append((_ask_to_read(file, offset + start, size), start, size))
            continue
        number, start, size = ahead.popleft()
        got = _read_answer(file, number)
        data[start : start + len(got)] = got
        if not got:
            reached = min(reached, start)
        elif len(got) < size:
            starts.appendleft((start + len(got), size - len(got)))
    return bytes(memoryview(data)[:reached])


def _ask_to_read(file: Any, offset: int, size: int) -> int:
    from paramiko.sftp import CMD_READ, int64

    number: int = file.sftp._async_request(type(None), CMD_READ, file.handle, int64(offset), size)  # noqa: SLF001 (there is no public way to look at each answer)
    return number


def _read_answer(file: Any, number: int) -> bytes:
    """Return the bytes of an answer; none at the end of the file."""
    from paramiko.sftp import CMD_DATA, SFTPError

    try:
        kind, message = file.sftp._read_response(number)  # noqa: SLF001 (as above)
    except EOFError:
        return b""
    if kind != CMD_DATA:
        raise SFTPError("no data where data was due")
    data: bytes = message.get_string()
    return data


def write(file: Any, offset: int, data: bytes) -> None:
    """Write bytes to an open file, and return when the server has taken all of them.

    Args:
        file: A `paramiko.SFTPFile`.
        offset: Where the first goes.
        data: What.
    """
    from paramiko.sftp import CMD_WRITE, int64

    sftp, view, ahead = file.sftp, memoryview(data), deque[int]()
    for start in range(0, len(view), _WRITE):
        piece = bytes(view[start : start + _WRITE])
        ahead.append(
            sftp._async_request(type(None), CMD_WRITE, file.handle, int64(offset + start), piece)  # noqa: SLF001 (as above)
        )
        if len(ahead) >= _WINDOW:
            sftp._read_response(ahead.popleft())  # noqa: SLF001 (as above)
    while ahead:
        sftp._read_response(ahead.popleft())  # noqa: SLF001 (as above)
