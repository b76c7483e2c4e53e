"""`js.crypto`: random values, and WebCrypto's subtle: digests, HMAC, PBKDF2, HKDF, AES, RSA, curves.

Digests, HMAC and PBKDF2 are hashlib's; the rest is the package `cryptography`'s (the extra `crypto`), which
`crypto_ciphers.py` asks. Spec: W3C Web Cryptography, as Workers have it.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

from edgekit import host
from edgekit.compat.javascript import late
from edgekit.compat.javascript.arrays import ArrayBuffer, TypedArray, bytes_of
from edgekit.compat.javascript.convert import data, native
from edgekit.compat.javascript.errors import DOMException, TypeError_, rethrow
from edgekit.compat.javascript.promises import promise
from edgekit.compat.javascript.proxy import JsProxy
from edgekit.compat.javascript.streams import WritableStream
from edgekit.compat.javascript.values import Array, Object, string

HASHES = {"SHA-1": "sha1", "SHA-256": "sha256", "SHA-384": "sha384", "SHA-512": "sha512"}
_DIGESTS = HASHES | {"MD5": "md5"}
_BLOCKS = {"SHA-1": 512, "SHA-256": 512, "SHA-384": 1024, "SHA-512": 1024}


_CIPHER = ("encrypt", "decrypt", "wrapKey", "unwrapKey")
_SIGNING = ("HMAC", "RSASSA-PKCS1-v1_5", "RSA-PSS", "ECDSA", "Ed25519", "NODE-ED25519")
_DERIVING = ("PBKDF2", "HKDF", "ECDH", "X25519")
_USAGES: dict[str, tuple[str, ...]] = {"AES-KW": ("wrapKey", "unwrapKey")}
_USAGES |= dict.fromkeys(_SIGNING, ("sign", "verify"))
_USAGES |= dict.fromkeys(_DERIVING, ("deriveKey", "deriveBits"))
_PUBLIC = frozenset({"verify", "encrypt", "wrapKey"})


class CryptoKey(JsProxy):
    """A key: `type`, `extractable`, `algorithm`, `usages`."""

    def __init__(
        self, type: str, algorithm: dict[str, Any], extractable: bool, usages: list[str], held: Any
    ) -> None:
        name: str = algorithm["name"]
        if type == "secret" and extractable and name in ("PBKDF2", "HKDF"):
            raise refuse(f"{name} key cannot be extractable.", "SyntaxError")
        if type != "public" and not usages:
            raise refuse("Secret/private CryptoKeys must have at least one usage.", "SyntaxError")
        allowed = _USAGES.get(name, _CIPHER)
        if type != "secret":
            allowed = tuple(use for use in allowed if (use in _PUBLIC) == (type == "public"))
        for use in usages:
            if use not in allowed:
                raise refuse(f'A {type} {name} key cannot have the usage "{use}".', "SyntaxError")
        self.type = type
        self.algorithm = data(algorithm)
        self.extractable = extractable
        self.usages = Array.over(list(dict.fromkeys(usages)))
        self._name = name
        self._algorithm = algorithm
        self._held = held

    def _for(self, usage: str) -> None:
        if usage not in self.usages:
            raise DOMException(
                f'Requested key usage "{usage}" does not match any usage listed in this CryptoKey.',
                "InvalidAccessError",
            )


def refuse(message: str, name: str = "NotSupportedError") -> DOMException:
    """The error for what is not there."""
    return DOMException(message, name)


def algorithm_of(value: Any) -> dict[str, Any]:
    """An algorithm, named by a text or an object, with its name as the standard spells it."""
    found = native(value)
    chosen: dict[str, Any] = {"name": found} if isinstance(found, str) else dict(found or {})
    name = string(chosen.get("name", ""))
    chosen["name"] = _SPELLED.get(name.lower(), name)
    return chosen


_SPELLED = {
    name.lower(): name
    for name in (
        *_DIGESTS,
        *("HMAC", "PBKDF2", "HKDF", "AES-GCM", "AES-CBC", "AES-CTR", "AES-KW", "RSASSA-PKCS1-v1_5"),
        *("RSA-PSS", "RSA-OAEP", "ECDSA", "ECDH", "Ed25519", "X25519", "NODE-ED25519"),
    )
}


def hash_of(chosen: dict[str, Any]) -> str:
    """The standard's name of an algorithm's hash."""
    if chosen.get("hash") is None:
        raise TypeError_('Missing field "hash" in "algorithm".')
    name = algorithm_of(chosen["hash"])["name"]
    if name not in HASHES:
        raise refuse(f"Unrecognized or unimplemented digest algorithm requested: {name!r}")
    return str(name)


class SubtleCrypto(JsProxy):
    """`crypto.subtle`. Each method gives a promise."""

    def digest(self, algorithm: Any, message: Any) -> Any:
        """The hash of a buffer: SHA-1, SHA-256, SHA-384, SHA-512, MD5."""

        def work() -> ArrayBuffer:
            name = algorithm_of(algorithm)["name"]
            if name not in _DIGESTS:
                raise refuse(f"Unrecognized or unimplemented digest algorithm requested: {name!r}")
            return _buffer(hashlib.new(_DIGESTS[name], given, usedforsecurity=False).digest())

        given = _bytes(message)
        return _promised(work)

    def importKey(
        self, format: str, key: Any, algorithm: Any, extractable: bool, usages: Any
    ) -> Any:
        """A CryptoKey of raw, pkcs8, spki or jwk."""
        return _promised(
            lambda: import_key(
                format, native(key), algorithm_of(algorithm), bool(extractable), list(usages)
            )
        )

    def exportKey(self, format: str, key: CryptoKey) -> Any:
        """A key as raw, pkcs8, spki or jwk; only one that is extractable."""

        def work() -> Any:
            if not key.extractable:
                raise refuse("Attempt to export non-extractable key", "InvalidAccessError")
            if isinstance(key._held, bytes):
                return _export_secret(format, key)
            return _ciphers().export(format, key)

        return _promised(work)

    def generateKey(self, algorithm: Any, extractable: bool, usages: Any) -> Any:
        """A new key, or a pair of keys."""

        def work() -> Any:
            chosen, wanted = algorithm_of(algorithm), list(usages)
            if chosen["name"] == "HMAC":
                bits = int(chosen.get("length") or _BLOCKS[hash_of(chosen)])
                raw = host.random_bytes((bits + 7) // 8)
                return import_key("raw", raw, chosen, bool(extractable), wanted)
            if chosen["name"].startswith("AES-"):
                raw = host.random_bytes(_aes_bits(chosen.get("length")) // 8)
                return import_key("raw", raw, chosen, bool(extractable), wanted)
            return _ciphers().generate(chosen, bool(extractable), wanted)

        return _promised(work)

    def sign(self, algorithm: Any, key: CryptoKey, message: Any) -> Any:
        """A promise of the signature as an ArrayBuffer."""

        def work() -> ArrayBuffer:
            chosen = _matching(algorithm, key)
            key._for("sign")
            if key._name == "HMAC":
                return _buffer(_hmac(key, given))
            return _buffer(_ciphers().sign(chosen, key, given))

        given = _bytes(message)
        return _promised(work)

    def verify(self, algorithm: Any, key: CryptoKey, signature: Any, message: Any) -> Any:
        """A promise of whether the signature is the message's."""

        def work() -> bool:
            chosen = _matching(algorithm, key)
            key._for("verify")
            if key._name == "HMAC":
                return hmac.compare_digest(_hmac(key, given), signed)
            return bool(_ciphers().verify(chosen, key, signed, given))

        signed, given = _bytes(signature), _bytes(message)
        return _promised(work)

    def encrypt(self, algorithm: Any, key: CryptoKey, message: Any) -> Any:
        """A promise of the message, encrypted: AES-GCM, AES-CBC, AES-CTR, RSA-OAEP."""

        def work() -> ArrayBuffer:
            chosen = _matching(algorithm, key)
            key._for("encrypt")
            return _buffer(_ciphers().encrypt(chosen, key, given))

        given = _bytes(message)
        return _promised(work)

    def decrypt(self, algorithm: Any, key: CryptoKey, message: Any) -> Any:
        """A promise of the message; an OperationError when it is damaged, or the key is another's."""

        def work() -> ArrayBuffer:
            chosen = _matching(algorithm, key)
            key._for("decrypt")
            return _buffer(_ciphers().decrypt(chosen, key, given))

        given = _bytes(message)
        return _promised(work)

    def deriveBits(self, algorithm: Any, key: CryptoKey, length: int | None = None) -> Any:
        """A promise of `length` bits: PBKDF2, HKDF, ECDH, X25519."""

        def work() -> ArrayBuffer:
            chosen = _matching(algorithm, key)
            if "deriveBits" not in key.usages:
                key._for("deriveBits")
            return _buffer(_derive(chosen, key, length))

        return _promised(work)

    def deriveKey(
        self, algorithm: Any, key: CryptoKey, wanted: Any, extractable: bool, usages: Any
    ) -> Any:
        """A promise of a key that is derived from another."""

        def work() -> Any:
            chosen, target = _matching(algorithm, key), algorithm_of(wanted)
            key._for("deriveKey")
            if target["name"] == "HMAC":
                bits = int(target.get("length") or _BLOCKS[hash_of(target)])
            else:
                bits = _aes_bits(target.get("length"))
            raw = _derive(chosen, key, bits)
            return import_key("raw", raw, target, bool(extractable), list(usages))

        return _promised(work)

    def wrapKey(self, format: str, key: CryptoKey, wrapping: CryptoKey, algorithm: Any) -> Any:
        """A promise of a key, exported and encrypted by another."""

        async def work() -> Any:
            from edgekit.compat.javascript.jsontext import stringify

            exported = await self.exportKey(format, key)
            plain = (stringify(exported) or "").encode() if format == "jwk" else _bytes(exported)
            chosen = _matching(algorithm, wrapping)
            wrapping._for("wrapKey")
            return _buffer(_ciphers().encrypt(chosen, wrapping, plain))

        return promise(work())

    def unwrapKey(
        self,
        format: str,
        wrapped: Any,
        unwrapping: CryptoKey,
        algorithm: Any,
        key_algorithm: Any,
        extractable: bool,
        usages: Any,
    ) -> Any:
        """A promise of the key that `wrapKey` wrapped."""

        def work() -> Any:
            from edgekit.compat.javascript.jsontext import parse

            chosen = _matching(algorithm, unwrapping)
            unwrapping._for("unwrapKey")
            plain: Any = _ciphers().decrypt(chosen, unwrapping, _bytes(wrapped))
            plain = native(parse(plain.decode())) if format == "jwk" else plain
            target = algorithm_of(key_algorithm)
            return import_key(format, plain, target, bool(extractable), list(usages))

        return _promised(work)

    def timingSafeEqual(self, one: Any, other: Any) -> bool:
        """Whether two buffers of the same length are the same, in a time that does not tell where not."""
        first, second = _bytes(one), _bytes(other)
        if len(first) != len(second):
            raise TypeError_("Input buffers must have the same byte length.")
        return hmac.compare_digest(first, second)


