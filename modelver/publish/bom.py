"""A version's bill of materials: a CycloneDX ML-BOM (ECMA-424), through cyclonedx-python-lib.

The library (11.12) knows neither ``modelCard`` nor a data component's ``data``, and spells ``mime-type`` in a way that the
schema refuses, so these parts are added to the JSON that it writes; the tests hold the whole against CycloneDX's own
strict schema.
"""

# pyright does not see through the class decorators of the library's serializer; mypy checks these calls.
# pyright: reportCallIssue=false, reportAttributeAccessIssue=false, reportArgumentType=false

import json
import re
import uuid
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, cast

from modelver import __version__
from modelver.errors import InvalidName, InvalidValue
from modelver.publish.bom_card import dataset_contents, model_card
from modelver.publish.card_parts import flat, tag_texts
from modelver.publish.facts import CardFacts
from modelver.publish.google_card import is_uri
from modelver.values.canonical import Json
from modelver.values.digest import Digest
from modelver.values.file import FileEntry
from modelver.values.record import BaseModel, Dataset
from modelver.values.ref import Ref

if TYPE_CHECKING:
    from cyclonedx.model import HashType, Property
    from cyclonedx.model.bom import Bom
    from cyclonedx.model.component import Component
    from cyclonedx.model.license import License

VERSIONS = ("1.6", "1.7")

_MEDIA_TYPE = re.compile(r"[-+a-z0-9.]+/[-+a-z0-9.]+", re.ASCII)
_PACKAGE = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?", re.ASCII)
_VERSION_LENGTH = 1024  # CycloneDX allows no longer one
_LICENSE_LENGTH = 500
"""A longer text is no SPDX expression that anybody wrote, and is not parsed as one."""


def bill_of_materials(facts: CardFacts, plots: Mapping[str, str], *, version: str = "1.6") -> dict[str, Json]:
    """Return a version's bill of materials.

    Files, datasets, base models and the packages of the environment that it was made in are components; the packages are
    marked as excluded, since they are no part of the model. Equal facts give equal bills.

    Args:
        facts: What is known of the version.
        plots: SVG by file name.
        version: Of CycloneDX.

    Raises:
        InvalidValue: It is an unknown version of CycloneDX, or cyclonedx-python-lib is not installed.
    """
    if version not in VERSIONS:
        expected = " or ".join(VERSIONS)
        raise InvalidValue("not a version of CycloneDX", where=repr(version)[:80], expected=expected)
    try:
        from cyclonedx.output import make_outputter
        from cyclonedx.schema import OutputFormat, SchemaVersion
    except ImportError:
        raise InvalidValue(
            "a bill of materials needs cyclonedx-python-lib", hint="Install it: pip install 'modelver[bom]'"
        ) from None
    outputter = make_outputter(_bom(facts), OutputFormat.JSON, SchemaVersion.from_version(version))
    bom = cast("dict[str, Json]", json.loads(outputter.output_as_string()))
    return _completed(bom, facts, plots)


def _completed(bom: dict[str, Json], facts: CardFacts, plots: Mapping[str, str]) -> dict[str, Json]:
    """Add the model card, what the datasets are, and media types."""
    datasets = {_data_ref(index): each for index, each in enumerate(facts.manifest.metadata.data)}
    files = {_file_ref(entry): entry for entry in facts.manifest.files}
    metadata = cast("dict[str, dict[str, Json]]", bom["metadata"])
    metadata["component"]["modelCard"] = model_card(facts, list(datasets), plots)
    for component in cast("list[dict[str, Json]]", bom["components"]):
        ref = str(component["bom-ref"])
        if dataset := datasets.get(ref):
            component["data"] = [dataset_contents(dataset)]
        if (file := files.get(ref)) and _MEDIA_TYPE.fullmatch(file.media_type):
            component["mime-type"] = file.media_type
    return bom


def _bom(facts: CardFacts) -> "Bom":
    from cyclonedx.model.bom import Bom, BomMetaData
    from cyclonedx.model.component import Component, ComponentType
    from cyclonedx.model.tool import ToolRepository

    model = _model(facts)
    parts = [*_files(facts), *_datasets(facts), *_bases(facts, "base"), *_packages(facts)]
    tool = Component(
        name="modelver", type=ComponentType.APPLICATION, version=__version__, bom_ref="tool:modelver"
    )
    name = f"{facts.registry}/{facts.ref}/{facts.digest}/{facts.at.isoformat()}"
    bom = Bom(
        serial_number=uuid.uuid5(uuid.NAMESPACE_URL, name),
        metadata=BomMetaData(
            component=model, tools=ToolRepository(components=[tool]), timestamp=facts.at, lifecycles=[]
        ),
        components=parts,
    )
    bom.register_dependency(model, parts)
    return bom


