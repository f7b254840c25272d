"""Write what a study found into its page: docs/studies/NAME.md.

    facevalue study NAME
    python benchmarks/study_page.py study-NAME

The page is the lesson, written by hand in ten lines, with the figures that show it, and between the markers
``<!-- study -->`` and ``<!-- /study -->`` what the study's report.md says of how it was made, and its table, which this
replaces. A line ``<!-- measures: minutes off; exact minute -->`` keeps the table to those. Figures that the page shows,
``NAME/figure.png``, are taken from the study, in 64 colours. Of every figure that the lesson cites, such as 98.3 % or
1.02 min, the table must know; otherwise nothing is written. All results, without the trainings, go beside the figures
where they are no larger than 3 MB: ``facevalue study NAME --with docs/studies/NAME/results.zip`` goes on from them on
any machine.
"""

from __future__ import annotations

import csv
import re
from pathlib import Path

import click
from PIL import Image
from publish import ROOT, replace_between

from facevalue.studies.elsewhere import pack_results
from facevalue.studies.planning import LEFT_OUT

PAGES = ROOT / "docs" / "studies"
COLOURS = 64
LARGEST_KEPT_BYTES = 3_000_000  # what is larger stays for ever in the repository's history
NUMBER = r"\d+(?:\.\d+)?"
FIGURES = re.compile(rf"(?<![\d.,])((?:{NUMBER}(?:,? and|,? or| to| for|,) )*{NUMBER}) (%|min\b)")
MEASURES = re.compile(r"<!-- measures: (.+) -->")
SHOWN = re.compile(r"!\[[^]]*\]\(([^)]+)\)")


def lesson_of(page: str) -> str:
    """What stands before the table."""
    return page.partition("<!-- study -->")[0]


def figures_in(text: str) -> list[tuple[str, str]]:
    """Numbers and their units, % or min; of "88.33 and 89.30 %, 1 to 2 min" all four."""
    found = FIGURES.findall(text.replace("\n", " "))
    return [(number, unit) for numbers, unit in found for number in re.findall(NUMBER, numbers)]


def unknown_figures(page: str) -> list[str]:
    """Figures of the lesson that don't stand in the table."""
    known = figures_in(page.partition("<!-- study -->")[2])
    rounded = {(f"{float(number):.{digits}f}", unit) for number, unit in known for digits in (0, 1, 2)}
    return [f"{number} {unit}" for number, unit in figures_in(lesson_of(page)) if (number, unit) not in rounded]


def kept_rows(page: str, table: list[str]) -> list[str]:
    """The table without the measures that the page doesn't ask for, and without what --only left out."""
    table = [row for row in table if LEFT_OUT not in row]
    asked = MEASURES.search(page)
    if asked is None:
        return table
    column = [cell.strip() for cell in table[0].split("|")].index("measure")
    wanted = asked[1].split("; ")
    return [*table[:2], *(row for row in table[2:] if row.split("|")[column].strip() in wanted)]


@click.command()
@click.argument("study", type=click.Path(exists=True, file_okay=False, path_type=Path))
def main(study: Path) -> None:
    """Write the page of the study that lies in the folder STUDY."""
    with (study / "results.csv").open(encoding="utf-8", newline="") as table:
        first = next(csv.DictReader(table))
    if first["budget"] != "full":
        raise click.ClickException(f"{study} is of the {first['budget']} budget, whose figures are not for publishing")
    name = first["study"]
    path = PAGES / f"{name}.md"
    if not path.exists():
        raise click.ClickException(f"{path} is not there: write its lesson first")
    report = (study / "report.md").read_text(encoding="utf-8").splitlines()
    about = report[2]  # the paragraph behind the title: what others' figures are of, and what is ours
    lines = [line for line in report if line.startswith(("* ", "| "))]
    start = next(number for number, line in enumerate(lines) if line.startswith("| "))
    before = path.read_text(encoding="utf-8")
    # learning curves are not among results that were taken over: those of the page stay
    shown = [PAGES / picture for picture in SHOWN.findall(lesson_of(before))]
    drawn = [picture for picture in shown if (study / "figures" / picture.name).exists()]
    if lacking := [picture.name for picture in shown if picture not in drawn and not picture.exists()]:
        raise click.ClickException(f"{path.name} shows {', '.join(lacking)}, which the study has not drawn")
    rows = kept_rows(before, lines[start:])
    replace_between(path, [about, "", *lines[:start], "", *rows], "study")
    unknown = unknown_figures(path.read_text(encoding="utf-8"))
    if unknown:
        path.write_text(before, encoding="utf-8")
        raise click.ClickException(f"{path.name} cites {', '.join(unknown)}, of which the table knows nothing")
    for picture in drawn:
        picture.parent.mkdir(exist_ok=True)
        with Image.open(study / "figures" / picture.name) as figure:
            figure.convert("RGB").quantize(COLOURS).save(picture, optimize=True)
    kept = PAGES / name / "results.zip"
    kept.parent.mkdir(exist_ok=True)
    told = f"results of {pack_results(study, kept)} runs in {kept.name}"
    if (size := kept.stat().st_size) > LARGEST_KEPT_BYTES:
        kept.unlink()
        told = f"its results, {size / 1e6:.1f} MB, are too large to keep"
    click.echo(f"{path}: {len(rows) - 2} rows; {told}")


if __name__ == "__main__":
    main()
