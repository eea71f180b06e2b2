"""Damage to files: seeded, and aware of their format, so that it gets past the outermost check."""

import json
import re
import zlib
from copy import deepcopy

GONE = object()
DEEP = "@deep@"  # stands for lists in lists, which json.dumps would refuse
NAMES = [
    "",
    ".",
    "..",
    "../../up",
    "../near/mine",
    "/etc/passwd",
    "/dev/zero",
    "~",
    "pipe",
    "a\nb",
    "\0",
    "\ud800",
    "\u202e牛",
]
NAMES += ["x" * 300, "x" * 5000, "<img src=x onerror=alert(1)>", "C:\\up", "__class__", "{0}", "%s", DEEP]
NUMBERS = [0, 1, -1, 7, 255, 2**16, 2**31 - 1, 2**31, 2**53 + 1, 2**63, -(2**63) - 1, 10**12, 10**30, 10**4000]
NUMBERS += [0.5, -0.0, 1e-320, 1e300, float("nan"), float("inf"), float("-inf")]
OTHERS = [
    None,
    True,
    False,
    [],
    {},
    [[]],
    [None],
    {"a": 1},
    [1, 2],
    [1, 2, 3],
    [["head"]],
    "1",
    "F16",
    "BF16",
    "I64",
    GONE,
]
WORDS = [
    b"<!DOCTYPE a [<!ENTITY b 'c'>]>",
    b"&b;",
    b"<a>",
    b"</object>",
    b"]]>",
    b"<?xml version='1.0' encoding='utf-16'?>",
]
WORDS += [
    b"../",
    b"nan",
    b"inf",
    b"1e999",
    b"-1",
    b"9" * 30,
    b"\0",
    b"\n",
    b"\xff\xfe",
    b"{",
    b"[" * 2000,
    b'"',
    b"]",
    b",",
]

SIDES = [0, 1, 4, 255, 2**16, 2**25, 2**31 - 1, 2**31, 2**32 - 1]  # of an image
CHUNKS = [b"IHDR", b"IDAT", b"PLTE", b"tRNS", b"eXIf", b"iCCP", b"acTL", b"fcTL", b"fdAT", b"gAMA", b"pHYs"]
MEGABYTE, BOMB = zlib.compress(bytes(2**20)), zlib.compress(bytes(2**28), 1)


def damaged(data, suffix, rng, others):
    """Some other bytes in place of a file's.

    Args:
        data: of the file.
        suffix: of its name, which tells its format.
        rng: all chance comes from it.
        others: the bytes of the other files, of which pieces are taken.
    """
    if rng.random() < 0.7:
        try:
            data = _FORMATS[suffix](data, rng)
            return data if rng.random() < 0.9 else _bytes(data, rng, others)
        except (KeyError, ValueError):  # another format
            pass
    return _bytes(data, rng, others)


def _pick(rng, values):
    return values[int(rng.integers(len(values)))]


def _bytes(data, rng, others):
    """Cut, flip, overwrite, leave out, repeat, or put in what belongs elsewhere: one to four times."""
    for _ in range(int(rng.integers(1, 5))):
        at, length = int(rng.integers(len(data) + 1)), int(2 ** rng.uniform(0, 8))
        before, here, after = data[:at], data[at : at + length], data[at + length :]
        ways = [
            lambda before, here, after: before,
            lambda before, here, after: before + rng.bytes(1) + here[1:] + after,
            lambda before, here, after: (
                before + bytes(b ^ 1 << int(rng.integers(8)) for b in here[:1]) + here[1:] + after
            ),
            lambda before, here, after: before + _number(rng) + here[4:] + after,
            lambda before, here, after: before + after,
            lambda before, here, after: before + here + here + after,
            lambda before, here, after: before + rng.bytes(len(here)) + after,
            lambda before, here, after: before + _pick(rng, WORDS) + here + after,
            lambda before, here, after: before + _slice(_pick(rng, [before, here, after, *others]), rng) + after,
        ]
        data = _pick(rng, ways)(before, here, after)
    return data


def _number(rng):
    value = _pick(rng, [0, 255, 2**16, 2**31 - 1, 2**31, 2**32 - 1])
    return value.to_bytes(4, _pick(rng, ["little", "big"]))


def _slice(data, rng):
    start, stop = sorted(int(n) for n in rng.integers(len(data) + 1, size=2))
    return data[start : min(stop, start + 4096)]


# ------------------------------------------------------------------------------------------------------------ JSON
def _json(data, rng):
    return _dumped(_changed(json.loads(data), rng), rng)


def _lines(data, rng):
    lines = data.split(b"\n")
    at = int(rng.integers(len(lines)))
    return b"\n".join([*lines[:at], _json(lines[at] or b"{}", rng), *lines[at + 1 :]])


def _dumped(value, rng):
    depth = _pick(rng, [10, 300, 900, 100_000])
    return json.dumps(value).replace(f'"{DEEP}"', "[" * depth + "]" * depth).encode()


