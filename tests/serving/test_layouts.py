"""Which file of a version goes where for a server, and what Triton's configuration says."""

import hashlib
import json
import tracemalloc
from collections.abc import Mapping

import pytest
from google.protobuf import text_format
from hypothesis import given
from hypothesis import strategies as st

import modelver as mv
from modelver.serving.layouts import Contents, Layout, kind_of, plain, texts_wanted
from modelver.serving.triton import MAX_CONFIG, triton
from modelver.serving.vllm import vllm
from tests.serving.triton_schema import model_config, parsed

REF = "acme/fraud:1.0.0"
X = mv.Port("x", "float32", ("batch", 4))
Y = mv.Port("y", "float16", (2,))


def contents(files: Mapping[str, str | bytes] | str, **more: object) -> Contents:
    """Return a version of files, whose texts are known."""
    named = dict.fromkeys(files.split(), b"") if isinstance(files, str) else files
    texts = {path: text.encode() if isinstance(text, str) else text for path, text in named.items()}
    entries = tuple(
        mv.FileEntry(path, len(text), hashlib.sha256(path.encode()).hexdigest())
        for path, text in sorted(texts.items())
    )
    return Contents(REF, entries, texts, **more)  # type: ignore[arg-type] # as given


def where(layout: Layout, version: Contents) -> dict[str, str]:
    """Return the path of each laid-out file in the version, by its path in the layout."""
    came = {entry.sha256: entry.path for entry in version.files}
    return {entry.path: came[entry.sha256] for entry in layout.files}


def triton_of(files: Mapping[str, str | bytes] | str, *, file: str | None = None, **more: object) -> Layout:
    """Lay files out for Triton, as version 3 of ``fraud``."""
    return triton(contents(files, **more), name="fraud", number=3, file=file)


def test_a_plain_layout_is_the_files_as_they_are() -> None:
    """Paths stay."""
    version = contents("README.md weights/model.onnx Prompts/System.txt")
    assert where(plain(version), version) == {entry.path: entry.path for entry in version.files}


def test_an_unknown_layout_is_refused() -> None:
    """The message names those there are."""
    with pytest.raises(mv.InvalidValue, match="plain, triton, vllm"):
        kind_of("torchserve")


def test_files_that_no_folder_holds_together_are_refused() -> None:
    """Two spellings of one name can't be laid out, whoever wrote the manifest."""
    with pytest.raises(mv.UnsafePath, match="one on Windows or macOS"):
        plain(contents("a.bin A.bin"))


def test_only_files_that_decide_are_read() -> None:
    """Weights are never read to know where they go."""
    version = contents("config.pbtxt model.safetensors.index.json model.onnx config.json")
    wanted = {
        kind: [entry.path for entry in texts_wanted(kind_of(kind), version.files)]
        for kind in ("plain", "triton", "vllm")
    }
    assert wanted == {"plain": [], "triton": ["config.pbtxt"], "vllm": ["model.safetensors.index.json"]}


def test_an_onnx_model_gets_a_configuration_that_names_its_version() -> None:
    """Ports come from the graph; a chosen dimension is -1, a scalar has a shape of its own."""
    scalar = mv.Port("sr", "int64", ())
    version = contents("weights/net.onnx README.md", graphs={"weights/net.onnx": ((X, scalar), (Y,))})
    layout = triton(version, name="fraud", number=3)
    config = parsed(layout.config)

    assert where(layout, version) == {"model.onnx": "weights/net.onnx"}
    assert (config.name, config.platform, config.max_batch_size) == ("fraud", "onnxruntime_onnx", 0)
    assert list(config.version_policy.specific.versions) == [3]
    assert [(port.name, list(port.dims)) for port in config.input] == [("x", [-1, 4]), ("sr", [1])]
    assert config.input[1].HasField("reshape")
    assert not config.input[1].reshape.shape
    assert text_format.MessageToString(config.output[0], as_one_line=True) == (
        'name: "y" data_type: TYPE_FP16 dims: 2'
    )


@pytest.mark.parametrize(
    "port", [mv.Port("x", "complex64", (1,)), mv.Port("x", "float32", None), mv.Port("x")]
)
def test_ports_that_can_t_be_described_are_left_to_triton(port: mv.Port) -> None:
    """Half a description would be wrong; none is completed by Triton itself."""
    config = parsed(triton_of("model.onnx", graphs={"model.onnx": ((port,), (Y,))}).config)
    assert (len(config.input), len(config.output)) == (0, 0)


