"""Steps on an SFTP server: folders and files that come about, and what the answers to that mean.

The protocol says little more than "Failure" (draft-ietf-secsh-filexfer-02, section 7), so what is there is looked at.
"""

import posixpath
from contextlib import suppress
from typing import Any

READ_ONLY = 0o444


class Taken(Exception):
    """An object has the name."""


class Ended(Exception):
    """The parts of an upload are gone."""


def opened_new(sftp: Any, path: str) -> Any:
    """Open a file that is not there yet, in a folder that may not be there yet."""
    try:
        return sftp.open(path, "wbx")
    except FileNotFoundError:
        make_folders(sftp, posixpath.dirname(path))
        return sftp.open(path, "wbx")


def publish(sftp: Any, temporary: str, path: str) -> None:
    """Give a complete file the name of an object.

    Raises:
        Taken: An object has it.
    """
    try:
        try:
            sftp.rename(temporary, path)
        except FileNotFoundError:
            make_folders(sftp, posixpath.dirname(path))
            sftp.rename(temporary, path)
    except OSError as error:
        if is_unanswered(error) or not is_there(sftp, path):
            raise
        raise Taken("the name is taken") from error


def make_folders(sftp: Any, path: str) -> None:
    """Make a folder and those above it, unless they are there."""
    try:
        sftp.mkdir(path)
    except FileNotFoundError:
        if path == posixpath.dirname(path):
            raise
        make_folders(sftp, posixpath.dirname(path))
        with suppress(OSError):  # somebody else made it just now; if not, what follows fails
            sftp.mkdir(path)
    except OSError as error:
        if is_unanswered(error) or not is_there(sftp, path):
            raise


def is_there(sftp: Any, path: str) -> bool:
    """Tell whether there is anything of a name."""
    try:
        sftp.lstat(path)
    except FileNotFoundError:
        return False
    return True


def is_unanswered(error: Exception) -> bool:
    """Tell whether an error is the connection's, and no answer of the server."""
    return isinstance(error, TimeoutError | ConnectionError)


def removed(sftp: Any, *paths: str) -> None:
    """Remove files that may be missing, as far as the server lets us."""
    for path in paths:
        with suppress(OSError):
            sftp.remove(path)
