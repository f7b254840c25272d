"""Hostile uploads against a service of its own: pictures cut off, bent, swollen, mislabelled, and bodies that dawdle.

    python benchmarks/service_fuzz.py --count 10000

Passes where nothing crashes, nothing is answered with 5xx, and memory stays where it was after the first tenth. Says
how often each status came, and the memory before and after.
"""

from __future__ import annotations

import http.client
import io
import random
import re
import signal
import socket
import struct
import subprocess
import sys
import zlib
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import click
from PIL import Image

CLIENTS = 8
DAWDLERS = 0.005  # share of the cases
FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF", "PPM", "JPEG2000")
GROWTH_MB = 64.0  # of resident memory, after the first tenth, that is not yet called growth


@dataclass(frozen=True)
class Case:
    """A request: its content type, its body, and the query."""

    kind: str
    content_type: str
    body: bytes
    query: str = ""


def seed_pictures(rnd: random.Random) -> list[bytes]:
    """Small pictures of every format, grey, colour, with transparency and with a palette."""
    found = []
    for name in FORMATS:
        for mode in ("RGB", "L", "RGBA", "P"):
            size = rnd.randint(8, 120), rnd.randint(8, 120)
            picture = Image.frombytes("RGB", size, rnd.randbytes(size[0] * size[1] * 3)).convert(mode)
            file = io.BytesIO()
            try:
                picture.save(file, name)
            except (OSError, ValueError):  # not every format has every mode
                continue
            found.append(file.getvalue())
    return found


def cut_off(rnd: random.Random, data: bytes) -> bytes:
    return data[: rnd.randrange(len(data))]


def bent(rnd: random.Random, data: bytes) -> bytes:
    """A few bytes changed."""
    changed = bytearray(data)
    for _ in range(rnd.choice((1, 3, 20, 200))):
        changed[rnd.randrange(len(changed))] = rnd.randrange(256)
    return bytes(changed)


def shuffled(rnd: random.Random, data: bytes) -> bytes:
    """Pieces repeated, left out or swapped."""
    cuts = sorted(rnd.randrange(len(data)) for _ in range(4))
    pieces = [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True)]
    return b"".join(rnd.choice(pieces) for _ in range(rnd.randint(1, 8)))


def polyglot(rnd: random.Random, data: bytes) -> bytes:
    """A picture with something else before or behind it."""
    other = rnd.choice(
        (b"<script>alert(1)</script>", b"%PDF-1.7\n", b"PK\x03\x04", b"GIF89a/*", b"\x7fELF", b"#!/bin/sh\n")
    )
    return other + data if rnd.random() < 0.5 else data + other * rnd.randint(1, 2000)


def png_chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def bomb(rnd: random.Random, data: bytes) -> bytes:
    """A little file that claims, or unpacks to, very much."""
    side = rnd.choice((6_900, 7_100, 20_000, 65_535, 2**31 - 1))
    head = b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0))
    zeros = zlib.compress(bytes(3_000_000), 9)
    return rnd.choice(
        (
            head + png_chunk(b"IDAT", zeros) + png_chunk(b"IEND", b""),
            head + png_chunk(b"zTXt", b"a\0\0" + zeros) + png_chunk(b"IDAT", zeros[:500]),
            head + png_chunk(b"iCCP", b"a\0\0" + zeros) + png_chunk(b"IEND", b""),
            b"GIF89a"
            + struct.pack("<HH", 65_535, 65_535)
            + b"\x80\0\0"
            + bytes(6)
            + b",\0\0\0\0\xff\xff\xff\xff\0\x02\x02\x44\x01\0;",
            b"P6\n%d %d\n255\n" % (side, side),
            b"BM" + struct.pack("<IHHIIiiHHIIiiII", 60, 0, 0, 54, 40, side % 2**31, 9, 1, 24, 0, 0, 1, 1, 0, 0),
            b"II*\0\x08\0\0\0" + struct.pack("<H", 65_535) + data,
        )
    )


def junk(rnd: random.Random, data: bytes) -> bytes:
    return rnd.choice((b"", b"\0", rnd.randbytes(rnd.randint(1, 5000)), b"{}", b"\xff\xd8\xff" + rnd.randbytes(500)))


SPOIL: dict[str, Callable[[random.Random, bytes], bytes]] = {
    "whole": lambda rnd, data: data,
    "cut off": cut_off,
    "bent": bent,
    "shuffled": shuffled,
    "polyglot": polyglot,
    "bomb": bomb,
    "junk": junk,
}
TYPES = ("image/jpeg", "image/png", "image/webp", "image/svg+xml", "image/", "application/octet-stream")
WRONG_TYPES = (
    "",
    "text/html",
    "application/json",
    "application/x-www-form-urlencoded",
    "multipart/mixed; boundary=x",
    "\xe9",
)