def import_key(
    format: str, key: Any, algorithm: dict[str, Any], extractable: bool, usages: list[str]
) -> CryptoKey:
    """A CryptoKey of what `importKey` is given, opened."""
    name = algorithm["name"]
    if name == "HMAC" or name.startswith("AES-") or name in ("PBKDF2", "HKDF"):
        secret = _secret(format, key)
        kept: dict[str, Any] = {"name": name}
        if name == "HMAC":
            if not secret:
                raise refuse(
                    "HMAC key length must be a non-zero unsigned long integer.", "DataError"
                )
            kept |= {"hash": {"name": hash_of(algorithm)}, "length": len(secret) * 8}
        elif name.startswith("AES-"):
            kept["length"] = _aes_bits(len(secret) * 8, "DataError")
        if format == "jwk":
            _check_jwk(key, extractable, usages)
            if "alg" in key and key["alg"] != _jwk_name(kept):
                raise refuse(
                    f'The "jwk" key is for {key["alg"]!r}, not for {_jwk_name(kept)!r}.',
                    "DataError",
                )
        return CryptoKey("secret", kept, extractable, usages, secret)
    made = _ciphers().load(format, key, algorithm, extractable, usages)
    if format == "jwk":
        _check_jwk(key, extractable, usages)
    return made  # type: ignore[no-any-return]


