"""What WebCrypto has beyond hashes: AES, RSA, elliptic curves, by the package `cryptography`."""

from __future__ import annotations

from typing import Any

from edgekit.compat.javascript.arrays import ArrayBuffer, bytes_of
from edgekit.compat.javascript.convert import data, native
from edgekit.compat.javascript.crypto import (
    CryptoKey,
    base64url,
    hash_of,
    refuse,
    unbase64url,
)
from edgekit.compat.javascript.values import Object
from edgekit.errors import UnsupportedError

try:
    from cryptography.exceptions import InvalidSignature, InvalidTag
    from cryptography.hazmat.primitives import hashes, keywrap, serialization
    from cryptography.hazmat.primitives import padding as blocks
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils, x25519
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM
except ImportError as error:
    raise UnsupportedError(
        "js.crypto.subtle needs the package cryptography for everything but digests, HMAC, PBKDF2 and "
        "HKDF: pip install 'edgekit-asgi[crypto]'"
    ) from error

_CURVES: dict[str, Any] = {"P-256": ec.SECP256R1, "P-384": ec.SECP384R1, "P-521": ec.SECP521R1}
_RSA = ("RSASSA-PKCS1-v1_5", "RSA-PSS", "RSA-OAEP")
_EDWARDS = ("Ed25519", "NODE-ED25519")
_FAILED = (
    "Decryption failed. This could be due to a ciphertext authentication failure, bad padding, "
    "incorrect CryptoKey, or another algorithm-specific reason."
)


def _hash(name: str) -> Any:
    return getattr(hashes, name.replace("-", ""))()


def _curve(name: Any) -> Any:
    if name not in _CURVES:
        raise refuse(f'Unrecognized or unimplemented EC curve "{name}" requested.')
    return _CURVES[name]()


def _of_key(key: CryptoKey) -> str:
    return str(key._algorithm["hash"]["name"])


# Keys -------------------------------------------------------------------------------------------------


def generate(chosen: dict[str, Any], extractable: bool, usages: list[str]) -> Object:
    """A new pair of keys."""
    name = chosen["name"]
    if name in _RSA:
        exponent = int.from_bytes(bytes_of(native(chosen.get("publicExponent", b"\1\0\1"))), "big")
        private: Any = rsa.generate_private_key(exponent, int(chosen["modulusLength"]))
    elif name in ("ECDSA", "ECDH"):
        private = ec.generate_private_key(_curve(chosen.get("namedCurve")))
    elif name in _EDWARDS:
        private = ed25519.Ed25519PrivateKey.generate()
    elif name == "X25519":
        private = x25519.X25519PrivateKey.generate()
    else:
        raise refuse(f'Unrecognized key generation algorithm "{name}" requested.')
    public_uses = [use for use in usages if use in ("verify", "encrypt", "wrapKey")]
    private_uses = [use for use in usages if use not in public_uses]
    return Object.over(
        {
            "publicKey": _key(private.public_key(), chosen, True, public_uses),
            "privateKey": _key(private, chosen, extractable, private_uses),
        }
    )


def load(
    format: str, key: Any, chosen: dict[str, Any], extractable: bool, usages: list[str]
) -> CryptoKey:
    """A key of raw, spki, pkcs8 or jwk."""
    name = chosen["name"]
    if name not in (*_RSA, *_EDWARDS, "ECDSA", "ECDH", "X25519"):
        raise refuse(f'Unrecognized key import algorithm "{name}" requested.')
    try:
        if format == "jwk":
            held = _from_jwk(key, name)
        elif format == "spki":
            held = serialization.load_der_public_key(bytes_of(key))
        elif format == "pkcs8":
            held = serialization.load_der_private_key(bytes_of(key), None)
        elif format == "raw" and name in ("ECDSA", "ECDH"):
            curve = _curve(chosen.get("namedCurve"))
            held = ec.EllipticCurvePublicKey.from_encoded_point(curve, bytes_of(key))
        elif format == "raw" and name in _EDWARDS:
            held = ed25519.Ed25519PublicKey.from_public_bytes(bytes_of(key))
        elif format == "raw" and name == "X25519":
            held = x25519.X25519PublicKey.from_public_bytes(bytes_of(key))
        else:
            raise refuse(f'Unrecognized key import format "{format}".')
    except (ValueError, KeyError, TypeError) as error:
        raise refuse(f"The key could not be read as {format}: {error}", "DataError") from error
    return _key(held, chosen, extractable, usages)


