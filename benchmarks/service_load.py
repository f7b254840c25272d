"""How many readings a second the service gives over HTTP, how it stands an overload, and whether its memory stays flat.

    python benchmarks/service_load.py                      # 448 px JPEG clocks, 8 clients for 60 s; then 200 clients
    python benchmarks/service_load.py --seconds 600 --publish    # memory over ten minutes; into README.md
    python benchmarks/service_load.py --batches            # what reading several pictures at once would save

Nothing else should run on the machine meanwhile. The clients share its cores with the service: each is a process's
coroutine with one connection that stays open. Drawing the clocks needs facevalue[train].
"""

from __future__ import annotations

import asyncio
import datetime
import io
import json
import re
import signal
import statistics
import time
from collections import Counter
from pathlib import Path
from typing import Any

import click
import numpy as np
from PIL import Image
from publish import ROOT, replace_between
from read_speed import describe_hardware
from service_fuzz import start_service

from facevalue import Reader

PICTURE_PX = 448
BACK_TO_NORMAL_SECONDS = 2.0  # after an overload
USUAL = {"clients": 8, "workers": 1}  # what the note beside the figures leaves out
Answers = list[tuple[int, float]]  # status, seconds


def draw_pictures(count: int) -> list[bytes]:
    """JPEG files of drawn clocks."""
    from facevalue.sources.clocks import ClockSource

    drawn = ClockSource(size_px=PICTURE_PX).batch(seed=5, step=0, count=count)
    files = []
    for rgb in drawn.pictures:
        file = io.BytesIO()
        Image.fromarray(rgb).save(file, "JPEG", quality=90)
        files.append(file.getvalue())
    return files


def family_memory_mb(pid: int) -> float:
    """Resident memory of a process and of those that it started."""
    total = 0.0
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            text = status.read_text()
        except OSError:  # ended meanwhile
            continue
        parent, memory = re.search(r"PPid:\s+(\d+)", text), re.search(r"VmRSS:\s+(\d+) kB", text)
        if parent and memory and pid in (int(parent[1]), int(status.parent.name)):
            total += int(memory[1]) / 1024
    return total


async def ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, picture: bytes) -> int:
    """Send a picture on a connection that stays open; the status of the answer."""
    head = f"POST /v1/read HTTP/1.1\r\nHost: x\r\nContent-Type: image/jpeg\r\nContent-Length: {len(picture)}\r\n\r\n"
    writer.write(head.encode() + picture)
    answer = await reader.readuntil(b"\r\n\r\n")
    length = re.search(rb"content-length: (\d+)", answer)
    assert length is not None
    await reader.readexactly(int(length[1]))
    return int(answer[9:12])


async def one_client(port: int, pictures: list[bytes], first: int, until: float, answers: Answers) -> None:
    """Ask again and again. A connection that fails counts as status 0."""
    number = first
    while time.perf_counter() < until:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                while time.perf_counter() < until:
                    began = time.perf_counter()
                    status = await ask(reader, writer, pictures[number % len(pictures)])
                    answers.append((status, time.perf_counter() - began))
                    number += 1
                    if status == 429:
                        await asyncio.sleep(0.05)  # far less than it was told to wait
            finally:
                writer.close()
        except (OSError, asyncio.IncompleteReadError):
            answers.append((0, 0.0))
            await asyncio.sleep(0.05)


async def load(port: int, pictures: list[bytes], clients: int, seconds: float) -> Answers:
    answers: Answers = []
    until = time.perf_counter() + seconds
    await asyncio.gather(*(one_client(port, pictures, 7 * k, until, answers) for k in range(clients)))
    return answers


def describe(answers: Answers, seconds: float) -> dict[str, object]:
    """Readings a second, their median and 99th percentile in milliseconds, and how often each status came."""
    times = sorted(took for status, took in answers if status == 200)
    return {
        "readings_a_second": round(len(times) / seconds, 1),
        "median_ms": round(1e3 * statistics.median(times), 1) if times else None,
        "p99_ms": round(1e3 * times[int(0.99 * (len(times) - 1))], 1) if times else None,
        "statuses": dict(sorted(Counter(status for status, _ in answers).items())),
    }


