"""The bump that stated content calls for."""

import attrs
import numpy as np
import pytest

from modelver.compare import BumpAdvice, Side, required_bump
from modelver.values.file import Role
from modelver.values.provenance import Code, Environment, Provenance
from modelver.values.record import Dataset, Metadata, Metric
from tests.compare.support import side, weights

ONES = np.ones((2, 3), "float32")
FILES = {
    "model.safetensors": weights(w=ONES, v=ONES),
    "config.json": b"{}",
    "prompts/system.txt": b"Hello {user}",
    "prompts/plain.txt": b"Hello",
    "tokenizer.json": b"{}",
    "train.py": b"",
    "README.md": b"# fraud",
    "labels.txt": b"no\nyes",
}
DATA = Dataset("train", digest=f"sha256:{'a' * 64}", method="content")
BASE = side(FILES, metadata=Metadata(license="mit", data=[DATA]))


def advice(files: dict[str, bytes], metadata: Metadata | None = None) -> BumpAdvice:
    """Tell the bump from `BASE` to a version of these files."""
    return required_bump(BASE, side(files, metadata=metadata or BASE.manifest.metadata))


def without(path: str) -> dict[str, bytes]:
    """Return the files but one."""
    return {name: data for name, data in FILES.items() if name != path}


def test_the_same_content_is_a_patch_without_reasons() -> None:
    """Another number and changelog are no content."""
    found = required_bump(BASE, attrs.evolve(BASE, manifest=attrs.evolve(BASE.manifest, version="9.0.0")))
    assert found == BumpAdvice("patch", ())
    assert str(found) == "patch: the content is the same"


@pytest.mark.parametrize(
    ("metadata", "reason"),
    [
        (Metadata(license="apache-2.0", data=[DATA]), "metadata: license"),
        (
            Metadata(license="mit", data=[DATA], params={"a": 1, "b": 2, "c": 3, "d": 4}),
            "metadata: params.a, params.b, params.c and 1 more",
        ),
        (Metadata(license="mit", data=[DATA], metrics=[Metric("f1", 0.9)]), "metadata: metrics"),
        (Metadata(license="mit", data=[attrs.evolve(DATA, license="mit")]), "metadata: data.train.license"),
        (Metadata(license="mit", data=[DATA], code=Code(commit="1" * 40)), "metadata: code.commit"),
    ],
)
def test_metadata_alone_is_a_patch(metadata: Metadata, reason: str) -> None:
    """Whatever is stated beside the files, but for the digests of data."""
    assert advice(FILES, metadata) == BumpAdvice("patch", (reason,))


@pytest.mark.parametrize("path", sorted(FILES))
def test_a_changed_file_is_minor(path: str) -> None:
    """Other bytes of any file are minor, as long as the interface stays."""
    changed = weights(w=2 * ONES, v=ONES) if path.endswith("safetensors") else FILES[path] + b" "
    assert advice({**FILES, path: changed}).bump == "minor"


@pytest.mark.parametrize(
    "path", ["config.json", "prompts/plain.txt", "tokenizer.json", "train.py", "README.md"]
)
def test_a_file_that_comes_or_goes_is_minor(path: str) -> None:
    """So are files added, removed and renamed."""
    fewer = side(without(path), metadata=BASE.manifest.metadata)
    assert required_bump(BASE, fewer).bump == "minor"
    assert required_bump(fewer, BASE).bump == "minor"
    assert advice({**without("labels.txt"), "names.txt": FILES["labels.txt"]}).reasons == (
        "other files: 1 renamed",
    )


def test_another_role_is_minor() -> None:
    """What a file is for is stated content, though its bytes stay."""
    a, b = side({"f": b"1"}), side({"f": b"1"}, roles={"f": Role.PROMPT})
    assert required_bump(a, b).bump == "minor"


@pytest.mark.parametrize(
    "data",
    [
        [],
        [DATA, Dataset("test")],
        [attrs.evolve(DATA, digest=f"sha256:{'b' * 64}")],
        [attrs.evolve(DATA, digest=f"sha256:{'b' * 64}", method="listing")],
        [attrs.evolve(DATA, digest="")],
    ],
)
def test_other_data_is_minor(data: list[Dataset]) -> None:
    """Datasets that came, went or have another digest, also one that can't be compared."""
    found = advice(FILES, Metadata(license="mit", data=data))
    assert found.bump == "minor"
    assert found.reasons[0].startswith("data: ")