def _check_jwk(key: dict[str, Any], extractable: bool, usages: list[str]) -> None:
    """What a JSON Web Key says of its use must allow what is asked for."""
    if extractable and key.get("ext") is False:
        raise refuse('The "jwk" key is not to be extractable: its "ext" is false.', "DataError")
    for use in usages if "key_ops" in key else ():
        if use not in key["key_ops"]:
            raise refuse(f'"jwk" key missing usage "{use}", in "key_ops".', "DataError")


def _jwk_name(algorithm: dict[str, Any]) -> str | None:
    name = algorithm["name"]
    if name == "HMAC":
        return "HS" + str(algorithm["hash"]["name"].removeprefix("SHA-"))
    return f"A{algorithm['length']}{name.removeprefix('AES-')}" if "length" in algorithm else None


def _secret(format: str, key: Any) -> bytes:
    if format == "raw":
        return _bytes(key)
    if format == "jwk":
        if not isinstance(key, dict) or key.get("kty") != "oct" or "k" not in key:
            raise refuse(
                'Symmetric "jwk" key import requires a JSON Web Key of type "oct".', "DataError"
            )
        return unbase64url(key["k"])
    raise refuse(f'Unrecognized key import format "{format}".')


def _export_secret(format: str, key: CryptoKey) -> Any:
    if format == "raw":
        return _buffer(key._held)
    if format != "jwk":
        raise refuse(f'Unrecognized key export format "{format}".')
    return Object.over(
        {
            "kty": "oct",
            "k": base64url(key._held),
            "alg": _jwk_name(key._algorithm),
            "key_ops": key.usages.slice(),
            "ext": True,
        }
    )


def _hmac(key: CryptoKey, message: bytes) -> bytes:
    return hmac.digest(key._held, message, HASHES[key._algorithm["hash"]["name"]])


