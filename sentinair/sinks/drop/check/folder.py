"""The directory of a drop as it is found: plain files only, certificates, and whose seals are good."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, BinaryIO, NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from sentinair.sinks.drop.check.found import Drop, Signed, Unjudged

__all__ = ["BEAT_FORMAT", "BLOCK", "MANIFEST_FORMAT", "MAX_JSON", "SIGN_DOMAIN", "Folder"]

MANIFEST_FORMAT = "sentinair drop 1"
BEAT_FORMAT = "sentinair drop heartbeat 1"
SIGN_DOMAIN = b"sentinair drop 1\x00"
EPOCH_DOMAIN = b"sentinair epoch 1\x00"
BLOCK = 1 << 14  # bytes of a segment that a digest of its own stands for
MAX_JSON = 16 << 20
MAX_KEYS = 1 << 28
SIGNED = b'{"signed":'
UNREADABLE = (ValueError, KeyError, TypeError, IndexError, OverflowError, RecursionError)


class Key(NamedTuple):
    public: bytes
    seq: int  # of the ledger record that made it current


def read_keys(path: str) -> dict[bytes, str]:
    """Enrolment keys -> what stands behind each.  Raises Unjudged."""
    keys = {}
    try:
        with open(path, encoding="utf-8") as file:
            for words in (line.split(maxsplit=1) for line in file if not line.startswith("#")):
                if words:
                    key = base64.b64decode(words[0], validate=True)
                    keys[key] = words[1].strip() if len(words) > 1 else ""
    except (OSError, ValueError) as fault:
        raise Unjudged(f"{path}: no public key: {fault}") from fault
    if not keys or any(len(key) != 32 for key in keys):
        raise Unjudged(f"{path}: holds no public key; use enrolment.pub as the agent wrote it")
    return keys


def signed_by(key: bytes, signature: str, message: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(bytes.fromhex(signature), message)
    except (InvalidSignature, ValueError):
        return False
    return True


class Folder:
    """One look at one directory; what is wrong goes into drop."""

    def __init__(self, directory: str, anchors: Mapping[bytes, str]) -> None:
        """anchors: enrolment keys that are trusted.  Raises Unjudged."""
        self.drop = Drop()
        self.anchors = anchors
        self.chains: dict[str, list[Key]] = {}  # the proved keys of each, by epoch
        self._sums: dict[str, str] = {}
        try:
            self._at = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
            self.names = sorted(os.listdir(self._at))
        except OSError as fault:
            raise Unjudged(f"{directory}: {fault.strerror}") from fault

    def close(self) -> None:
        os.close(self._at)

    # -- files -----------------------------------------------------------------------------------

    def file(self, name: str) -> BinaryIO | None:
        """A plain file, open; None: there is none, or something else has its name."""
        try:
            flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
            descriptor = os.open(name, flags, dir_fd=self._at)
        except (OSError, ValueError):  # ValueError: a NUL in the name
            return None
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            return open(descriptor, "rb")
        os.close(descriptor)
        return None

    def read(self, name: str, limit: int) -> bytes | None:
        """At most limit bytes of a plain file; None, with a finding: there is none to read."""
        file = self.file(name)
        if file is None:
            self.drop.find("foreign", name, "is no plain file")
            return None
        with file:
            try:
                return file.read(limit)
            except OSError as fault:
                self.drop.find("corrupted", name, f"cannot be read: {fault.strerror}")
                return None

    def sha256(self, name: str) -> str | None:
        """Of a plain file, read once; None: there is none.  A bad sector makes it fit nothing."""
        if name not in self._sums:
            file = self.file(name)
            if file is None:
                return None
            digest = hashlib.sha256()
            with file:
                try:
                    while chunk := file.read(1 << 20):
                        digest.update(chunk)
                except OSError:
                    digest.update(b"unreadable")
            self._sums[name] = digest.hexdigest()
        return self._sums[name]

    # -- who signed ------------------------------------------------------------------------------

    def read_certificates(self) -> None:
        """All keys that lead back to an anchor."""
        for name in self.names:
            if name.endswith(".keys"):
                raw = self.read(name, MAX_KEYS) or b""
                whole = raw[: raw.rfind(b"\n") + 1]  # the last line may still be growing
                chain, keys = self._walk(name, whole.splitlines())
                if len(keys) > len(self.chains.get(chain, ())):
                    self.chains[chain] = keys

    def _walk(self, name: str, lines: Sequence[bytes]) -> tuple[str, list[Key]]:
        chain, keys = "", list[Key]()
        for raw in lines:
            try:
                one = json.loads(raw)
                public, signature = bytes.fromhex(one["public_key"]), one.pop("signature")
                if not keys and public not in self.anchors:
                    self.drop.find("foreign", name, "its enrolment key was not given")
                    break
                epoch = one["epoch"]
                follows = epoch == len(keys) and (not keys or one["chain"] == chain)
                message = json.dumps(one, sort_keys=True, separators=(",", ":")).encode()
                signer = keys[-1].public if keys else public
                if not follows or not signed_by(signer, signature, EPOCH_DOMAIN + message):
                    raise ValueError("not signed by the key before it")
                chain = one["chain"]
                keys.append(Key(public, int(one["seq"])))
            except UNREADABLE as fault:
                self.drop.find("corrupted", name, f"line {len(keys) + 1}: {fault}")
                break
        return chain, keys

    def sealed(self, ending: str, form: str) -> Iterator[Signed]:
        """The files of this kind whose seal is good; the others are findings."""
        for name in self.names:
            if name.startswith(".") or not name.endswith(ending):
                continue
            raw = self.read(name, MAX_JSON)
            signed = None if raw is None else self.opened(name, raw, form, SIGN_DOMAIN)
            if signed is not None:
                yield signed

    def opened(self, name: str, raw: bytes, form: str, domain: bytes) -> Signed | None:
        """What a sealed file says; None, with a finding: its seal is not good."""
        try:
            text = raw.decode()
            said, end = json.JSONDecoder().raw_decode(text, len(SIGNED))
            seal = json.loads(text)["seal"]
            signed = text[len(SIGNED) : end].encode()
            if not raw.startswith(SIGNED) or said["format"] != form:
                raise ValueError("another format")
            fault = self._fault_of(said, seal, domain + signed)
        except UNREADABLE as why:
            self.drop.find("corrupted", name, f"cannot be read: {why}")
            return None
        if fault is None:
            return Signed(name, hashlib.sha256(signed).hexdigest(), said)
        self.drop.find(*fault[:1], name, fault[1])
        return None

    def _fault_of(
        self, said: Mapping[str, Any], seal: Mapping[str, Any], message: bytes
    ) -> tuple[str, str] | None:
        """Kind and text of what is wrong with a seal over message."""
        chain, epoch = seal["chain"], int(seal["epoch"])
        keys = self.chains.get(chain)
        if keys is None:
            if any(chain in comment for comment in self.anchors.values()):
                return "missing", f"the certificates of chain {chain} are not here"
            return "foreign", f"of host {said['host']!r}, chain {chain}, whose key was not given"
        if not 0 <= epoch < len(keys):
            return "missing", f"there is no certificate of epoch {epoch} of chain {chain}"
        if not signed_by(keys[epoch].public, seal["signature"], message):
            return "forged", "its seal is not made with its epoch's key over what it says"
        last = said.get("last") if said.get("stream") == "record" else said.get("head_seq")
        after = keys[epoch + 1].seq if epoch + 1 < len(keys) else None
        if said["chain"] == chain and after is not None and last is not None and last >= after:
            return "forged", f"the key of epoch {epoch} was destroyed before record {last} was made"
        return None
