"""Signatures over judgements: ECDSA over P-256 (FIPS 186-5) or Ed25519 (RFC 8032), through cryptography."""

import base64
import binascii
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias, cast

import attrs

from modelver.errors import InvalidValue, NotFound, SignatureError
from modelver.gates.policy import fingerprint
from modelver.history.governing import Judgement, Signature
from modelver.values import wire
from modelver.values.canonical import Json, encode

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    PrivateKey: TypeAlias = EllipticCurvePrivateKey | Ed25519PrivateKey

STATEMENT = "modelver-judgement-1"
_MAX_PEM = 65_536
_HINT = "Make one: openssl genpkey -algorithm ed25519 -out key.pem"


def statement(judgement: Judgement, *, registry: str, model: str) -> bytes:
    """Return the bytes that a judgement's signature is over: canonical JSON of all that it says.

    Args:
        judgement: With or without a signature.
        registry: The registry's id, so that it can't be replayed in another one.
        model: The model's folder.
    """
    said = cast("dict[str, Json]", wire.to_json(attrs.evolve(judgement, signature=None)))
    about: dict[str, Json] = {
        "decision": type(judgement).TYPE,
        "kind": STATEMENT,
        "model": model,
        "registry": registry,
    }
    return encode({**said, **about})


def sign(judgement: Judgement, key: "PrivateKey", *, registry: str, model: str) -> Signature:
    """Return a signature over a judgement."""
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePrivateKey

    data = statement(judgement, registry=registry, model=model)
    value = (
        key.sign(data, ECDSA(hashes.SHA256())) if isinstance(key, EllipticCurvePrivateKey) else key.sign(data)
    )
    der = key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return Signature(fingerprint(der), base64.b64encode(value).decode())


def check_signature(judgement: Judgement, spki: str, *, registry: str, model: str) -> None:
    """Check a judgement's signature against a public key, given as base64 of its DER.

    Raises:
        SignatureError: It does not verify, or there is none.
    """
    need_cryptography()
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey

    where = f"{model}:{judgement.version}, {judgement.role} by {judgement.person}"
    if judgement.signature is None:
        raise SignatureError("an approval is not signed", where=where)
    key = _public(spki)
    data = statement(judgement, registry=registry, model=model)
    try:
        value = base64.b64decode(judgement.signature.value, validate=True)
        if isinstance(key, EllipticCurvePublicKey):
            key.verify(value, data, ECDSA(hashes.SHA256()))
        else:
            key.verify(value, data)
    except (InvalidSignature, binascii.Error, ValueError):
        raise SignatureError("a signature does not verify", where=where) from None


@cache
def _public(spki: str):  # type: ignore[no-untyped-def] # noqa: ANN202 (cryptography's own union is private)
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_der_public_key

    try:
        key = load_der_public_key(base64.b64decode(spki))
    except (ValueError, UnsupportedAlgorithm):
        raise InvalidValue("not a public key", where=spki[:40]) from None
    if isinstance(key, Ed25519PublicKey) or (
        isinstance(key, EllipticCurvePublicKey) and isinstance(key.curve, SECP256R1)
    ):
        return key
    raise InvalidValue("not a key of a kind that is used", where=spki[:40], expected="Ed25519 or ECDSA P-256")


def check_public_key(spki: str) -> None:
    """Refuse what is no public key of a kind that is used.

    Raises:
        InvalidValue: It is none, or the package that tells is missing.
    """
    need_cryptography()
    _public(spki)


def need_cryptography() -> None:
    """Say what to install where signatures can't be made or checked.

    Raises:
        InvalidValue: The package is missing.
    """
    if find_spec("cryptography") is None:
        raise InvalidValue(
            "signatures need the cryptography package", hint="Install it: pip install 'modelver[sign]'"
        )


def load_key(path: Path) -> "PrivateKey":
    """Read a private key in PEM (PKCS #8, RFC 5208).

    Raises:
        NotFound: There is no such file.
        InvalidValue: It is no such key, or of another kind, or needs a password.
    """
    need_cryptography()
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        with path.open("rb") as file:
            data = file.read(_MAX_PEM)
    except OSError as error:
        raise NotFound("a key can't be read", where=path, found=error.strerror or error, hint=_HINT) from None
    try:
        key = load_pem_private_key(data, None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise InvalidValue(
            "not a private key in PEM", where=path, found=str(error)[:80], hint=_HINT
        ) from None
    if isinstance(key, Ed25519PrivateKey) or (
        isinstance(key, EllipticCurvePrivateKey) and isinstance(key.curve, SECP256R1)
    ):
        return key
    raise InvalidValue(
        "not a key of a kind that is used", where=path, expected="Ed25519 or ECDSA P-256", hint=_HINT
    )
