"""What a study writes: results.csv, a row for each figure of each seed, and report.md with its table and figures."""

from __future__ import annotations

import csv
import io
import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from facevalue import __version__
from facevalue.files import claimed, make_folder, write_whole
from facevalue.studies import Budget, Drawing, Outcome, Study

FEW_SEEDS = 3


def write_table(
    study: Study, results: Sequence[Outcome], out: Path, budget: Budget, drawings: Sequence[Drawing]
) -> None:
    """results.csv, a row for each figure of each seed, the drawings, and report.md; by one process at a time."""
    columns = [
        *("study", "budget", "experiment", "recipe", "recipe_hash", "seed", "test", "metric", "value", "unit", "n"),
        *(
            "published",
            "steps",
            "batch_size",
            "minutes",
            "parameters",
            "hardware",
            "date",
            "facevalue",
            "commit",
            "note",
        ),
    ]
    stream = io.StringIO()
    table = csv.DictWriter(stream, columns, lineterminator="\n")
    table.writeheader()
    for outcome in results:
        run, about = outcome.run, outcome.measured
        row: dict[str, Any] = {
            "study": study.name,
            "budget": budget,
            "experiment": run.experiment.title,
            "recipe": run.recipe.name,
            "recipe_hash": run.recipe.hash(),
            "seed": run.recipe.seed,
            "batch_size": run.recipe.batch_size,
        }
        if about is None:
            table.writerow(row | {"note": outcome.why})
            continue
        row |= {name: about[name] for name in columns if name in about and name not in row}
        if about["taken_from"]:
            row["note"] = f"parameters of {run.experiment.takes_from}"
        for score in outcome.scores():
            figures = {"test": score.test, "metric": score.metric, "value": f"{score.value:.6f}", "unit": score.unit}
            published = run.experiment.published.get((score.test, score.metric), "")
            table.writerow(row | figures | {"n": score.count, "published": published})
    make_folder(out / "figures" if drawings else out)
    with claimed(out, ".lock", wait=True):
        write_whole(out / "results.csv", stream.getvalue().encode())
        for drawing in drawings:
            write_whole(out / "figures" / drawing.name, drawing.png)
        write_whole(out / "report.md", report(study, results, budget, drawings).encode())


def report(study: Study, results: Sequence[Outcome], budget: Budget, drawings: Sequence[Drawing]) -> str:
    """The study as Markdown: what it is, the table, the figures."""
    done = [outcome.measured for outcome in results if outcome.measured]
    dates = sorted({about["date"] for about in done})
    machines = sorted({about["hardware"] for about in done})
    versions = sorted({" ".join(filter(None, (about["facevalue"], about["commit"][:12]))) for about in done})
    quick = " The quick budget trains too briefly for its figures to stand beside published ones." * (budget == "quick")
    seeds = len({outcome.run.recipe.seed for outcome in results})
    in_table = [outcome.run.experiment for outcome in results if outcome.measured]
    measured = Counter(experiment.title for experiment in in_table if not experiment.trial)
    fewest = min(measured.values(), default=0)
    spread = "of several seeds the mean, least and most"
    if study.interval is not None:
        spread = (
            "the mean of the seeds, and where it lies in 95 of 100 draws of seeds and pictures (bootstrap), of "
            "pictures alone where there is one seed"
        )
    command = f"facevalue study {study.name}" + f" --seeds {seeds}" * (seeds > 1) + " --budget quick" * bool(quick)
    lines = [
        f"# {study.title}",
        "",
        study.about + quick,
        "",
        f"* Made by `{command}`, {' to '.join(dates[:: max(1, len(dates) - 1)]) or 'not yet'}.",
        f"* On {'; '.join(machines) or 'nothing yet'}. facevalue {', '.join(versions) or __version__}.",
        f"* {study.read} n is its size; {spread}."
        + f" {FEW_SEEDS} seeds or more tell how much of a figure is luck." * (fewest < FEW_SEEDS),
        "* Minutes are of the whole training by the clock on the wall, the least of the seeds, as machines are shared.",
        "",
        *table_lines(results, study),
    ]
    for drawing in drawings:
        lines += ["", f"![{drawing.caption}](figures/{drawing.name})", "", drawing.caption]
    return "\n".join(lines) + "\n"


def table_lines(results: Sequence[Outcome], study: Study) -> list[str]:
    """The table of the report, a row for each figure; of trials none."""
    results = [outcome for outcome in results if not outcome.run.experiment.trial]
    header = ("network", "test", "measure", "n", "seeds", "here", "published", "steps", "minutes")
    rows = [header, tuple("---" for _ in header)]
    for experiment in dict.fromkeys(outcome.run.experiment.title for outcome in results):
        group = [outcome for outcome in results if outcome.run.experiment.title == experiment]
        done = [outcome for outcome in group if outcome.measured]
        first = group[0]
        published = first.run.experiment.published
        if not done:
            for (test, metric), figure in published.items() or [(("", ""), "")]:
                rows.append((experiment, test, metric, "", "0", first.why, figure, "", ""))
            continue
        taken = bool(done[0].measured and done[0].measured["taken_from"])
        steps = "as above" if taken else f"{first.run.recipe.steps:,} × {first.run.recipe.batch_size}"
        spent = [outcome.measured["minutes"] for outcome in done if outcome.measured]
        minutes = "0" if taken else f"{min(spent):.1f}"
        diverged = sum(one.diverged for one in group)
        intervals = study.interval(done) if study.interval is not None else {}
        by_seed = [{(score.test, score.metric): score.value for score in outcome.scores()} for outcome in done]
        for score in done[0].scores():
            key = score.test, score.metric
            values = [figures[key] for figures in by_seed if key in figures]
            seeds = f"{len(values)}, {diverged} diverged" if diverged else str(len(values))
            mean = score.text(math.fsum(values) / len(values))
            if study.interval is not None or len(values) > 1:
                low, high = intervals.get(key, (min(values), max(values)))
                mean += f" ({score.text(low)} to {score.text(high)})"
            figure = published.get(key, "")
            cells = (score.test, score.metric, f"{score.count:,}", seeds, mean, figure, steps, minutes)
            rows.append((experiment, *cells))
    return [f"| {' | '.join(row)} |" for row in rows]