@given(names=st.lists(st.text(min_size=1).filter(str.strip), min_size=1, max_size=3))
def test_no_name_breaks_out_of_the_configuration(names: list[str]) -> None:
    """A port's name comes back as it was, whatever it holds."""
    usable = [name.encode(errors="replace").decode() for name in names]
    ports = tuple(mv.Port(name, "float32", (1,)) for name in names)
    config = parsed(triton_of("model.onnx", graphs={"model.onnx": (ports, (Y,))}).config)
    assert [port.name for port in config.input] == usable
    assert list(config.version_policy.specific.versions) == [3]


@pytest.mark.parametrize(
    ("files", "laid_out", "platform"),
    [
        ("net.engine", {"model.plan": "net.engine"}, "tensorrt_plan"),
        ("a/net.xml a/net.bin", {"model.xml": "a/net.xml", "model.bin": "a/net.bin"}, ""),
        (
            "m/saved_model.pb m/variables/variables.index",
            {
                "model.savedmodel/saved_model.pb": "m/saved_model.pb",
                "model.savedmodel/variables/variables.index": "m/variables/variables.index",
            },
            "tensorflow_savedmodel",
        ),
        ("other.onnx model.onnx", {"model.onnx": "model.onnx"}, "onnxruntime_onnx"),
    ],
)
def test_a_model_has_the_name_that_its_backend_looks_for(
    files: str, laid_out: dict[str, str], platform: str
) -> None:
    """Model files are renamed; of several, the one with the usual name is meant."""
    layout = triton_of(files)
    assert where(layout, contents(files)) == laid_out
    assert parsed(layout.config).platform == platform
    assert parsed(layout.config).backend


def test_a_torchscript_model_needs_ports_from_its_publisher() -> None:
    """Triton can't find them out, and says so only when it loads the model."""
    with pytest.raises(mv.InvalidValue, match="inputs and outputs"):
        triton_of("net.pt")
    config = parsed(triton_of("net.pt", inputs=(X,), outputs=(Y,)).config)
    assert (config.platform, config.input[0].name) == ("pytorch_libtorch", "x")


def test_an_onnx_model_of_several_files_is_a_folder() -> None:
    """Files with values of its tensors keep their places beside it."""
    version = contents(
        "net/net.onnx net/data/w.bin net/notes.txt", beside={"net/net.onnx": ("net/data/w.bin",)}
    )
    layout = triton(version, name="fraud", number=3)
    assert where(layout, version) == {
        "model.onnx/model.onnx": "net/net.onnx",
        "model.onnx/data/w.bin": "net/data/w.bin",
    }


@pytest.mark.parametrize("path", ["../../etc/passwd", "w.bin", "elsewhere/w.bin"])
def test_values_of_tensors_that_are_not_beside_the_model_are_missed(path: str) -> None:
    """Nothing outside of the version is ever looked for."""
    with pytest.raises(mv.NotFound, match="tensors"):
        triton_of("net/net.onnx elsewhere/w.bin", beside={"net/net.onnx": (path,)})


def test_values_of_tensors_displace_no_model() -> None:
    """A file of values may have the very name that Triton looks for."""
    with pytest.raises(mv.InvalidValue, match=r"net/net\.onnx, net/model\.onnx"):
        triton_of(
            "net/net.onnx net/model.onnx", file="net/net.onnx", beside={"net/net.onnx": ("net/model.onnx",)}
        )


@pytest.mark.parametrize(
    ("files", "file", "error", "told"),
    [
        ("a.onnx b.onnx", None, mv.InvalidValue, "a.onnx, b.onnx"),
        ("a.onnx b.onnx", "c.onnx", mv.NotFound, "one of a.onnx, b.onnx"),
        ("model.bin", None, mv.NotFound, "no model that Triton knows"),
        ("net.xml", None, mv.NotFound, "lacks its weights"),
        ("a/config.pbtxt b/config.pbtxt a/1/m.onnx", None, mv.InvalidValue, "several"),
        ("config.pbtxt 1/model.onnx 2/model.onnx", None, mv.InvalidValue, "several"),
        ("config.pbtxt warmup/data model.onnx", None, mv.InvalidValue, "warmup/"),
        ("config.pbtxt", None, mv.NotFound, "no model beside"),
        ("config.pbtxt 1/model.onnx model.onnx", None, mv.InvalidValue, "found 1/model.onnx, model.onnx"),
    ],
)
def test_what_triton_could_not_load_is_refused(
    files: str, file: str | None, error: type[mv.ModelverError], told: str
) -> None:
    """The message says what is missing, or which file to name."""
    with pytest.raises(error, match=told):
        triton_of(files, file=file)


