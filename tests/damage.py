"""Damage that keeps to a format and lies within it: values of JSON replaced, members of archives changed and
zipped again with the right checksum, headers rewritten with the right length. What flips bytes finds a checksum;
this finds what is behind it.
"""

from __future__ import annotations

import copy
import hashlib
import io
import json
import warnings
import zipfile
from typing import Any

import numpy as np


class Literal(str):
    """JSON as it stands, which `json` would not write."""


JUNK = [
    None, True, -1, 0, 3, 2**31, 2**63, 10**30, 1.5, 1e308, "", "x", "\x00", "\ud800", "a" * 3000, "../../etc/passwd",
    [], {}, [[]], [None], {"": ""}, [2**40] * 3, Literal("NaN"), Literal("-Infinity"), Literal("1e999"),
    Literal("9" * 4400), Literal("[1"), Literal('{"a":1,"a":2}'), Literal("[" * 100_000), Literal("[" * 900 + "]" * 900),
]  # fmt: skip
"""Values that do not belong anywhere."""


def written(value: Any) -> str:
    """JSON with literals in it."""
    if isinstance(value, Literal):
        return str(value)
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(k)}:{written(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(written, value)) + "]"
    return json.dumps(value)


def json_changed(content: bytes, rng: np.random.Generator) -> bytes:
    """A JSON text with one value replaced, taken away, made a little different, or its key renamed."""
    tree = copy.deepcopy(json.loads(content))
    places: list[tuple[Any, Any]] = []

    def walk(place: Any) -> None:
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        for key in keys[:30]:
            places.append((place, key))
            if isinstance(place[key], (dict, list)):
                walk(place[key])

    walk(tree)
    place, key = places[rng.integers(len(places))]
    value = place[key]
    match rng.integers(6):
        case 0 if isinstance(place, dict):
            place[f"{key}_"] = place.pop(key)
        case 1:
            del place[key]
        case 2 if type(value) is int:
            place[key] = [value + 1, value - 1, -value, value * 1000, float(value), str(value)][
                rng.integers(6)
            ]
        case 3 if isinstance(value, str):
            place[key] = [value + "x", value[:-1], value.upper(), [value]][rng.integers(4)]
        case _:
            place[key] = JUNK[rng.integers(len(JUNK))]
    return written(tree).encode("utf-8", "surrogatepass")


def safetensors_changed(content: bytes, rng: np.random.Generator) -> bytes:
    """The header changed, and its size told rightly."""
    size = int.from_bytes(content[:8], "little")
    header = json_changed(content[8 : 8 + size], rng)
    return len(header).to_bytes(8, "little") + header + content[8 + size :]


def checkpoint_changed(content: bytes, rng: np.random.Generator) -> bytes:
    """A checkpoint's JSON changed, and signed again."""
    nothing = b"0" * 64
    signed = json.loads(content)["json_sha256"].encode()
    text = json_changed(content.replace(signed, nothing, 1), rng)
    return text.replace(nothing, hashlib.sha256(text).hexdigest().encode(), 1)


def zip_changed(content: bytes, rng: np.random.Generator) -> bytes:
    """An archive with one member changed in its bytes, twice there, gone, or of another name."""
    with zipfile.ZipFile(io.BytesIO(content)) as z:
        members = [(i.filename, z.read(i), i.compress_type) for i in z.infolist()]
    k = rng.integers(len(members))
    name, data, method = members[k]
    match rng.integers(8):
        case 0:
            members.append(members[k])
        case 1:
            del members[k]
        case 2:
            other = ["../" + name, "/" + name, "a\\b", "", name.upper(), "a" * 3000]
            members[k] = (other[rng.integers(6)], data, method)
        case 3:
            members[k] = (name, bytes(10**6), zipfile.ZIP_DEFLATED)
        case _:
            spoiled = bytearray(data)
            for _ in range(rng.integers(1, 4)):
                if spoiled:
                    spoiled[rng.integers(min(len(spoiled), 200))] = rng.integers(256)
            members[k] = (name, bytes(spoiled), method)
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of two members of one name
        with zipfile.ZipFile(buffer, "w") as z:
            for name, data, method in members:
                z.writestr(zipfile.ZipInfo(name), data, method)
    return buffer.getvalue()
