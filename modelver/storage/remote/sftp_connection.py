"""Connections to an SFTP server, each lent to one thread at a time: paramiko's deadlock where threads share one."""

import logging
import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any
from weakref import WeakSet, finalize

import attrs

from modelver.errors import InvalidValue

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

_IDLE = 8
_LOG = "modelver.sftp"
"""Where paramiko tells of connections that break; on the standard error it would where nobody listens."""
logging.getLogger(_LOG).addHandler(logging.NullHandler())

_KEEP_ALIVE = 30
_NOT_SSH = frozenset({"temppath", "host_key_policy", "use_listings_cache", "skip_instance_cache"})


class Unreached(Exception):
    """No connection came about; the cause says why."""


class Lost(Exception):
    """A connection broke."""


@attrs.frozen(repr=False)
class SftpOptions:
    """What it takes to connect. It is never shown.

    Attributes:
        host: Name or address.
        port: Of TCP.
        login: Arguments of `paramiko.SSHClient.connect`.
        policy: What happens to a host whose key is not known.
    """

    host: str
    port: int
    login: Mapping[str, Any]
    policy: Any

    @property
    def address(self) -> str:
        """``host``, or ``host:port`` where that is not 22."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == 22 else f"{host}:{self.port}"  # noqa: PLR2004 (assigned to SSH)


def options_of(filesystem: "AbstractFileSystem") -> SftpOptions:
    """Read an `SFTPFileSystem`'s settings."""
    fs: Any = filesystem
    policy = getattr(fs, "host_key_policy", None)  # which older releases lack
    return options_from({"host": fs.host, "host_key_policy": policy, **fs.ssh_kwargs})


def options_from(settings: Mapping[str, Any]) -> SftpOptions:
    """Understand the arguments of an `SFTPFileSystem`.

    Raises:
        InvalidValue: There is a socket among them.
    """
    if settings.get("sock") is not None:
        raise InvalidValue(
            "a socket carries one connection only",
            where="SFTPFileSystem(sock=...)",
            hint="Give host= and port= of a tunnel instead.",
        )
    login = {name: value for name, value in settings.items() if name not in _NOT_SSH | {"host", "port"}}
    port = int(settings.get("port") or 22)
    return SftpOptions(str(settings["host"]), port, login, _policy(settings.get("host_key_policy")))


_clients: "WeakSet[Any]" = WeakSet()
_inherited: list[Any] = []


def _disown() -> None:
    """In a forked child, keep the parent's connections from saying anything when they are dropped."""
    for client in tuple(_clients):
        _inherited.append(client)
        if (transport := client.get_transport()) is not None:
            transport.active = False
    _clients.clear()


if hasattr(os, "register_at_fork"):  # pragma: no branch (Windows has no fork)
    os.register_at_fork(after_in_child=_disown)


class Connections:
    """Connections that are kept for the next verb.

    Args:
        options: How to connect.
        timeout: Seconds without an answer after which one is given up.
    """

    def __init__(self, options: SftpOptions, timeout: float) -> None:
        self._options = options
        self._timeout = timeout
        self._idle: list[tuple[Any, Any]] = []
        self._lock = threading.Lock()
        # When this is dropped: paramiko's threads would keep the connections for ever.
        finalize(self, _close, self._idle).atexit = False

    @contextmanager
    def lent(self) -> Iterator[Any]:
        """Lend a `paramiko.SFTPClient` to the thread; after an error that is not the server's answer, it is closed.

        Raises:
            Unreached: There is no connection to be had.
            Lost: It broke.
        """
        client, sftp = self._taken() or self._connected()
        sound = False
        try:
            yield sftp
            sound = True
        except Exception as error:
            transport = client.get_transport()
            sound = transport is not None and transport.is_active() and not _breaks(error)
            if not sound and type(error) is OSError:
                raise Lost(str(error)) from error  # paramiko says "Socket is closed" without a number
            raise
        finally:
            self._give_back(client, sftp, sound=sound)

    def _taken(self) -> tuple[Any, Any] | None:
        """Return a connection that was kept; one that broke meanwhile is not used."""
        while True:
            with self._lock:
                if not self._idle:
                    return None
                client, sftp = self._idle.pop()
            transport = client.get_transport()
            if transport is not None and transport.is_active():
                return client, sftp
            client.close()

    def _give_back(self, client: Any, sftp: Any, *, sound: bool) -> None:
        with self._lock:
            if sound and len(self._idle) < _IDLE:
                self._idle.append((client, sftp))
                return
        client.close()

    def _connected(self) -> tuple[Any, Any]:
        """Connect. The keys of hosts that the user knows are held against this one, whatever the policy for new ones."""
        import paramiko

        client: Any = paramiko.SSHClient()
        client.set_log_channel(_LOG)
        with suppress(OSError):
            client.load_system_host_keys()
        client.set_missing_host_key_policy(self._options.policy)
        try:
            client.connect(self._options.host, self._options.port, **self._limits(), **self._options.login)
            client.get_transport().set_keepalive(_KEEP_ALIVE)
            sftp: Any = client.open_sftp()
        except Exception as error:
            client.close()
            raise Unreached(str(error)) from error
        sftp.get_channel().settimeout(self._timeout)
        _clients.add(client)
        return client, sftp

    def _limits(self) -> dict[str, float]:
        names = ("timeout", "banner_timeout", "auth_timeout", "channel_timeout")
        return {name: self._timeout for name in names if name not in self._options.login}


def _close(connections: list[tuple[Any, Any]]) -> None:
    for client, _ in connections:
        client.close()


def _policy(policy: Any) -> Any:
    """Return what paramiko takes for fsspec's word, for a class, or for itself."""
    import paramiko

    words = {
        None: paramiko.AutoAddPolicy,
        "auto_add": paramiko.AutoAddPolicy,
        "reject": paramiko.RejectPolicy,
        "warning": paramiko.WarningPolicy,
    }
    if isinstance(policy, paramiko.MissingHostKeyPolicy):
        return policy
    if isinstance(policy, type) and issubclass(policy, paramiko.MissingHostKeyPolicy):
        return policy()
    if policy not in words:
        raise InvalidValue("not a policy for host keys", found=policy, expected="auto_add, warning or reject")
    return words[policy]()


def _breaks(error: Exception) -> bool:
    """Tell whether after an error nothing is known of what is on the wire; an answer of the server is a plain OSError."""
    from paramiko.sftp import SFTPError

    # A verb's own exceptions are raised between requests.
    broken = (EOFError, TimeoutError, ConnectionError, SFTPError)
    return isinstance(error, broken) or type(error).__module__.startswith("paramiko")
