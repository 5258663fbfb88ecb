"""How long a search takes: building the index, cold and warm, by expression and by text, and what it costs in memory.

A registry is written to a folder, file by file, as 100,000 registrations would leave it: 10,000 models of ten versions,
each with five metrics, three of them by slice, six parameters, tags, a changelog and a card. Searches are told as the
median and the slowest of many. The physical limit beside it: looking at each log's folder, which is what "has anything
happened?" costs, and reading each commit and manifest once. Peers ask a server that has its own database.
"""

import argparse
import hashlib
import os
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import modelver as mv
from modelver.history.commit import Commit, commit_digest, encode_commit
from modelver.history.event import AliasSet, Event, ModelCreated, Previous, Registered
from modelver.registry.search.searching import index_of
from modelver.storage.layout import blob_key, model_prefix, numbered_key
from modelver.values.name import Alias, ModelName

START = datetime(2026, 1, 1, tzinfo=UTC)
TEAMS = ["risk", "search", "ads", "support", "vision"]
WORDS = (
    "recall precision card fraud merchant chargeback region latency tokenizer prompt quantized weights drift audit"
    " payment threshold calibration embedding retrieval summary toxic language speech image segment detector boost"
).split()
EXPRESSIONS = {
    "three predicates, rare": 'metrics.f1 >= 0.97 && tags.team == "risk" && "production" in aliases',
    "three predicates, common": 'metrics.f1 >= 0.6 && params.lr < 0.05 && tags.team == "ads"',
    "a metric by dataset": 'metric("eval/f1", "eval-v3") >= 0.985',
    "one model": 'name == "team7/model-00007" && metrics.f1 > 0.5',
    "one or the other": 'metrics.f1 > 0.999 || (metrics.loss < 0.001 && tags.team == "risk")',
    "a slice, narrowed down": "metrics.f1 > 0.99 && slices.all(s, s.f1 > 0.5)",
}
TEXTS = {"two words": "chargeback calibration", "a common word": "fraud", "a phrase": '"card fraud"'}


class Writer:
    """Writes a registry's files as registrations leave them.

    Args:
        root: The registry's folder, with its founding file in it.
        registry: The registry's id.
    """

    def __init__(self, root: Path, registry: str) -> None:
        self.root = root
        self.registry = registry
        self.founding = hashlib.sha256((root / "modelver.json").read_bytes()).hexdigest()
        self.random = random.Random(4)  # noqa: S311 (no secret)

    def model(self, number: int, versions: int) -> None:
        """Write a model: its log and its manifests."""
        name = ModelName(f"team{number % 50}/model-{number:05}")
        seq, parent = 0, self.founding
        at = START + timedelta(minutes=number)
        previous: Previous | None = None

        def commit(*events: Event) -> None:
            nonlocal seq, parent, at
            seq, at = seq + 1, at + timedelta(hours=1)
            entry = Commit(
                self.registry, name.folder, seq, parent, f"auto-{seq}", at, at, "ci@acme.io", events=events
            )
            data = encode_commit(entry)
            self.write(numbered_key(f"{model_prefix(name.folder)}/log", seq), data)
            parent = commit_digest(data)

        commit(ModelCreated(name, "semver"))
        for minor in range(versions):
            manifest = self.manifest(name, f"1.{minor}.0")
            self.write(blob_key(mv.Digest.of(manifest)), manifest)
            events: list[Event] = [Registered(f"1.{minor}.0", mv.Digest.of(manifest))]
            if minor == versions // 2:
                events.append(AliasSet(Alias("production"), f"1.{minor}.0", mv.Digest.of(manifest), previous))
            commit(*events)

    def manifest(self, name: ModelName, version: str) -> bytes:
        """Return a manifest's bytes."""
        draw = self.random
        metrics = [mv.Metric(metric, draw.random()) for metric in ("f1", "auc", "loss")]
        metrics += [mv.Metric("eval/f1", draw.random(), dataset=dataset) for dataset in ("eval-v3", "prod")]
        metrics += [
            mv.Metric("f1", draw.random(), slice=f"region={region}") for region in ("EU", "US", "APAC")
        ]
        params = {
            "lr": draw.random() / 10, "epochs": draw.randrange(50), "optimizer": {"name": "adam", "beta": 0.9},
            "layers": [64, 16], "dropout": draw.random(), "seed": draw.randrange(10**6),
        }  # fmt: skip
        return mv.Manifest(
            name,
            version,
            (
                mv.FileEntry(
                    "model.safetensors",
                    draw.randrange(10**9),
                    f"{draw.getrandbits(256):064x}",
                    mv.Role.WEIGHTS,
                ),
            ),
            mv.Metadata(
                description=self.sentence(8),
                intended_use=[self.sentence(6), self.sentence(6)],
                limitations=[self.sentence(6)],
                license=draw.choice(["mit", "apache-2.0", "proprietary"]),
                owners=["risk@acme.io"],
                metrics=metrics,
                params=params,
                tags={"team": draw.choice(TEAMS), "tier": str(draw.randrange(3))},
            ),
            mv.Changelog(self.sentence(12)),
        ).to_bytes()

    def sentence(self, words: int) -> str:
        """Return words."""
        return " ".join(self.random.choices(WORDS, k=words))

    def write(self, key: str, data: bytes) -> None:
        """Write an object."""
        path = self.root / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def write_registry(root: Path, models: int, versions: int) -> None:
    """Write a registry, in two processes."""
    founding = mv.Registry(root, create=True)._session.identity.registry  # noqa: SLF001 (its id)
    children = []
    for part in range(2):
        child = os.fork()
        if child == 0:
            writer = Writer(root, founding)
            writer.random.seed(part)
            for number in range(part, models, 2):
                writer.model(number, versions)
            os._exit(0)
        children.append(child)
    for child in children:
        os.waitpid(child, 0)
    past = time.time() - 3600  # folders that have just changed are looked at twice
    for log in (root / "models").glob("*/log"):
        os.utime(log, (past, past))


