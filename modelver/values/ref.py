"""References to versions, in every form that people write them."""

import re
from typing import Self

import attrs

from modelver.errors import InvalidName
from modelver.values.name import ModelName
from modelver.values.scheme import MAX_VERSION

MIN_DIGEST = 12
LATEST = "latest"
_MLFLOW = "models:/"
_DIGEST = re.compile(rf"[0-9a-f]{{{MIN_DIGEST},64}}")
_SELECTOR = re.compile(rf"[A-Za-z0-9][A-Za-z0-9._+-]{{0,{MAX_VERSION - 1}}}")
_FORMS = "name:1.3.0, name@alias, name@latest, name@sha256:<12 or more hex digits>, models:/name/1.3.0 or models:/name@alias"


@attrs.frozen
class Ref:
    """A reference to a version of a model.

    Parsed from ``name:1.3.0`` (also ``name@1.3.0``), ``name@alias`` (also ``name:alias``), ``name@latest``,
    ``name@sha256:<at least 12 hex digits>``, ``models:/name/1.3.0`` and ``models:/name@alias``. Whether the selector is
    a version or an alias is known only with the model's scheme. ``Ref.parse(str(ref)) == ref``.

    Attributes:
        model: The model's name.
        selector: A version, an alias or ``latest``; empty where `digest` is given.
        digest: The first hexadecimal digits of the manifest's SHA-256, or empty.
    """

    model: ModelName
    selector: str = ""
    digest: str = ""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse a reference.

        Raises:
            InvalidName: It has none of the forms.
        """
        if text.startswith(_MLFLOW):
            name, separator, selector = _split_mlflow(text.removeprefix(_MLFLOW))
        else:
            name, separator, selector = _split(text)
        if not name or not separator or not selector:
            raise InvalidName("not a reference to a version", where=repr(text), expected=_FORMS)
        model = ModelName(name)
        if selector.startswith("sha256:"):
            digits = selector.removeprefix("sha256:").lower()
            if not _DIGEST.fullmatch(digits):
                raise InvalidName(
                    "not a digest in a reference",
                    where=repr(text),
                    expected=f"{MIN_DIGEST} to 64 hexadecimal digits",
                )
            return cls(model, digest=digits)
        if not _SELECTOR.fullmatch(selector):
            raise InvalidName(
                "not a version or an alias in a reference", where=repr(text), found=repr(selector)
            )
        return cls(model, selector)

    def __str__(self) -> str:
        return f"{self.model}@sha256:{self.digest}" if self.digest else f"{self.model}@{self.selector}"


def _split(text: str) -> tuple[str, str, str]:
    """Cut at the first ``@`` or ``:``, none of which a model's name has."""
    match = re.search("[@:]", text)
    return (text, "", "") if match is None else (text[: match.start()], match[0], text[match.end() :])


def _split_mlflow(text: str) -> tuple[str, str, str]:
    return text.partition("@") if "@" in text else text.rpartition("/")