def test_another_version_of_data_without_a_digest_is_minor() -> None:
    """Where no digest tells, the dataset's own version does."""
    a, b = (side({"f": b""}, metadata=Metadata(data=[Dataset("d", version=version)])) for version in "12")
    assert required_bump(a, b).reasons[0] == "data: d.version"
    assert required_bump(a, a) == BumpAdvice("patch", ())


@pytest.mark.parametrize(
    ("arrays", "reason"),
    [
        ({"w": ONES}, "1 tensor removed: v"),
        ({"w": ONES, "v": ONES, "x": ONES}, "1 tensor added: x"),
        ({"w": ONES.reshape(3, 2), "v": ONES}, "1 tensor reshaped: w"),
        ({"w": ONES.astype("int8").reshape(3, 2), "v": ONES}, "1 tensor reshaped: w"),
    ],
)
def test_other_tensor_names_or_shapes_are_major(arrays: dict[str, np.ndarray], reason: str) -> None:
    """What a loader of the weights relies on has changed."""
    found = advice({**FILES, "model.safetensors": weights(**arrays)})
    assert (found.bump, found.reasons[0]) == ("major", reason)


def test_another_element_type_is_minor() -> None:
    """Quantised weights have the interface that they had."""
    found = advice({**FILES, "model.safetensors": weights(w=ONES.astype("float16"), v=ONES)})
    assert found == BumpAdvice("minor", ("1 tensor retyped: w", "weights files: 1 changed"))


def test_a_renamed_weights_file_is_minor() -> None:
    """The tensors keep their names and shapes."""
    renamed = {**without("model.safetensors"), "weights.safetensors": FILES["model.safetensors"]}
    assert advice(renamed) == BumpAdvice("minor", ("weights files: 1 renamed",))


def test_tensors_that_can_not_be_compared_are_minor() -> None:
    """The weights changed, and no more is known."""
    changed = side({**FILES, "model.safetensors": weights(w=ONES)}, metadata=BASE.manifest.metadata)
    found = required_bump(BASE, attrs.evolve(changed, maps={}))
    assert found == BumpAdvice("minor", ("2 tensors not comparable: v, w", "weights files: 1 changed"))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"Hello {user} of {city}", "prompt system takes city"),
        (b"Hello", "prompt system no longer takes user"),
        (b"Hello {name}", "prompt system takes name and no longer takes user"),
    ],
)
def test_other_variables_of_a_prompt_are_major(text: bytes, reason: str) -> None:
    """Whoever fills the prompt in has to change."""
    found = advice({**FILES, "prompts/system.txt": text})
    assert found == BumpAdvice("major", (reason, "prompt files: 1 changed"))


def test_a_prompt_with_variables_is_major_when_it_goes_and_minor_when_it_comes() -> None:
    """A new prompt has no callers yet."""
    fewer = side(without("prompts/system.txt"), metadata=BASE.manifest.metadata)
    assert required_bump(BASE, fewer).bump == "major"
    assert required_bump(fewer, BASE).bump == "minor"


def test_what_was_captured_does_not_count() -> None:
    """Another environment, commit or later evaluation is no other content."""
    environment = Environment("3.12", "CPython", "Linux", "x86_64", {"numpy": "2"})
    later: Side = attrs.evolve(
        BASE,
        provenance=Provenance(Code(commit="1" * 40), environment),
        evaluations=(Metric("f1", 0.5),),
    )
    assert required_bump(BASE, later) == BumpAdvice("patch", ())


def test_fields_of_a_newer_release_are_a_patch() -> None:
    """Content that this release can't read still differs."""
    newer = attrs.evolve(BASE, manifest=attrs.evolve(BASE.manifest, unknown={"energy": 1}))
    assert required_bump(BASE, newer) == BumpAdvice("patch", ("fields of a newer release changed",))