def test_one_of_several_models_can_be_chosen() -> None:
    """By its path in the version."""
    files = "a.onnx b/b.onnx"
    assert where(triton_of(files, file="b/b.onnx"), contents(files)) == {"model.onnx": "b/b.onnx"}


OWN: str = """# Made by hand: name: "no"
name: "old-name"  platform: 'onnxruntime_onnx';
version_policy: { latest { num_versions: 2 } },
max_batch_size: 8
input [ { name: "x" data_type: TYPE_FP32 dims: [ 4 ] }, { name: "name" dims: -1 } ]
output < name: "y" label_filename: "labels" ".txt" >
instance_group [ { name: "version_policy" count: 2 gpus: [ 0, 1 ] } ]
dynamic_batching { }
"""


def test_a_configuration_of_the_version_is_kept_but_for_its_name_and_policy() -> None:
    """Comments, batching and instances stay; labels are found in the version's own folder."""
    files: dict[str, str | bytes] = {
        "triton/config.pbtxt": OWN,
        "triton/1/model.onnx": b"",
        "triton/labels.txt": b"",
        "README.md": b"",
    }
    layout = triton_of(files)
    config = parsed(layout.config)

    assert where(layout, contents(files)) == {
        "model.onnx": "triton/1/model.onnx",
        "labels.txt": "triton/labels.txt",
    }
    assert (config.name, list(config.version_policy.specific.versions)) == ("fraud", [3])
    assert not config.version_policy.HasField("latest")
    assert (config.max_batch_size, config.output[0].label_filename) == (8, "3/labels.txt")
    assert [port.name for port in config.input] == ["x", "name"]
    assert (config.instance_group[0].name, list(config.instance_group[0].gpus)) == ("version_policy", [0, 1])
    assert b"# Made by hand" in layout.config


TEXTS = st.text(st.characters(codec="utf-8"), max_size=12)
PORTS = st.builds(
    lambda name, dims: {"name": name, "dims": dims},
    TEXTS,
    st.lists(st.integers(-1, 9), max_size=3),
)


@given(
    fields=st.fixed_dictionaries(
        {
            "name": TEXTS,
            "backend": TEXTS,
            "input": st.lists(PORTS, max_size=2),
            "parameters": st.lists(
                st.builds(lambda key, text: {"key": key, "value": {"string_value": text}}, TEXTS, TEXTS),
                max_size=2,
            ),
            "version_policy": st.sampled_from([{"all": {}}, {"latest": {"num_versions": 3}}]),
        }
    ),
    style=st.fixed_dictionaries(
        {
            name: st.booleans()
            for name in ("as_one_line", "use_short_repeated_primitives", "pointy_brackets", "as_utf8")
        }
    ),
)
def test_whatever_protobuf_writes_is_kept(fields: dict[str, object], style: dict[str, bool]) -> None:
    """In each style of the text format, all but the name and the policy means the same as before."""
    message = model_config()(**fields)
    text = text_format.MessageToString(message, **style)
    found = parsed(triton_of({"config.pbtxt": text, "model.onnx": b""}).config)
    message.name = "fraud"
    message.ClearField("version_policy")
    message.version_policy.specific.versions.append(3)
    assert found == message


@pytest.mark.parametrize(
    "text",
    [
        "input {",
        "input }",
        "input [ }",
        'name: "a',
        "name: 'a\n'",
        "{" * 100,
        "name:",
        "name",
        "max_batch_size 3",
        ": 3",
        "7: 3",
        "input { [ } ]",
        '"' * 3,
        "\\",
    ],
)
def test_a_broken_configuration_is_refused(text: str) -> None:
    """What Triton could not read is not laid out, and nothing is appended to it."""
    with pytest.raises(mv.InvalidValue, match="text format"):
        triton_of({"config.pbtxt": f"{text}\n", "model.onnx": b""})