def _derive(chosen: dict[str, Any], key: CryptoKey, bits: int | None) -> bytes:
    if chosen["name"] == "PBKDF2":
        if not bits or bits % 8:
            raise refuse(
                "PBKDF2 requires a non-zero length that is a multiple of 8.", "OperationError"
            )
        rounds = int(chosen["iterations"])
        if rounds > 100_000:
            raise refuse(
                "Pbkdf2 failed: iteration counts above 100000 are not supported "
                f"(requested {rounds}).",
            )
        digest = HASHES[hash_of(chosen)]
        return hashlib.pbkdf2_hmac(digest, key._held, _bytes(chosen["salt"]), rounds, bits // 8)
    if chosen["name"] == "HKDF":
        return _hkdf(chosen, key._held, int(bits or 0))
    return _ciphers().agree(chosen, key, bits)  # type: ignore[no-any-return]


def _hkdf(chosen: dict[str, Any], secret: bytes, bits: int) -> bytes:
    """RFC 5869, of two steps."""
    digest = HASHES[hash_of(chosen)]
    size = hashlib.new(digest).digest_size
    count = bits // 8
    if not bits or bits % 8 or count > 255 * size:
        raise refuse("HKDF cannot derive that many bits.", "OperationError")
    pseudo = hmac.digest(_bytes(chosen["salt"]) or bytes(size), secret, digest)
    block, made = b"", b""
    for i in range(-(-count // size)):
        block = hmac.digest(pseudo, block + _bytes(chosen["info"]) + bytes((i + 1,)), digest)
        made += block
    return made[:count]


def _matching(algorithm: Any, key: CryptoKey) -> dict[str, Any]:
    chosen = algorithm_of(algorithm)
    if chosen["name"] != key._name:
        raise refuse(
            f'This operation uses the algorithm "{chosen["name"]}", but the key is one of '
            f'"{key._name}".',
            "InvalidAccessError",
        )
    return chosen


def _aes_bits(bits: Any, error: str = "OperationError") -> int:
    if bits is None:
        raise TypeError_('Missing field "length" in "algorithm".')
    if bits not in (128, 192, 256):
        raise refuse(f"AES keys have 128, 192 or 256 bits, not {bits}.", error)
    return int(bits)


def base64url(value: bytes) -> str:
    """Base64 for URLs, without padding."""
    from base64 import urlsafe_b64encode

    return urlsafe_b64encode(value).rstrip(b"=").decode()


def unbase64url(text: str) -> bytes:
    """The bytes of such a text."""
    from base64 import urlsafe_b64decode

    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _ciphers() -> Any:
    return late.crypto_ciphers


def _bytes(value: Any) -> bytes:
    return bytes_of(native(value))


def _buffer(value: bytes) -> ArrayBuffer:
    return ArrayBuffer.over(value)


def _promised(work: Any) -> Any:
    async def wait() -> Any:
        try:
            return work()
        except Exception as error:
            rethrow(error)

    return promise(wait())


class DigestStream(WritableStream):
    """`crypto.DigestStream.new("SHA-256")`: the hash of what is written, as its `digest`."""

    def __init__(self, algorithm: Any) -> None:
        from edgekit.compat.javascript.promises import future

        name = algorithm_of(algorithm)["name"]
        if name not in _DIGESTS:
            raise refuse(f"Unrecognized or unimplemented digest algorithm requested: {name!r}")
        state = hashlib.new(_DIGESTS[name], usedforsecurity=False)
        self.digest = done = future()
        self.bytesWritten = 0

        def write(chunk: Any, *rest: Any) -> None:
            part = chunk.encode() if isinstance(chunk, str) else _bytes(chunk)
            self.bytesWritten += len(part)
            state.update(part)

        super().__init__(
            {"write": write, "close": lambda: done.set_result(_buffer(state.digest()))}
        )


class Crypto(JsProxy):
    """`js.crypto`."""

    subtle = SubtleCrypto()
    DigestStream = DigestStream

    def randomUUID(self) -> str:
        """A random UUID, version 4."""
        raw = bytearray(host.random_bytes(16))
        raw[6] = raw[6] & 0x0F | 0x40
        raw[8] = raw[8] & 0x3F | 0x80
        text = raw.hex()
        return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"

    def getRandomValues(self, array: Any) -> Any:
        """Fill a typed array of whole numbers, of at most 65536 bytes; the array itself."""
        if not isinstance(array, TypedArray) or array._format in "fd":
            raise DOMException(
                "The data argument must be an integer-type TypedArray", "TypeMismatchError"
            )
        if array.byteLength > 65536:
            raise DOMException(
                f"getRandomValues() only accepts buffers of size <= 64K but provided "
                f"{array.byteLength} bytes.",
                "QuotaExceededError",
            )
        array._view()[:] = host.random_bytes(array.byteLength)
        return array


crypto = Crypto()