def measure_batches() -> dict[str, dict[str, float]]:
    """Processor milliseconds that the network takes for one picture, in batches of several sizes."""
    result: dict[str, dict[str, float]] = {}
    for kind in ("clock", "digits"):
        weight = Reader(kind).weight
        width, height = weight.frame_px
        result[kind] = {}
        for size in (1, 2, 4, 8):
            pictures = np.random.default_rng(1).integers(0, 256, (size, height, width, 3), dtype=np.uint8)
            times = []
            for _ in range(40):
                began = time.process_time()
                weight.run(pictures)
                times.append((time.process_time() - began) / size * 1e3)
            result[kind][f"batches of {size}"] = round(statistics.median(times), 2)
    return result


def publish(result: dict[str, Any]) -> None:
    """Write the figures between ``<!-- load -->`` and ``<!-- /load -->`` of README.md."""
    crowd, memory, statuses = result["overload"], result["memory_mb"], result["statuses"]
    options = "".join(f" --{name} {result[name]}" for name, usual in USUAL.items() if result[name] != usual)
    others = ", ".join(f"{count:,} × {status}" for status, count in statuses.items() if str(status) != "200")
    kinds = ", ".join(f"{count:,} × {status}" for status, count in crowd["statuses"].items())
    lines = [
        "| service, 448 px JPEG clocks, clients on the same cores | figure |",
        "| --- | --- |",
        f"| {result['clients']} clients for {result['seconds']:.0f} s: readings a second, 99th percentile, errors "
        f"| {result['readings_a_second']:.0f}, {result['p99_ms']:.0f} ms, {others or 'none'} |",
        f"| resident memory after each sixth of that | {', '.join(str(megabytes) for megabytes in memory)} MB |",
        f"| {crowd['clients']} clients for {crowd['seconds']:.0f} s: answers by status | {kinds} |",
        f"| one client {BACK_TO_NORMAL_SECONDS:.0f} s after them: median, 99th percentile "
        f"| {result['afterwards']['median_ms']:.0f} ms, {result['afterwards']['p99_ms']:.0f} ms |",
        "",
        f"{result['hardware']}, {result['date']}, one run. Written by `python benchmarks/service_load.py --seconds "
        f"{result['seconds']:.0f}{options} --publish`.",
    ]
    replace_between(ROOT / "README.md", lines, "load")


@click.command()
@click.option("--clients", default=USUAL["clients"], show_default=True, type=click.IntRange(1))
@click.option("--seconds", default=60.0, show_default=True, type=click.FloatRange(1))
@click.option("--overload-clients", default=200, show_default=True, type=click.IntRange(1))
@click.option("--overload-seconds", default=60.0, show_default=True, type=click.FloatRange(0))
@click.option(
    "--workers", default=USUAL["workers"], show_default=True, type=click.IntRange(1), help="Processes of the service."
)
@click.option("--pictures", default=200, show_default=True, type=click.IntRange(1), help="How many to draw.")
@click.option("--batches", is_flag=True, help="Only measure what batches would save.")
@click.option("--publish", "published", is_flag=True, help="Write README.md; wants an overload.")
def main(
    clients: int,
    seconds: float,
    overload_clients: int,
    overload_seconds: float,
    workers: int,
    pictures: int,
    batches: bool,
    published: bool,
) -> None:
    """Print the figures as JSON."""
    if batches:
        click.echo(json.dumps(measure_batches(), indent=2))
        return
    files = draw_pictures(pictures)
    process, port = start_service("--workers", str(workers))
    try:
        asyncio.run(load(port, files, clients, 2.0))  # warms it up
        memory = []
        answers: Answers = []
        for _ in range(6):
            answers += asyncio.run(load(port, files, clients, seconds / 6))
            memory.append(round(family_memory_mb(process.pid)))
        result: dict[str, Any] = {"hardware": describe_hardware(), "date": str(datetime.date.today())}
        result |= {"workers": workers, "clients": clients, "seconds": seconds}
        result |= describe(answers, seconds) | {"memory_mb": memory}
        if overload_seconds:
            crowd = asyncio.run(load(port, files, overload_clients, overload_seconds))
            time.sleep(BACK_TO_NORMAL_SECONDS)
            after = asyncio.run(load(port, files, 1, 3.0))
            told = {"clients": overload_clients, "seconds": overload_seconds}
            result["overload"] = told | describe(crowd, overload_seconds)
            result["afterwards"] = describe(after, 3.0)
            result["memory_mb_afterwards"] = round(family_memory_mb(process.pid))
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)
    click.echo(json.dumps(result, indent=2))
    if published:
        publish(result)


if __name__ == "__main__":
    main()
