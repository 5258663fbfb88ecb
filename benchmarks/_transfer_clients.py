"""What moves files to and from S3: modelver and its peers, each run in a process of its own that measures itself.

`transfer.py` starts this file with a `Task` in JSON, and reads seconds, CPU seconds and peak memory from its output.
A client is made, and what it imports is imported, before the time begins.
"""

import contextlib
import json
import os
import re
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from _transfer_modelver import hash_only, modelver
from _transfer_task import AT_ONCE, KEY, PART, REGION, SECRET, Job, Task


def obstore(task: Task) -> Job:
    """Use the client in Rust, with unsigned payloads, parts of 16 MiB, 8 at once."""
    from obstore.store import S3Store

    store = S3Store(
        task.bucket,
        endpoint=task.endpoint,
        access_key_id=KEY,
        secret_access_key=SECRET,
        region=REGION,
        unsigned_payload=True,
        client_options={"allow_http": True},
    )
    if task.down:
        return lambda: obstore_down(task, store)

    def put(path: Path) -> None:
        store.put(f"{task.prefix}/{path.name}", path, chunk_size=PART, max_concurrency=AT_ONCE)

    def job() -> None:
        with ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(put, task.files))

    return job


def obstore_down(task: Task, store: Any) -> None:
    """Write ranges as they come into files that have their sizes already."""
    folder = task.new_folder()

    def fetch(file: int, key: str, start: int, stop: int) -> None:
        os.pwrite(file, store.get_range(key, start=start, end=stop), start)

    with ThreadPoolExecutor(AT_ONCE) as pool, contextlib.ExitStack() as stack:
        jobs = []
        for number, (key, size, _) in enumerate(task.objects):
            file = stack.enter_context((folder / f"{number}.bin").open("wb"))
            os.ftruncate(file.fileno(), size)
            for start in range(0, size, PART):
                jobs.append(pool.submit(fetch, file.fileno(), key, start, min(start + PART, size)))  # noqa: PERF401 (the file is opened here too)
        for each in jobs:
            each.result()


def boto3_client(task: Task, **config: Any) -> Any:
    """Make a client of boto3."""
    import boto3
    from botocore.config import Config

    session = boto3.session.Session(KEY, SECRET, region_name=REGION)
    return session.client("s3", endpoint_url=task.endpoint, config=Config(**config))


def boto3(task: Task) -> Job:
    """Use the transfer manager as it comes: parts of 8 MiB, 10 at once, with CRCs."""
    return managed(task, boto3_client(task))


def boto3_tuned(task: Task) -> Job:
    """Use the transfer manager as well as it goes: 16 MiB, 8 at once, no checksums, unsigned payloads."""
    from boto3.s3.transfer import TransferConfig

    client = boto3_client(
        task,
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        max_pool_connections=32,
        s3={"payload_signing_enabled": False},
    )
    tuned = TransferConfig(multipart_threshold=PART, multipart_chunksize=PART, max_concurrency=AT_ONCE)
    return managed(task, client, tuned)


def managed(task: Task, client: Any, config: Any = None) -> Job:
    """Move all files at once by a transfer manager, which shares its threads among them."""
    from boto3.s3.transfer import TransferConfig
    from s3transfer.manager import TransferManager

    def job() -> None:
        folder = task.new_folder() if task.down else Path(task.source)
        with TransferManager(client, config or TransferConfig()) as manager:
            if task.down:
                waiting = [
                    manager.download(task.bucket, key, str(folder / f"{number}.bin"))
                    for number, (key, _, _) in enumerate(task.objects)
                ]
            else:
                waiting = [
                    manager.upload(str(path), task.bucket, f"{task.prefix}/{path.name}")
                    for path in task.files
                ]
            for each in waiting:
                each.result()

    return job


def s3fs(task: Task) -> Job:
    """Use s3fs as it comes."""
    from s3fs import S3FileSystem

    fs = S3FileSystem(**task.options())
    fs.connect()

    def job() -> None:
        if task.down:
            folder = task.new_folder()
            keys = [f"{task.bucket}/{key}" for key, _, _ in task.objects]
            fs.get(keys, [str(folder / f"{number}.bin") for number in range(len(keys))])
        else:
            fs.put(
                [str(path) for path in task.files],
                [f"{task.bucket}/{task.prefix}/{path.name}" for path in task.files],
            )

    return job


def s5cmd(task: Task) -> Job:
    """Use the command in Go as it comes, on a list of copies."""
    bucket = f"s3://{task.bucket}"
    if task.down:
        lines = [f"cp {bucket}/{key} {task.target}/{n}.bin" for n, (key, _, _) in enumerate(task.objects)]
    else:
        lines = [f"cp {path} {bucket}/{task.prefix}/{path.name}" for path in task.files]
    command = [str(shutil.which("s5cmd")), "--endpoint-url", task.endpoint, "run"]
    environment = {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_REGION": REGION}

    def job() -> None:
        done = subprocess.run(
            command,
            input="\n".join(lines),
            text=True,
            capture_output=True,
            check=False,
            env={**os.environ, **environment},
        )
        if done.returncode:
            raise RuntimeError(done.stderr[-500:])

    return job


def mlflow(task: Task) -> Job:
    """Log artifacts to MLflow's S3 repository, or fetch them, as its client does."""
    os.environ |= {
        "MLFLOW_S3_ENDPOINT_URL": task.endpoint,
        "AWS_ACCESS_KEY_ID": KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_DEFAULT_REGION": REGION,
        "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    }
    from mlflow.store.artifact.s3_artifact_repo import S3ArtifactRepository

    if task.down:  # a folder only: with the maps of the files and the manifest, some kilobytes
        found = S3ArtifactRepository(f"s3://{task.bucket}/{task.prefix}/blobs")
        return lambda: found.download_artifacts("", str(task.new_folder()))
    repository = S3ArtifactRepository(f"s3://{task.bucket}/{task.prefix}")
    return lambda: repository.log_artifacts(task.source)


CLIENTS: dict[str, Callable[[Task], Job]] = {
    "modelver, stamped": modelver,
    "modelver, cold": modelver,
    "modelver, verified": modelver,
    "modelver: hash only": hash_only,
    "obstore 16M x 8": obstore,
    "boto3 8M x 10": boto3,
    "boto3 16M x 8, unsigned": boto3_tuned,
    "s3fs": s3fs,
    "s5cmd": s5cmd,
    "MLflow": mlflow,
}


def cpu_seconds() -> float:
    """Return the CPU seconds of this process and of the ended ones that it started."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def peak_memory() -> float:
    """Return the most memory, in MiB, that this process or one that it started had. A fork's own is not counted."""
    status = Path("/proc/self/status")
    peak = re.search(r"VmHWM:\s+(\d+)", status.read_text()) if status.exists() else None
    unit = 1024 if sys.platform == "linux" else 2**20
    mine = int(peak[1]) / 1024 if peak else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
    return max(mine, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / unit)


def main() -> None:
    """Do the task that the argument tells, and print what it took."""
    told = json.loads(sys.argv[1])
    task = Task(**{**told, "objects": tuple(tuple(each) for each in told["objects"])})
    assert urlsplit(task.endpoint).hostname == "127.0.0.1"  # noqa: S101 (credentials of a test go nowhere else)
    job = CLIENTS[task.client](task)
    before, started = cpu_seconds(), time.perf_counter()
    job()
    seconds, cpu = time.perf_counter() - started, cpu_seconds() - before
    print(json.dumps([seconds, cpu, peak_memory()]))


if __name__ == "__main__":
    main()
