"""What it costs to register and load 2 GiB of weights in four shards, beside `cp -r` and each peer's own main job.

Every candidate runs in a process of its own, which times its job without imports and start-up (git-lfs, dvc and cp are
timed as a user meets them: from the call to the return). Rounds alternate; medians are printed, and each ratio is that
to `cp -r` of its own round. Memory is touched before each, so that nobody pays for a virtual machine's. "hashes" and "durable" say what a peer leaves out: a copy without a digest is no version,
and one that is only in the page cache is gone after a power cut. On a disk, `cp -r` is followed by `sync -f`.

Run with `make bench`, or: python benchmarks/register.py --dir /dev/shm --dir . --rounds 5
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

SHARDS = 4
BLOCK = 8 * 2**20


def make_shards(folder: Path, size: int) -> None:
    """Write shards of random bytes, all different, and leave them in the page cache."""
    folder.mkdir()
    block = os.urandom(BLOCK)
    for shard in range(SHARDS):
        with (folder / f"model-{shard + 1:05}-of-{SHARDS:05}.bin").open("wb") as file:
            for number in range(max(1, size // SHARDS // BLOCK)):
                file.write(number.to_bytes(8, "big") + bytes([shard]) + block[9:])
    os.sync()


def timed(job: Callable[[], object]) -> float:
    """Return how many seconds a job takes."""
    started = time.perf_counter()
    job()
    return time.perf_counter() - started


def run(*command: str | Path, cwd: Path | None = None) -> None:
    """Run a program, and fail with what it said."""
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{command}: {done.stderr[-800:]}")


def modelver(source: Path, work: Path) -> dict[str, float]:
    """Register, register again under a new number, and load in all ways."""
    import modelver as mv

    registry = mv.Registry(work / "registry", cache_dir=work / "cache", create=True)
    found = {"modelver: register": timed(lambda: registry.register("m", source))}
    found["modelver: the same folder again, new version"] = timed(
        lambda: registry.register("m", source, version="1.1.0")
    )
    found["modelver: load, first time (copies as root)"] = timed(lambda: registry.load("m@latest"))
    for verify in ("stamp", "fast", "full"):
        again = partial(registry.load, "m@latest", verify=verify)
        found[f'modelver: load again, verify="{verify}"'] = min(timed(again) for _ in range(3))
    return found


def modelver_move(source: Path, work: Path) -> dict[str, float]:
    """Register a copy of the shards by taking the files."""
    import modelver as mv

    shutil.copytree(source, work / "own")
    os.sync()
    registry = mv.Registry(work / "registry", cache_dir=work / "cache", create=True)
    return {"modelver: register(move=True)": timed(lambda: registry.register("m", work / "own", move=True))}


def sha256_two_cores(source: Path, _: Path) -> dict[str, float]:
    """Hash the shards in threads with OpenSSL: the floor for anything that names bytes by SHA-256."""
    import hashlib
    from concurrent.futures import ThreadPoolExecutor

    def digest(path: Path) -> str:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return {
            "hashlib: SHA-256 of all shards, a thread a core": timed(
                lambda: list(pool.map(digest, source.iterdir()))
            )
        }


def copy(source: Path, work: Path) -> dict[str, float]:
    """Copy, then sync."""
    found = {"cp -r": timed(lambda: run("cp", "-r", source, work / "copy"))}
    found["cp -r, then sync -f"] = found["cp -r"] + timed(lambda: run("sync", "-f", work / "copy"))
    return found


def mlflow(source: Path, work: Path) -> dict[str, float]:
    """Log artifacts to a local sqlite store and make a model version of them."""
    import mlflow as peer

    peer.set_tracking_uri(f"sqlite:///{work}/mlflow.db")
    client = peer.MlflowClient()
    experiment = client.create_experiment("e", artifact_location=(work / "artifacts").as_uri())
    client.create_registered_model("m")

    def job() -> None:
        with peer.start_run(experiment_id=experiment) as started:
            peer.log_artifacts(str(source), "model")
        client.create_model_version("m", f"{started.info.artifact_uri}/model", started.info.run_id)

    return {"MLflow: log_artifacts, create_model_version": timed(job)}


def dvc(source: Path, work: Path) -> dict[str, float]:
    """Add a copy of the shards that is on the same disk."""
    shutil.copytree(source, work / "model")
    program = Path(sys.executable).with_name("dvc")
    run(program, "init", "--no-scm", cwd=work)
    run(program, "config", "core.analytics", "false", cwd=work)
    run(program, "config", "cache.type", "copy", cwd=work)
    return {"DVC: add": timed(lambda: run(program, "add", "--quiet", "model", cwd=work))}


def git_lfs(source: Path, work: Path) -> dict[str, float]:
    """Add and commit a copy of the shards that is on the same disk."""
    run("git", "init", "--quiet", work)
    run("git", "lfs", "install", "--local", cwd=work)
    run("git", "lfs", "track", "*.bin", cwd=work)
    shutil.copytree(source, work / "model")

    def job() -> None:
        run("git", "add", ".", cwd=work)
        run(
            "git",
            "-c",
            "user.name=bench",
            "-c",
            "user.email=bench@example.org",
            "commit",
            "--quiet",
            "-m",
            "m",
            cwd=work,
        )

    return {"Git LFS: add, commit": timed(job)}


def wandb(source: Path, work: Path) -> dict[str, float]:
    """Log an artifact offline."""
    for variable in (
        "WANDB_DIR",
        "WANDB_CACHE_DIR",
        "WANDB_DATA_DIR",
        "WANDB_ARTIFACT_DIR",
        "WANDB_CONFIG_DIR",
    ):
        os.environ[variable] = str(work)
    os.environ["WANDB_SILENT"] = "true"
    import wandb as peer

    started = peer.init(project="p", mode="offline", dir=str(work))

    def job() -> None:
        artifact = peer.Artifact("m", type="model")
        artifact.add_dir(str(source))
        started.log_artifact(artifact)
        started.finish()

    return {"W&B offline: log_artifact": timed(job)}


def model_signing(source: Path, _: Path) -> dict[str, float]:
    """Hash all files, as it does before it signs."""
    from model_signing import hashing

    return {"model-signing: hash": timed(lambda: hashing.hash(source))}


CANDIDATES: dict[str, tuple[Callable[[Path, Path], dict[str, float]], str]] = {
    "cp -r": (copy, "copies; no digest; -r alone is not durable"),
    "hashlib": (sha256_two_cores, "hashes; stores nothing"),
    "modelver": (modelver, "copies, SHA-256 and XXH3-128, durable (fsync), atomic"),
    "modelver move": (modelver_move, "takes the files; SHA-256 and XXH3-128, durable, atomic"),
    "model-signing": (model_signing, "SHA-256; stores nothing"),
    "MLflow": (mlflow, "copies; no digest; not durable"),
    "W&B": (wandb, "copies, MD5; not durable"),
    "DVC": (dvc, "copies, MD5; not durable"),
    "Git LFS": (git_lfs, "copies, SHA-256 in one thread"),
}


def warm(folder: Path, size: int) -> None:
    """Touch as much memory as a candidate needs: a virtual machine may have given it back, and gets it slowly."""
    block = bytes(BLOCK)
    with tempfile.TemporaryFile(dir=folder, buffering=0) as file:
        for _ in range(size // BLOCK):
            file.write(block)


def measure(name: str, source: Path, folder: Path) -> dict[str, float]:
    """Run one candidate in a process of its own, in a folder of its own."""
    warm(folder, 2 * sum(path.stat().st_size for path in source.iterdir()))
    with tempfile.TemporaryDirectory(dir=folder) as work:
        command = [sys.executable, __file__, "--candidate", name, "--source", str(source), "--work", work]
        environment = {**os.environ, "HOME": work, "MODELVER_CACHE": f"{work}/cache"}
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
        os.sync()
        if done.returncode:
            print(
                f"  {name} did not run: {done.stderr.strip().splitlines()[-1] if done.stderr.strip() else ''}"
            )
            return {}
        found: dict[str, float] = json.loads(done.stdout.strip().splitlines()[-1])
        return found


def report(folder: Path, size: int, rounds: int) -> None:
    """Measure everything on one file system, and print it."""
    with tempfile.TemporaryDirectory(dir=folder, prefix="bench-") as place:
        source = Path(place) / "source"
        make_shards(source, size)
        times: dict[str, list[float]] = {}
        ratios: dict[str, list[float]] = {}
        for _ in range(rounds):
            base = float("nan")
            for name in CANDIDATES:
                for label, seconds in measure(name, source, Path(place)).items():
                    base = seconds if label == "cp -r" else base
                    times.setdefault(label, []).append(seconds)
                    ratios.setdefault(label, []).append(seconds / base)
    print(f"\n{size / 2**30:.2g} GiB in {SHARDS} shards on {folder}, medians of {rounds} rounds")
    print(f"{'':50} {'seconds':>9} {'GB/s':>7} {'x cp -r':>8}")
    for label, values in times.items():
        median = statistics.median(values)
        print(f"{label:50} {median:9.4f} {size / median / 1e9:7.2f} {statistics.median(ratios[label]):8.2f}")
    for name, (_, note) in CANDIDATES.items():
        print(f"  {name}: {note}")


def main() -> None:
    """Parse the arguments, and measure."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    default = [path for path in (Path("/dev/shm"),) if path.is_dir()] + [Path.cwd()]  # noqa: S108 (a tmpfs, to measure without a disk)
    parser.add_argument("--dir", type=Path, action="append", help="where to measure; several")
    parser.add_argument("--size", type=float, default=2.0, help="GiB")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", action="append", help="candidates to run besides cp -r")
    parser.add_argument("--candidate", help=argparse.SUPPRESS)
    parser.add_argument("--source", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--work", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.candidate:
        print(json.dumps(CANDIDATES[arguments.candidate][0](arguments.source, arguments.work)))
        return
    for name in list(CANDIDATES):
        if arguments.only and name != "cp -r" and name not in arguments.only:
            del CANDIDATES[name]
    for folder in arguments.dir or default:
        report(folder, int(arguments.size * 2**30), arguments.rounds)


if __name__ == "__main__":
    main()