def timed(work: Callable[[], object], times: int = 1) -> list[float]:
    """Return seconds of each of so many runs, the fastest first."""
    seconds = []
    for _ in range(times):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return sorted(seconds)


def tell(what: str, seconds: list[float], note: object = "") -> None:
    """Print a row."""
    print(
        f"{what:44} {statistics.median(seconds) * 1e3:10,.1f} ms   slowest {seconds[-1] * 1e3:10,.1f} ms   {note}"
    )


def cold_process(root: Path) -> None:
    """Search once in a process of its own, as the command does."""
    code = f"import modelver as mv; mv.Registry({str(root)!r}).search('metrics.f1 > 0.9999')"
    subprocess.run([sys.executable, "-c", code], check=True)


def physical(root: Path) -> None:
    """Look at each log's folder."""
    base = str(root / "models")
    for name in os.listdir(base):  # noqa: PTH208 (names alone)
        os.stat(f"{base}/{name}/log")  # noqa: PTH116 (fast)


def read_all(root: Path) -> None:
    """Read each file."""
    for path in [*root.glob("models/*/log/*.json"), *root.glob("blobs/sha256/*/*")]:
        path.read_bytes()


def measure(root: Path, runs: int) -> None:
    """Measure everything on a registry."""
    registry = mv.Registry(root)
    rss = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    tell("read each file once (the limit)", timed(lambda: read_all(root)))
    tell("build the index", timed(lambda: registry.search("false")), f"{len(registry.search()):,} versions")
    tell("look at each folder (the limit)", timed(lambda: physical(root), runs))
    index = index_of(registry._session)  # noqa: SLF001 (its file)
    print(f"the index's file: {index.path.stat().st_size / 2**20:,.0f} MiB")
    tell("cold: a new process, index there", timed(lambda: cold_process(root), 3), "imports and all")
    for fresh in (True, False):
        for what, expression in EXPRESSIONS.items():
            found = len(registry.search(expression, fresh=fresh))
            seconds = timed(partial(registry.search, expression, fresh=fresh), runs if found < 10_000 else 3)
            tell(f"{what}{'' if fresh else ', not fresh'}", seconds, f"{found:,} found")
    tell(
        "the same, first 20 by metric",
        timed(
            lambda: registry.search(
                EXPRESSIONS["three predicates, common"], order_by="-metrics.f1", limit=20
            ),
            runs,
        ),
    )
    for what, text in TEXTS.items():
        found = len(registry.search(text=text))
        tell(
            f"text, {what}, first 50",
            timed(partial(registry.search, text=text, limit=50), runs),
            f"{found:,} found",
        )
    registry.record_metrics("team7/model-00007:1.0.0", {"f1": 0.99})
    tell("after one commit", timed(lambda: registry.search(EXPRESSIONS["one model"])))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"memory: {rss / 1024:,.0f} MiB before, at most {peak / 1024:,.0f} MiB")


def main() -> None:
    """Write a registry and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", type=int, default=10_000)
    parser.add_argument("--versions", type=int, default=10)
    parser.add_argument("--runs", type=int, default=15)
    parser.add_argument("--registry", type=Path, help="one that is there already, or is kept")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["MODELVER_CACHE"] = f"{folder}/cache"
        root = chosen.registry or Path(folder) / "registry"
        if not root.exists():
            print(f"{chosen.models:,} models of {chosen.versions} versions")
            tell("write the registry", timed(lambda: write_registry(root, chosen.models, chosen.versions)))
        measure(root, chosen.runs)


if __name__ == "__main__":
    main()