def _changed(value, rng):
    """Other values in one to three places of a JSON value."""
    value = deepcopy(value)
    for _ in range(int(rng.integers(1, 4))):
        places = list(_places(value))
        if not places:
            return _pick(rng, OTHERS[:-1])
        inner, key = _pick(rng, places)
        new = _near(inner[key], rng, places)
        if new is GONE:
            del inner[key]
        elif isinstance(inner, list) and rng.random() < 0.15:
            inner.insert(key, deepcopy(new))
        elif isinstance(inner, dict) and rng.random() < 0.1:
            inner[_pick(rng, NAMES)] = inner.pop(key)
        else:
            inner[key] = deepcopy(new)
    return value


def _near(value, rng, places):
    """Another value: mostly of the same kind, so that what follows is reached."""
    chance = rng.random()
    if chance < 0.15:
        return _pick(rng, OTHERS)
    if chance < 0.3:
        inner, key = _pick(rng, places)
        return deepcopy(inner[key])
    if chance < 0.7 and isinstance(value, int | float):
        return _pick(rng, [value + 1, value - 1, -value, value * 10, *NUMBERS])
    if chance < 0.7 and isinstance(value, list | dict):
        return value[: len(value) // 2] if isinstance(value, list) else {}
    return _pick(rng, NAMES if isinstance(value, str) else [*NUMBERS, *NAMES, *OTHERS])


def _places(value):
    keys = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in keys:
        yield value, key
        yield from _places(value[key])


# ----------------------------------------------------------------------------------------------------- safetensors
def _safetensors(data, rng):
    """A file of ours: other values in its JSON, its header or its tensors, and the lengths and the checksum to fit."""
    n = int.from_bytes(data[:8], "little")
    header, body = json.loads(data[8 : 8 + n]), data[8 + n :]
    said = json.loads(header["__metadata__"]["dff-widgets"])
    way = rng.random()
    if way < 0.55:
        said = _changed(said, rng)
    elif way < 0.8:
        meta = header.pop("__metadata__")
        header = {**_changed(header, rng), "__metadata__": meta}
    else:
        body = _bytes(body, rng, [])[: len(body)].ljust(len(body), b"\0")
    if isinstance(said, dict) and "crc32" in said and rng.random() < 0.9:
        said["crc32"] = crc_of(header, body)
    header["__metadata__"] = {"dff-widgets": _dumped(said, rng).decode()}
    text = json.dumps(header).replace(f'"{DEEP}"', "[" * 200 + "]" * 200).encode()
    return len(text).to_bytes(8, "little") + text + body


def crc_of(header, body):
    """The checksum of a store's file."""
    crc = 0
    for name in sorted(name for name in header if name != "__metadata__"):
        try:
            start, stop = header[name]["data_offsets"]
            crc = zlib.crc32(body[start:stop], crc)
        except (KeyError, TypeError, ValueError):
            pass  # a header without sense is refused before the checksum
    return crc


# ------------------------------------------------------------------------------------------------------------- PNG
def _png(data, rng):
    """Other chunks, with checksums that fit."""
    if data[:4] != b"\x89PNG":
        raise ValueError("no PNG")
    chunks, at = [], 8
    while at + 12 <= len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        chunks.append((data[at + 4 : at + 8], data[at + 8 : at + 8 + length]))
        at += 12 + length
    for _ in range(int(rng.integers(1, 4))):
        n = int(rng.integers(len(chunks)))
        kind, body = chunks[n]
        field = 4 * int(rng.integers(2))
        ways = [
            (kind, _bytes(body, rng, [])),
            (
                _pick(
                    rng,
                    [b"IHDR", b"IDAT", b"PLTE", b"tRNS", b"eXIf", b"iCCP", b"acTL", b"fcTL", b"fdAT", b"gAMA", b"pHYs"],
                ),
                body,
            ),
            (b"IHDR", chunks[0][1][:field] + _pick(rng, SIDES).to_bytes(4, "big") + chunks[0][1][field + 4 :]),
            (b"IHDR", chunks[0][1][:8] + rng.integers(0, 17, 5, dtype="u1").tobytes()),
            (b"IDAT", MEGABYTE),
            (_pick(rng, [b"zTXt", b"iCCP"]), b"a\0\0" + BOMB),
        ]
        new = _pick(rng, ways)
        chunks[0 if new[0] == b"IHDR" else n] = new
        if rng.random() < 0.2:
            chunks.insert(n, chunks[int(rng.integers(len(chunks)))])
    framed = (
        len(body).to_bytes(4, "big") + kind + body + zlib.crc32(kind + body).to_bytes(4, "big") for kind, body in chunks
    )
    return data[:8] + b"".join(framed)


# ------------------------------------------------------------------------------------------------------------ text
def _text(data, rng):
    """Another word in place of one to three, or one of them many times."""
    words = re.findall(rb"[\w.-]+|[^\w.-]+", data)
    for _ in range(int(rng.integers(1, 4))):
        at = int(rng.integers(len(words)))
        number = str(_pick(rng, NUMBERS[:-8] + NUMBERS[-7:])).encode()
        name = _pick(rng, NAMES).encode(errors="replace")
        words[at] = _pick(rng, [number, name, _pick(rng, WORDS), _pick(rng, words), b"", words[at] * 1000])
    return b"".join(words)


_FORMATS = {".json": _json, ".jsonl": _lines, ".safetensors": _safetensors, ".dff": _safetensors, ".png": _png}
_FORMATS |= {".xml": _text, ".txt": _text, ".yaml": _text}