@given(text=st.binary(max_size=60) | st.text(alphabet="{}[]<>:,;'\"\\# \nab1", max_size=40).map(str.encode))
def test_no_configuration_crashes_the_reader(text: bytes) -> None:
    """Any bytes are taken or refused."""
    try:
        layout = triton_of({"config.pbtxt": text, "model.onnx": b""})
    except mv.InvalidValue:
        return
    assert layout.config.endswith(b"version_policy: { specific: { versions: [ 3 ] } }\n")


def test_a_configuration_beyond_all_measure_is_refused() -> None:
    """Its size is bounded before it is read."""
    with pytest.raises(mv.InvalidValue, match="too large"):
        triton_of({"config.pbtxt": b" " * (MAX_CONFIG + 1), "model.onnx": b""})


def index(*names: str) -> str:
    """Return an index of weights in some files."""
    return json.dumps(
        {"metadata": {}, "weight_map": {f"w{number}": name for number, name in enumerate(names)}}
    )


MODEL = {"config.json": "{}", "tokenizer.json": "{}"}
SHARDS = ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")


@pytest.mark.parametrize(
    "files",
    [
        {**MODEL, "model.safetensors": ""},
        {**MODEL, **dict.fromkeys(SHARDS, ""), "model.safetensors.index.json": index(*SHARDS)},
        {**MODEL, "model.safetensors.index.json": index("shards/a.safetensors"), "shards/a.safetensors": ""},
        {"params.json": "{}", "tekken.json": "{}", "consolidated.safetensors": ""},
        {"adapter_config.json": "{}", "adapter_model.safetensors": "", "README.md": ""},
    ],
    ids=["one-file", "shards", "indexed-folder", "mistral", "adapter"],
)
def test_a_folder_that_vllm_reads_is_laid_out_without_what_is_above_it(files: dict[str, str]) -> None:
    """Whether it is the version's own folder or one in it; what is beside that folder is left out."""
    version = contents(files)
    assert where(vllm(version), version) == {path: path for path in files}
    nested = contents({"NOTES.md": "", **{f"out/final/{path}": text for path, text in files.items()}})
    assert where(vllm(nested), nested) == {path: f"out/final/{path}" for path in files}


@pytest.mark.parametrize(
    ("files", "error", "told"),
    [
        ({"model.safetensors": ""}, mv.NotFound, "no config.json"),
        ({"config.json": "{}", "model.safetensors": ""}, mv.NotFound, "no tokenizer"),
        (MODEL, mv.NotFound, "no weights"),
        ({**MODEL, "pytorch_model.bin": ""}, mv.InvalidValue, "pickles"),
        ({**MODEL, "model.gguf": ""}, mv.NotFound, "GGUF"),
        ({"adapter_config.json": "{}"}, mv.NotFound, "adapter_model.safetensors"),
        ({"adapter_config.json": "{}", "adapter_model.bin": ""}, mv.InvalidValue, "pickles"),
        ({**MODEL, SHARDS[0]: ""}, mv.NotFound, "all but model-00002-of-00002"),
        (
            {**MODEL, SHARDS[0]: "", "model.safetensors.index.json": index(*SHARDS)},
            mv.NotFound,
            "all but model-00002-of-00002",
        ),
        (
            {**MODEL, "model.safetensors": "", "model.safetensors.index.json": index("../../x.safetensors")},
            mv.NotFound,
            "shards",
        ),
        ({**MODEL, "a.safetensors": "", "model.safetensors.index.json": "[]"}, mv.InvalidValue, "index"),
        ({**MODEL, "a.safetensors": "", "model.safetensors.index.json": "{"}, mv.InvalidValue, "index"),
        ({"a/config.json": "", "b/config.json": ""}, mv.InvalidValue, "several models"),
    ],
)
def test_what_vllm_could_not_load_is_refused(
    files: dict[str, str], error: type[mv.ModelverError], told: str
) -> None:
    """Before anything is laid out, with what is missing and what to do."""
    with pytest.raises(error, match=told):
        vllm(contents(files))


def test_shards_that_claim_to_be_of_very_many_take_no_memory() -> None:
    """Only the names that are there are held, and the message names the first that are not."""
    claims = [f"{number:03d}-00001-of-99999.safetensors" for number in range(100)]
    version = contents({**MODEL, **dict.fromkeys(claims, "")})
    tracemalloc.start()
    try:
        with pytest.raises(mv.NotFound, match=r"000-00002-of-99999\.safetensors, .* and 99993 more"):
            vllm(version)
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()
