"""OpenSSH's server, which serves files over SFTP to the user who runs the tests, with keys of its own."""

import os
import pwd
import socket
import subprocess
from pathlib import Path
from typing import ClassVar
from uuid import uuid4

from tests.servers.process import StoreServer, program

_SETTINGS = """\
ListenAddress 127.0.0.1
Port {port}
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/user_key.pub
PidFile none
StrictModes no
UsePAM no
UseDNS no
PermitRootLogin prohibit-password
PasswordAuthentication no
KbdInteractiveAuthentication no
MaxStartups 200
MaxSessions 200
Subsystem sftp internal-sftp
"""


class Sshd(StoreServer):
    """sshd; its files are ordinary files below `data`."""

    package: ClassVar[str] = "Debian's openssh-server"

    @property
    def url(self) -> str:
        """Where clients find it."""
        return f"sftp://127.0.0.1:{self.port}"

    def command(self) -> list[str]:
        """Return the command that runs it in the foreground."""
        # It starts itself again for each connection, by its own full path.
        sshd = program("sshd", self.package, Path("/usr/sbin"), Path("/usr/local/sbin"))
        return [sshd, "-D", "-e", "-f", str(self.folder / "sshd_config")]

    def prepare(self) -> None:
        """Write the settings, and make the keys of the host and of the user."""
        (self.folder / "sshd_config").write_text(
            _SETTINGS.format(port=self.port, folder=self.folder), encoding="utf-8"
        )
        if os.geteuid() == 0:
            # Debian's sshd wants it when root starts it; its service would make it.
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        keygen = program("ssh-keygen", "Debian's openssh-client")
        for name in ("host_key", "user_key"):
            if not (self.folder / name).exists():
                words = [
                    keygen,
                    "-q",
                    "-t",
                    "ed25519",
                    "-N",
                    "",
                    "-C",
                    "tests",
                    "-f",
                    str(self.folder / name),
                ]
                subprocess.run(words, stdin=subprocess.DEVNULL, check=True)

    def is_ready(self) -> bool:
        """Read its greeting."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=5) as connection:
            return connection.recv(4) == b"SSH-"

    def fresh(self) -> tuple[str, dict[str, object]]:
        """Make an empty folder; the options are those of fsspec's SFTP filesystem."""
        folder = self.data / f"folder-{uuid4()}" / "registry"
        folder.mkdir(parents=True)
        options = {
            "username": pwd.getpwuid(os.geteuid()).pw_name,
            "key_filename": str(self.folder / "user_key"),
            "look_for_keys": False,
            "allow_agent": False,
        }
        return f"{self.url}{folder}", {**options}

    def behind(self, url: str) -> dict[str, bytes]:
        """Read all files below a URL from the disk, with keys relative to the URL."""
        folder = Path(url.removeprefix(self.url))
        paths = [path for path in folder.rglob("*") if path.is_file()]
        return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}
