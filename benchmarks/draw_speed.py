"""How fast training clocks are drawn on one core.

python benchmarks/draw_speed.py
"""

from __future__ import annotations

import json
import statistics
import time
from datetime import UTC, datetime

import click
from read_speed import describe_hardware

from facevalue.sources.clocks import ClockSource


@click.command()
@click.option("--size", "size_px", default=96, show_default=True)
@click.option("--n", default=2000, show_default=True, type=click.IntRange(min=8), help="Pictures a pass.")
@click.option("--passes", default=3, show_default=True, type=click.IntRange(min=1))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def main(size_px: int, n: int, passes: int, as_json: bool) -> None:
    """Draw, time, and print the median rate."""
    source = ClockSource(size_px=size_px)
    source.batch(1, 0, 8)  # fonts and textures are loaded once
    rates = []
    for step in range(passes):
        start = time.perf_counter()
        source.batch(1, step, n)
        rates.append(n / (time.perf_counter() - start))
    result = {
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "hardware": describe_hardware(),
        "size_px": size_px,
        "pictures": n,
        "passes": passes,
        "pictures_a_second": round(statistics.median(rates)),
    }
    click.echo(
        json.dumps(result)
        if as_json
        else f"{result['pictures_a_second']} pictures of {size_px} px a second on one core "
        f"(median of {passes} × {n}; {result['hardware']}; {result['date']})"
    )


if __name__ == "__main__":
    main()