def _model(facts: CardFacts) -> "Component":
    from cyclonedx.model import ExternalReference, ExternalReferenceType, XsUri
    from cyclonedx.model.component import Component, ComponentType, Pedigree
    from cyclonedx.model.contact import OrganizationalContact

    stated = facts.manifest.metadata
    group, _, name = str(facts.manifest.model).rpartition("/")
    ancestors = list(_bases(facts, "ancestor"))
    code = stated.code or facts.provenance.code
    return Component(
        type=ComponentType.MACHINE_LEARNING_MODEL,
        bom_ref=f"model:{facts.digest}",
        group=group or None,
        name=name,
        version=facts.manifest.version,
        description=stated.description or None,
        hashes=[_hash(facts.digest)],
        licenses=_licenses(stated.license),
        authors=[OrganizationalContact(name=owner) for owner in stated.owners],
        tags=tag_texts(facts),
        pedigree=Pedigree(ancestors=ancestors) if ancestors else None,
        external_references=[ExternalReference(type=ExternalReferenceType.VCS, url=XsUri(code.repository))]
        if code and is_uri(code.repository)
        else [],
        properties=list(_properties(facts)),
    )


def _properties(facts: CardFacts) -> Iterator["Property"]:
    from cyclonedx.model import Property

    yield Property(name="modelver:ref", value=facts.ref)
    for alias in facts.aliases:
        yield Property(name="modelver:alias", value=alias)
    for name, value in flat(facts.manifest.metadata.params):
        yield Property(name=f"modelver:parameter:{name}", value=value)
    if facts.manifest.metadata.external_facing is not None:
        yield Property(
            name="modelver:external_facing", value=str(facts.manifest.metadata.external_facing).lower()
        )
    if facts.yanked is not None:
        yield Property(name="modelver:yanked", value=facts.yanked.message)


def _files(facts: CardFacts) -> Iterator["Component"]:
    from cyclonedx.model import Property
    from cyclonedx.model.component import Component, ComponentType

    for entry in facts.manifest.files:
        yield Component(
            type=ComponentType.FILE,
            bom_ref=_file_ref(entry),
            name=entry.path,
            hashes=[_hash(Digest.from_hex(entry.sha256))],
            properties=[
                Property(name="modelver:role", value=entry.role.value),
                Property(name="modelver:size", value=str(entry.size)),
            ],
        )


def _file_ref(entry: FileEntry) -> str:
    return f"file:{entry.path}"


def _data_ref(index: int) -> str:
    return f"data:{index + 1}"


def _datasets(facts: CardFacts) -> Iterator["Component"]:
    from cyclonedx.model.component import Component, ComponentType

    for index, dataset in enumerate(facts.manifest.metadata.data):
        yield Component(
            type=ComponentType.DATA,
            bom_ref=_data_ref(index),
            name=dataset.name,
            version=_version(dataset.version),
            hashes=_data_hashes(dataset),
            licenses=_licenses(dataset.license),
            properties=list(_data_properties(dataset)),
        )


def _data_hashes(dataset: Dataset) -> list["HashType"]:
    """Return the digest of a dataset's content; that of a listing is none."""
    if dataset.method == "listing":
        return []
    try:
        return [_hash(Digest(dataset.digest))]
    except InvalidValue:
        return []


def _data_properties(dataset: Dataset) -> Iterator["Property"]:
    from cyclonedx.model import Property

    rows = "" if dataset.rows is None else str(dataset.rows)
    digest = f"{dataset.digest} ({dataset.method})" if dataset.digest else ""
    for name, value in (("split", dataset.split), ("rows", rows), ("uri", dataset.uri), ("digest", digest)):
        if value:
            yield Property(name=f"modelver:{name}", value=value)


def _bases(facts: CardFacts, kind: str) -> Iterator["Component"]:
    """Yield the base models: as components that the model depends on, and again as its ancestors."""
    from cyclonedx.model.component import Component, ComponentType

    for index, base in enumerate(facts.manifest.metadata.base):
        group, name, version = _named(base)
        yield Component(
            type=ComponentType.MACHINE_LEARNING_MODEL,
            bom_ref=f"{kind}:{index + 1}",
            group=group or None,
            name=name,
            version=_version(version),
            hashes=[_hash(base.digest)] if base.digest else [],
        )


def _named(base: BaseModel) -> tuple[str, str, str]:
    """Return a base model's group, name and version."""
    try:
        ref = Ref.parse(base.name)
        name, version = str(ref.model), ref.selector
    except InvalidName:
        name, version = base.name, ""
    group, _, last = name.rpartition("/")
    return (group, last, version) if last else ("", name, version)


def _packages(facts: CardFacts) -> Iterator["Component"]:
    from cyclonedx.model.component import Component, ComponentScope, ComponentType
    from packageurl import PackageURL

    packages = facts.environment.packages if facts.environment else {}
    for name, version in packages.items():
        if _PACKAGE.fullmatch(name):
            purl = PackageURL("pypi", name=name, version=version or None)
            yield Component(
                type=ComponentType.LIBRARY,
                bom_ref=f"package:{name}",
                name=name,
                version=_version(version),
                purl=purl,
                scope=ComponentScope.EXCLUDED,
            )


def _version(text: str) -> str | None:
    return text[:_VERSION_LENGTH] or None


def _hash(digest: Digest) -> "HashType":
    from cyclonedx.model import HashAlgorithm, HashType

    return HashType(alg=HashAlgorithm.SHA_256, content=digest.hex)


def _licenses(text: str) -> list["License"]:
    """Return a license as its SPDX identifier or expression, else by its name."""
    from cyclonedx.contrib.license.factories import LicenseFactory

    if not text.strip():
        return []
    if len(text) > _LICENSE_LENGTH:
        return [LicenseFactory().make_with_name(text)]
    return [LicenseFactory().make_from_string(text)]