def form_of(rnd: random.Random, data: bytes) -> tuple[str, bytes]:
    """A form with a few files, now and then one that is badly put together."""
    edge = f"edge{rnd.randrange(10**9)}"
    names = ("a.jpg", "../../etc/passwd", "ä\u202e.png", 'q".gif', "x" * 3000, "")
    parts = [
        f'--{edge}\r\nContent-Disposition: form-data; name="{rnd.choice(("file", "kind", ""))}"; '
        f'filename="{rnd.choice(names)}"\r\n\r\n'.encode()
        + data
        + b"\r\n"
        for _ in range(rnd.choice((1, 1, 2, 5, 40)))
    ]
    body = b"".join(parts) + f"--{edge}--\r\n".encode()
    match rnd.randrange(8):
        case 0:
            body = cut_off(rnd, body)
        case 1:
            body = bent(rnd, body)
        case 2:
            edge = rnd.choice(("", "other", "x" * 500))
    return f"multipart/form-data; boundary={edge}", body


def make_case(rnd: random.Random, pictures: list[bytes]) -> Case:
    """A request that wishes the service ill, or now and then none."""
    kind = rnd.choice(list(SPOIL))
    data = SPOIL[kind](rnd, rnd.choice(pictures))
    query = rnd.choice(
        (
            "",
            "?kind=digits",
            "?kind=digits&overlay=1",
            "?overlay=1&marks=1&top=10",
            "?kind=nothing",
            "?top=-1",
            "?top=%00",
        )
    )
    if rnd.random() < 0.4:
        content_type, data = form_of(rnd, data)
        return Case(f"{kind}, form", content_type, data, query)
    wrong = rnd.random() < 0.1
    return Case(f"{kind}, wrong type" if wrong else kind, rnd.choice(WRONG_TYPES if wrong else TYPES), data, query)


def dawdle(port: int, rnd: random.Random) -> int:
    """Promise a body, send a part, and go away. Returns 0."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(
            b"POST /v1/read HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\nContent-Length: 5000\r\n\r\n"
        )
        connection.sendall(rnd.randbytes(100))
    return 0


def send(port: int, case: Case) -> int:
    """The status of the answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        headers = {"Content-Type": case.content_type.encode("latin-1")} if case.content_type else {}
        connection.request("POST", f"/v1/read{case.query}", case.body, headers)
        answer = connection.getresponse()
        answer.read()
        return answer.status
    finally:
        connection.close()


def memory_mb(pid: int) -> float:
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found is not None
    return int(found[1]) / 1024


def start_service(*options: str) -> tuple[subprocess.Popen[str], int]:
    """A service at a free port."""
    command = [sys.executable, "-m", "facevalue", "serve", "--port", "0", *options]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    line = process.stderr.readline()
    found = re.search(r":(\d+)$", line.strip())
    if found is None:
        raise click.ClickException(f"the service did not start: {line}")
    return process, int(found[1])


@click.command()
@click.option("--count", default=10_000, show_default=True, type=click.IntRange(10))
@click.option("--seed", default=1, show_default=True)
def main(count: int, seed: int) -> None:
    """Send that many requests, and say what became of them."""
    process, port = start_service("--max-pixels", "50")
    pictures = seed_pictures(random.Random(seed))

    def one(number: int) -> tuple[str, int]:
        rnd = random.Random(f"{seed} {number}")
        if rnd.random() < DAWDLERS:
            return "dawdling", dawdle(port, rnd)
        case = make_case(rnd, pictures)
        return case.kind, send(port, case)

    try:
        with ThreadPoolExecutor(CLIENTS) as pool:
            results = Counter(pool.map(one, range(count // 10)))
            before = memory_mb(process.pid)
            results += Counter(pool.map(one, range(count // 10, count)))
        after = memory_mb(process.pid)
        alive = send(port, Case("whole", "image/png", pictures[4])) == 200 and process.poll() is None
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)
    statuses = sorted({status for _, status in results})
    print("what".ljust(24), *(f"{status:>6}" for status in statuses))
    for kind in sorted({kind for kind, _ in results}):
        print(kind.ljust(24), *(f"{results[kind, status]:>6}" for status in statuses))
    print(f"{count} requests; resident memory {before:.0f} MB after a tenth, {after:.0f} MB at the end; alive: {alive}")
    if not alive or any(status >= 500 for status in statuses) or after > before + GROWTH_MB:
        raise click.ClickException("a crash, an answer of 5xx, or growing memory")


if __name__ == "__main__":
    main()
