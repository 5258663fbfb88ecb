"""The main job on a real model: register three releases of silero-vad, promote, load, compare, roll back.

Run it with `make demo`. Every figure it prints is computed while you wait.
"""

import shutil
import textwrap
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from fetch import CACHE, Material, fetch
from rich.console import Console
from speech import RATE, THRESHOLD, read_wave, speech_probabilities

import modelver as mv

MODEL = "silero-vad"
REGISTRY = CACHE / "registry"
CHANGELOGS = {
    "5.1.2": mv.Changelog(added=["Voice activity detection at 8 and 16 kHz, in ONNX and TorchScript."]),
    "6.0.0": mv.Changelog(
        added=["A 16 kHz model with ONNX opset 15."],
        changed=["Retrained for noisy recordings."],
        caveats=["Hears less speech in our recording than 5.1.2 did."],
    ),
    "6.2.0": mv.Changelog(changed=["Retrained: better on unusual voices."]),
}
METADATA = mv.Metadata(
    description="Tells which moments of a recording hold speech.",
    intended_use=["Finding speech in 8 or 16 kHz recordings before transcription."],
    limitations=["Does not tell who speaks, or what is said.", "Music and crowds can pass for speech."],
    license="MIT",
    owners=["The silero-vad authors"],
    external_facing=False,
)

console = Console(highlight=False, soft_wrap=True)


@contextmanager
def step(title: str, code: str) -> Iterator[None]:
    """Show what is done, as code to copy, and how long it took."""
    console.print(f"\n[bold cyan]{title}[/]")
    for line in textwrap.dedent(code).strip().splitlines():
        console.print(f"  [dim]>>>[/] {line}", markup=True)
    started = time.perf_counter()
    yield
    console.print(f"  [dim]{(time.perf_counter() - started) * 1000:,.0f} ms[/]")


def say(text: object) -> None:
    """Print indented text as it is."""
    console.print(textwrap.indent(str(text), "  "), markup=False)


def register(registry: mv.Registry, material: Material) -> None:
    """Register each release with the metrics that it really has on the recording."""
    samples = read_wave(material.recording)
    for version, folder in material.models.items():
        with step(
            f"Measure and register {version}",
            f'registry.register("{MODEL}", folder, version="{version}", changelog=..., metrics=..., metadata=...)',
        ):
            probabilities = speech_probabilities(folder / "silero_vad.onnx", samples)
            speech = int((probabilities >= THRESHOLD).sum())
            registered = registry.register(
                MODEL,
                folder,
                version=version,
                changelog=CHANGELOGS[version],
                metadata=METADATA,
                metrics=[
                    mv.Metric("speech_frames", speech, dataset="test.wav", count=len(probabilities)),
                    mv.Metric("speech_ratio", speech / len(probabilities), dataset="test.wav"),
                ],
                params={"threshold": THRESHOLD},
                data=[mv.Dataset("evaluation", uri=str(material.recording), split="test")],
            )
            say(f"{registered.ref}  {len(registered.files)} files  sha256 {registered.digest.short}")
            say(f"speech in {speech} of {len(probabilities)} frames")


def promote(registry: mv.Registry) -> datetime:
    """Move the aliases as a team would; return a time at which 6.0.0 was in production."""
    with step(
        "Staging and production",
        f"""
        registry.set_alias("{MODEL}", "production", "5.1.2", reason="first release")
        registry.set_alias("{MODEL}", "staging", "6.2.0", reason="under test")
        registry.set_alias("{MODEL}", "production", "6.0.0", reason="noise training", expected="5.1.2")
        """,
    ):
        registry.set_alias(MODEL, "production", "5.1.2", reason="first release")
        registry.set_alias(MODEL, "staging", "6.2.0", reason="under test")
        registry.set_alias(MODEL, "production", "6.0.0", reason="noise training", expected="5.1.2")
        for alias, version in registry.aliases(MODEL).items():
            say(f"{alias:<10}  {version.version}")
    return datetime.now(UTC)


