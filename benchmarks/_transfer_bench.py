"""The files of the benchmark of transfers, the server's data, and how one measurement is made."""

import contextlib
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from _transfer_task import Task

from tests.servers.seaweedfs import SeaweedFS

MIB = 2**20
STAMPED = "modelver, stamped"
BUCKET, PREFIX = "bench", "registry"


class Bench:
    """The files, their digests, and the folders for everything."""

    def __init__(self, home: Path, count: int, size: int) -> None:
        self.home = home
        self.count = count
        self.size = size
        self.source = home / "source"
        self.source.mkdir()
        block = os.urandom(16 * MIB)
        for number in range(count):
            with (self.source / f"{number:02}.bin").open("wb") as file:
                for start in range(0, size, len(block)):
                    file.write(
                        (number.to_bytes(8, "big") + start.to_bytes(8, "big") + block[16:])[: size - start]
                    )
        self.zeros = ("", size, digest_of_zeros(size))
        self.cache = home / "cache"
        self.hash_once()

    @property
    def bytes(self) -> int:
        """All bytes of the files."""
        return self.count * self.size

    def hash_once(self) -> None:
        """Have the files known to a cache, as a machine knows them that registered them before."""
        time.sleep(0.5)  # a file that is younger than the clock's steps proves nothing
        code = (
            "import sys, modelver as mv; mv.Registry(sys.argv[1], cache_dir=sys.argv[2], create=True)"
            ".register('m', sys.argv[3], capture=False)"
        )
        elsewhere = self.home / "elsewhere"
        subprocess.run([sys.executable, "-c", code, elsewhere, self.cache, self.source], check=True)
        shutil.rmtree(elsewhere)

    def run(
        self, client: str, endpoint: str, objects: list[tuple[str, int, str]], *, registry: bool
    ) -> list[float]:
        """Do one measurement in a process of its own; return seconds, CPU seconds and MiB."""
        with tempfile.TemporaryDirectory(dir=self.home) as work:
            task = Task(
                client=client,
                down=bool(objects),
                endpoint=endpoint,
                bucket=BUCKET,
                prefix=PREFIX,
                registry=registry,
                source=str(self.source),
                target=f"{work}/target",
                cache=str(self.cache if client == STAMPED else f"{work}/cache"),
                objects=tuple(objects),
            )
            program = Path(__file__).with_name("_transfer_clients.py")
            environment = {**os.environ, "HOME": work, "MODELVER_ACTOR": "bench"}
            for name in [name for name in environment if name.startswith("AWS_")]:
                del environment[name]
            command = [sys.executable, program, json.dumps(asdict(task))]
            done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
            if done.returncode:
                raise SystemExit(f"{client} did not run: {done.stderr[-1500:]}")
            if objects:
                self.check(Path(work), {digest: size for _, size, digest in objects})
            found: list[float] = json.loads(done.stdout.splitlines()[-1])
            return found

    def check(self, work: Path, wanted: dict[str, int]) -> None:
        """Make sure that a download came whole."""
        files = [path for path in work.rglob("*") if path.is_file() and path.stat().st_size == self.size]
        inodes = {path.stat().st_ino for path in files}
        if len(inodes) < len(wanted):
            raise SystemExit(f"{len(inodes)} files came of {len(wanted)}")

    @contextlib.contextmanager
    def seaweedfs(self) -> Iterator[SeaweedFS]:
        """Give a new server, in this folder."""
        with SeaweedFS(self.home / "seaweedfs") as server:
            with server.client() as client:
                client.create_bucket(Bucket=BUCKET)
            yield server

    def blobs(self, server: SeaweedFS) -> list[tuple[str, int, str]]:
        """Return the objects that are the files in a registry."""
        with server.client() as client:
            pages = client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=f"{PREFIX}/blobs/")
            found = [(each["Key"], each["Size"]) for page in pages for each in page.get("Contents", ())]
        return [(key, size, key.rpartition("/")[2]) for key, size in found if size == self.size]


def digest_of_zeros(size: int) -> str:
    """Return the SHA-256 of so many zeros."""
    found, block = hashlib.sha256(), bytes(MIB)
    for start in range(0, size, MIB):
        found.update(block[: size - start])
    return found.hexdigest()