def _key(held: Any, chosen: dict[str, Any], extractable: bool, usages: list[str]) -> CryptoKey:
    name = chosen["name"]
    kept: dict[str, Any] = {"name": name}
    private = hasattr(held, "private_bytes")
    if name in _RSA:
        public = (held.public_key() if private else held).public_numbers()
        exponent = public.e.to_bytes((public.e.bit_length() + 7) // 8, "big")
        kept |= {"modulusLength": held.key_size, "publicExponent": exponent}
        kept["hash"] = {"name": hash_of(chosen)}
    elif name in ("ECDSA", "ECDH"):
        kept["namedCurve"] = {"secp256r1": "P-256", "secp384r1": "P-384", "secp521r1": "P-521"}[
            held.curve.name
        ]
    return CryptoKey("private" if private else "public", kept, extractable, usages, held)


def export(format: str, key: CryptoKey) -> Any:
    """A key in that format."""
    held = key._held
    if format == "jwk":
        return data(_to_jwk(key))
    private = key.type == "private"
    if format == "spki" and not private:
        encoded = held.public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    elif format == "pkcs8" and private:
        encoded = held.private_bytes(
            serialization.Encoding.DER,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    elif format == "raw" and not private and key._name not in _RSA:
        encoded = _raw(held)
    else:
        raise refuse(f'Unrecognized key export format "{format}" of a {key.type} key.')
    return ArrayBuffer.over(encoded)


def _raw(public: Any) -> bytes:
    if isinstance(public, ec.EllipticCurvePublicKey):
        return public.public_bytes(
            serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
        )
    encoded: bytes = public.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    return encoded


def _int(text: str) -> int:
    return int.from_bytes(unbase64url(text), "big")


def _text(number: int, size: int | None = None) -> str:
    return base64url(number.to_bytes(size or (number.bit_length() + 7) // 8, "big"))


def _from_jwk(key: Any, name: str) -> Any:
    if not isinstance(key, dict):
        raise refuse('"jwk" key import requires a JSON Web Key.', "DataError")
    if key["kty"] == "RSA":
        public = rsa.RSAPublicNumbers(_int(key["e"]), _int(key["n"]))
        if "d" not in key:
            return public.public_key()
        d = _int(key["d"])
        p, q = (
            (_int(key["p"]), _int(key["q"]))
            if "p" in key
            else rsa.rsa_recover_prime_factors(public.n, public.e, d)
        )
        private = rsa.RSAPrivateNumbers(
            p, q, d, rsa.rsa_crt_dmp1(d, p), rsa.rsa_crt_dmq1(d, q), rsa.rsa_crt_iqmp(p, q), public
        )
        return private.private_key()
    if key["kty"] == "EC":
        curve = _curve(key["crv"])
        point = ec.EllipticCurvePublicNumbers(_int(key["x"]), _int(key["y"]), curve)
        if "d" in key:
            return ec.EllipticCurvePrivateNumbers(_int(key["d"]), point).private_key()
        return point.public_key()
    edwards = name in _EDWARDS
    if "d" in key:
        kind: Any = ed25519.Ed25519PrivateKey if edwards else x25519.X25519PrivateKey
        return kind.from_private_bytes(unbase64url(key["d"]))
    kind = ed25519.Ed25519PublicKey if edwards else x25519.X25519PublicKey
    return kind.from_public_bytes(unbase64url(key["x"]))


def _to_jwk(key: CryptoKey) -> dict[str, Any]:
    held = key._held
    private = key.type == "private"
    public = held.public_key() if private else held
    made: dict[str, Any]
    if key._name in _RSA:
        numbers = public.public_numbers()
        made = {"kty": "RSA", "n": _text(numbers.n), "e": _text(numbers.e)}
        if private:
            secret = held.private_numbers()
            made |= {name: _text(getattr(secret, name)) for name in ("d", "p", "q")}
            made |= {"dp": _text(secret.dmp1), "dq": _text(secret.dmq1), "qi": _text(secret.iqmp)}
    elif key._name in ("ECDSA", "ECDH"):
        size = (held.curve.key_size + 7) // 8
        point = public.public_numbers()
        made = {"kty": "EC", "crv": key._algorithm["namedCurve"]}
        made |= {"x": _text(point.x, size), "y": _text(point.y, size)}
        if private:
            made["d"] = _text(held.private_numbers().private_value, size)
    else:
        made = {
            "kty": "OKP",
            "crv": key._name.removeprefix("NODE-").title(),
            "x": base64url(_raw(public)),
        }
        if private:
            made["d"] = base64url(held.private_bytes_raw())
    if alg := _alg(key):
        made["alg"] = alg
    return made | {"key_ops": list(key.usages), "ext": key.extractable}


def _alg(key: CryptoKey) -> str:
    if key._name in _EDWARDS:
        return "EdDSA"
    if key._name not in _RSA:
        return ""
    bits = _of_key(key).removeprefix("SHA-")
    prefix = {"RSASSA-PKCS1-v1_5": "RS", "RSA-PSS": "PS", "RSA-OAEP": "RSA-OAEP-"}[key._name]
    return "RSA-OAEP" if key._name == "RSA-OAEP" and bits == "1" else prefix + bits


# Signatures -------------------------------------------------------------------------------------------


def sign(chosen: dict[str, Any], key: CryptoKey, message: bytes) -> bytes:
    """A signature, in the standard's form: of curves the two numbers one after the other."""
    held = key._held
    if key._name == "RSASSA-PKCS1-v1_5":
        return held.sign(message, padding.PKCS1v15(), _hash(_of_key(key)))  # type: ignore[no-any-return]
    if key._name == "RSA-PSS":
        return held.sign(message, _pss(chosen, key), _hash(_of_key(key)))  # type: ignore[no-any-return]
    if key._name == "ECDSA":
        size = (held.curve.key_size + 7) // 8
        r, s = utils.decode_dss_signature(held.sign(message, ec.ECDSA(_hash(hash_of(chosen)))))
        return r.to_bytes(size, "big") + s.to_bytes(size, "big")
    if key._name in _EDWARDS:
        return held.sign(message)  # type: ignore[no-any-return]
    raise refuse(f'The sign operation is not implemented for "{key._name}".')


def verify(chosen: dict[str, Any], key: CryptoKey, signature: bytes, message: bytes) -> bool:
    """Whether it is the message's."""
    held = key._held
    try:
        if key._name == "RSASSA-PKCS1-v1_5":
            held.verify(signature, message, padding.PKCS1v15(), _hash(_of_key(key)))
        elif key._name == "RSA-PSS":
            held.verify(signature, message, _pss(chosen, key), _hash(_of_key(key)))
        elif key._name == "ECDSA":
            size = (held.curve.key_size + 7) // 8
            if len(signature) != 2 * size:
                return False
            r, s = (int.from_bytes(signature[i : i + size], "big") for i in (0, size))
            encoded = utils.encode_dss_signature(r, s)
            held.verify(encoded, message, ec.ECDSA(_hash(hash_of(chosen))))
        elif key._name in _EDWARDS:
            held.verify(signature, message)
        else:
            raise refuse(f'The verify operation is not implemented for "{key._name}".')
    except InvalidSignature:
        return False
    return True


def _pss(chosen: dict[str, Any], key: CryptoKey) -> Any:
    return padding.PSS(padding.MGF1(_hash(_of_key(key))), int(chosen.get("saltLength", 0)))


def agree(chosen: dict[str, Any], key: CryptoKey, bits: int | None) -> bytes:
    """The secret that a key shares with the other's `public` key."""
    other = chosen.get("public")
    if not isinstance(other, CryptoKey) or key._name not in ("ECDH", "X25519"):
        raise refuse(f'The deriveBits operation is not implemented for "{key._name}".')
    if key._name == "ECDH":
        shared: bytes = key._held.exchange(ec.ECDH(), other._held)
    else:
        shared = key._held.exchange(other._held)
    if bits is None:
        return shared
    if bits > len(shared) * 8:
        raise refuse("Derived key length is too long.", "OperationError")
    return shared[: (bits + 7) // 8]


# Ciphers ----------------------------------------------------------------------------------------------


def encrypt(chosen: dict[str, Any], key: CryptoKey, message: bytes) -> bytes:
    """The message, encrypted."""
    name = key._name
    if name == "AES-GCM":
        tag = int(chosen.get("tagLength", 128)) // 8
        return _gcm(chosen, key).encrypt(_bytes(chosen, "iv"), message, _more(chosen))[
            : len(message) + tag
        ]
    if name == "AES-CBC":
        padder = blocks.PKCS7(128).padder()
        cipher = _cbc(chosen, key).encryptor()
        padded: bytes = padder.update(message) + padder.finalize()
        encrypted: bytes = cipher.update(padded) + cipher.finalize()
        return encrypted
    if name == "AES-CTR":
        return _counter(chosen, key, message)
    if name == "AES-KW":
        return keywrap.aes_key_wrap(key._held, message)
    if name == "RSA-OAEP":
        return key._held.encrypt(message, _oaep(chosen, key))  # type: ignore[no-any-return]
    raise refuse(f'The encrypt operation is not implemented for "{name}".')


def decrypt(chosen: dict[str, Any], key: CryptoKey, message: bytes) -> bytes:
    """The message again; an OperationError when that is not possible."""
    name = key._name
    try:
        if name == "AES-GCM":
            if int(chosen.get("tagLength", 128)) != 128:
                raise refuse("AES-GCM is decrypted here with tags of 128 bits only.")
            return _gcm(chosen, key).decrypt(_bytes(chosen, "iv"), message, _more(chosen))
        if name == "AES-CBC":
            cipher = _cbc(chosen, key).decryptor()
            unpadder = blocks.PKCS7(128).unpadder()
            plain = cipher.update(message) + cipher.finalize()
            return unpadder.update(plain) + unpadder.finalize()
        if name == "AES-CTR":
            return _counter(chosen, key, message)
        if name == "AES-KW":
            return keywrap.aes_key_unwrap(key._held, message)
        if name == "RSA-OAEP":
            return key._held.decrypt(message, _oaep(chosen, key))  # type: ignore[no-any-return]
    except (InvalidTag, ValueError, keywrap.InvalidUnwrap) as error:
        raise refuse(_FAILED, "OperationError") from error
    raise refuse(f'The decrypt operation is not implemented for "{name}".')


def _gcm(chosen: dict[str, Any], key: CryptoKey) -> AESGCM:
    return AESGCM(key._held)


def _cbc(chosen: dict[str, Any], key: CryptoKey) -> Any:
    iv = _bytes(chosen, "iv")
    if len(iv) != 16:
        raise refuse(f"AES-CBC IV must be 16 bytes long (provided {len(iv)}).", "OperationError")
    return Cipher(algorithms.AES(key._held), modes.CBC(iv))


def _counter(chosen: dict[str, Any], key: CryptoKey, message: bytes) -> bytes:
    cipher = Cipher(algorithms.AES(key._held), modes.CTR(_bytes(chosen, "counter"))).encryptor()
    return cipher.update(message) + cipher.finalize()


def _oaep(chosen: dict[str, Any], key: CryptoKey) -> Any:
    digest = _hash(_of_key(key))
    label = _bytes(chosen, "label") if chosen.get("label") is not None else None
    return padding.OAEP(padding.MGF1(digest), digest, label)


def _bytes(chosen: dict[str, Any], name: str) -> bytes:
    return bytes_of(native(chosen[name]))


def _more(chosen: dict[str, Any]) -> bytes | None:
    return _bytes(chosen, "additionalData") if chosen.get("additionalData") is not None else None