def infer(registry: mv.Registry, recording: Path) -> None:
    """Load what production names, verified, and use it."""
    samples = read_wave(recording)
    with step("Load production, verified", f'model = registry.load("{MODEL}@production")'):
        model = registry.load(f"{MODEL}@production")
        say(f"{model.record.ref} in {model.path}")
    with step("Load it again", f'model = registry.load("{MODEL}@production")'):
        registry.load(f"{MODEL}@production")
    with step("Run inference with it", 'speech_probabilities(model / "silero_vad.onnx", recording)'):
        probabilities = speech_probabilities(model / "silero_vad.onnx", samples)
        parts = np.array_split(probabilities, len(samples) // RATE)
        seconds = "".join("#" if part.mean() >= THRESHOLD else "." for part in parts)
        say("one character a second, # is speech:")
        say(seconds)


def compare(registry: mv.Registry) -> None:
    """Show what changed between two versions, down to the tensor, and what was stored once."""
    with step(
        "What changed? No weights are read for this", f'registry.compare("{MODEL}:6.0.0", "{MODEL}:6.2.0")'
    ):
        comparison = registry.compare(f"{MODEL}:6.0.0", f"{MODEL}:6.2.0")
    say(str(comparison).partition("\n\ntensors that differ")[0])
    file = "silero_vad.onnx"
    changed = [
        row.b for row in comparison.tensors.changed if row.file == file and row.b and row.b.elements > 1
    ]
    same = sum(row.count - row.single for row in comparison.tensors.unchanged_in if row.file == file)
    console.print(
        f"\n  In {file}, [bold]{len(changed)} of {len(changed) + same}[/] multi-element tensors changed and {same} are"
        " identical; they sit in the branches of an If node:"
    )
    for tensor in sorted(changed, key=lambda tensor: -tensor.elements)[:4]:
        say(f"  {tensor.name}  {tensor.dtype}{list(tensor.shape)}")
    half = "silero_vad_half.onnx"
    entries = [version.manifest.file(half) for version in registry.versions(MODEL)]
    blobs = {entry.sha256 for entry in entries if entry}
    console.print(
        f"\n  {half} is the same in all {len(entries)} versions: [bold]{len(blobs)} blob[/] stored."
    )


def roll_back(registry: mv.Registry, then: datetime) -> None:
    """Undo the last promotion, and ask the past."""
    with step("Roll back", f'registry.rollback("{MODEL}", "production", reason="misses quiet speech")'):
        now = registry.rollback(MODEL, "production", reason="misses quiet speech")
        say(f"production is {now.version} again")
    with step("Who did what, when and why?", f'registry.history("{MODEL}", alias="production")'):
        say(registry.history(MODEL, alias="production"))
    with step(
        "What was in production then?",
        f'registry.resolve("{MODEL}@production", at="{then:%Y-%m-%dT%H:%M:%S.%fZ}")',
    ):
        say(registry.resolve(f"{MODEL}@production", at=then).ref)
    with step("Is every byte what it was?", "registry.verify()"):
        say(registry.verify())


def main() -> None:
    """Run the demo in a fresh registry."""
    with step("Fetch three releases and a recording", "fetch()"):
        material = fetch()
    shutil.rmtree(REGISTRY, ignore_errors=True)
    with step("Open a registry: any folder will do", f'registry = mv.Registry("{REGISTRY.name}")'):
        registry = mv.Registry(
            REGISTRY, cache_dir=CACHE / "user-cache", actor="demo@example.org", create=True
        )
    register(registry, material)
    then = promote(registry)
    infer(registry, material.recording)
    compare(registry)
    roll_back(registry, then)
    place = REGISTRY.relative_to(Path.cwd()) if REGISTRY.is_relative_to(Path.cwd()) else REGISTRY
    console.print(f"\n[bold]Look around:[/] .venv/bin/modelver --registry {place} log {MODEL}")


if __name__ == "__main__":
    main()
