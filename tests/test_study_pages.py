"""The pages of the studies: what their lessons cite stands in their tables."""

from __future__ import annotations

import importlib
import shutil
from pathlib import Path
from types import ModuleType

import pytest
from click.testing import CliRunner
from PIL import Image

from facevalue.studies import studies
from facevalue.studies.elsewhere import take_results
from facevalue.studies.planning import LEFT_OUT

ROOT = Path(__file__).parent.parent
PAGES = sorted((ROOT / "docs" / "studies").glob("*.md"))
REPORT = """# A study

Published figures are of other pictures.

* Made by `facevalue study digits`, 2026-11-22.

| network | measure | here |
| --- | --- | --- |
| ours | right | 99.67 % (99.51 % to 99.72 %) |
| theirs | minutes off | 1.02 min |

![Mistakes.](figures/learning.png)
"""


@pytest.fixture
def study_page(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ModuleType:
    """The script, for pages in an empty folder."""
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    module = importlib.import_module("study_page")
    monkeypatch.setattr(module, "PAGES", tmp_path / "pages")
    return module


@pytest.fixture
def study(tmp_path: Path) -> Path:
    folder = tmp_path / "study-digits"
    (folder / "figures").mkdir(parents=True)
    (folder / "runs" / "ours-1").mkdir(parents=True)
    (folder / "runs" / "ours-1" / "measured.json").write_text("{}")
    (folder / "runs" / "ours-1" / "readings.csv").write_text("test,record,label,read,confidence\n")
    (folder / "report.md").write_text(REPORT)
    (folder / "results.csv").write_text("study,budget\ndigits,full\n")
    Image.new("RGB", (40, 30), "white").save(folder / "figures" / "learning.png")
    return folder


def write_page(pages: Path, lesson: str) -> Path:
    pages.mkdir(exist_ok=True)
    page = pages / "digits.md"
    page.write_text(f"# Digits\n\n{lesson}\n\n![Mistakes.](digits/learning.png)\n\n<!-- study -->\n<!-- /study -->\n")
    return page


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_a_page_has_a_lesson_a_table_and_its_pictures(path: Path, study_page: ModuleType) -> None:
    page = path.read_text(encoding="utf-8")
    assert study_page.unknown_figures(page) == []
    assert page.count("\n| ") > 3, "a header, a rule and rows"
    made_by = {"dials": "python benchmarks/dial_steps.py"}.get(path.stem, f"facevalue study {path.stem}")
    assert f"Made by `{made_by}" in page
    if path.stem in studies():  # what others' figures are of, and how often the test sets were read
        study = studies()[path.stem]
        assert f"<!-- study -->\n{study.about}\n\n* Made by" in page
        assert f"* {study.read} n is its size" in page
    shown = study_page.SHOWN.findall(study_page.lesson_of(page))
    assert shown
    for name in shown:
        with Image.open(path.parent / name) as picture:
            assert picture.width > 300


def test_there_are_pages() -> None:
    assert PAGES


def test_a_page_is_written_of_a_study(study_page: ModuleType, study: Path, tmp_path: Path) -> None:
    page = write_page(study_page.PAGES, "Ours reads 99.67 %, or 99.7 %, theirs is 1.02 min off.")
    for _ in range(2):  # the second time it replaces its own table
        done = CliRunner().invoke(study_page.main, [str(study)])
        assert done.exit_code == 0, done.output
        assert done.output.endswith(": 2 rows; results of 1 runs in results.zip\n")
        text = page.read_text()
        assert text.count("| ours | right | 99.67 % (99.51 % to 99.72 %) |") == 1
        assert text.count("* Made by `facevalue study digits`, 2026-11-22.") == 1
        assert text.count("<!-- study -->\nPublished figures are of other pictures.\n\n* Made by") == 1
        assert "figures/learning" not in text
    with Image.open(tmp_path / "pages" / "digits" / "learning.png") as picture:
        assert picture.size == (40, 30)
    assert take_results(tmp_path / "elsewhere", [tmp_path / "pages" / "digits" / "results.zip"]) == 1
    (study / "figures" / "learning.png").unlink()  # of results that were taken over no curves are drawn
    assert CliRunner().invoke(study_page.main, [str(study)]).exit_code == 0
    assert (tmp_path / "pages" / "digits" / "learning.png").exists()


def test_results_too_large_for_a_repository_are_not_kept(
    study_page: ModuleType, study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_page(study_page.PAGES, "It reads 99.67 %.")
    monkeypatch.setattr(study_page, "LARGEST_KEPT_BYTES", 100)
    done = CliRunner().invoke(study_page.main, [str(study)])
    assert done.exit_code == 0
    assert done.output.endswith(": 2 rows; its results, 0.0 MB, are too large to keep\n")
    assert not (study_page.PAGES / "digits" / "results.zip").exists()


def test_a_page_may_keep_to_some_measures(study_page: ModuleType, study: Path) -> None:
    page = write_page(study_page.PAGES, "It reads 99.67 %.\n\n<!-- measures: right; wrong -->")
    done = CliRunner().invoke(study_page.main, [str(study)])
    assert done.output.endswith(": 1 rows; results of 1 runs in results.zip\n")
    assert "| theirs |" not in page.read_text()
    assert "| ours | right |" in page.read_text()


def test_what_was_left_out_is_not_published(study_page: ModuleType, study: Path) -> None:
    page = write_page(study_page.PAGES, "It reads 99.67 %.")
    report = (study / "report.md").read_text().rstrip("\n")
    (study / "report.md").write_text(f"{report}\n| another |  |  |  | 0 | not run: {LEFT_OUT} |  |  |  |\n")
    assert CliRunner().invoke(study_page.main, [str(study)]).exit_code == 0
    assert "| ours | right |" in page.read_text()
    assert "| another |" not in page.read_text()


@pytest.mark.parametrize(
    ("lesson", "complaint"),
    [
        ("Ours reads 99.76 %.", "digits.md cites 99.76 %, of which the table knows nothing"),
        ("Theirs is 1.02 % off.", "digits.md cites 1.02 %, of which"),
        ("They read 98.99 and 99.67 %.", "digits.md cites 98.99 %, of which"),
        ("They read 97.67, 98.76\nand 99.67 %.", "digits.md cites 97.67 %, 98.76 %, of which"),
        ("It lies between 99.15 to 99.72 %.", "digits.md cites 99.15 %, of which"),
    ],
)
def test_a_lesson_may_not_cite_what_was_not_measured(
    study_page: ModuleType, study: Path, lesson: str, complaint: str
) -> None:
    page = write_page(study_page.PAGES, lesson)
    before = page.read_text()
    done = CliRunner().invoke(study_page.main, [str(study)])
    assert done.exit_code == 1
    assert complaint in done.output
    assert page.read_text() == before


def test_a_page_that_shows_what_was_not_drawn_is_left_as_it_was(study_page: ModuleType, study: Path) -> None:
    page = write_page(study_page.PAGES, "It reads 99.67 %.")
    before = page.read_text()
    (study / "figures" / "learning.png").unlink()
    done = CliRunner().invoke(study_page.main, [str(study)])
    assert (done.exit_code, page.read_text()) == (1, before)
    assert "digits.md shows learning.png, which the study has not drawn" in done.output


def test_figures_of_a_quick_study_and_a_page_without_a_lesson_are_refused(study_page: ModuleType, study: Path) -> None:
    done = CliRunner().invoke(study_page.main, [str(study)])
    assert done.exit_code == 1
    assert "digits.md is not there: write its lesson first" in done.output
    (study / "results.csv").write_text("study,budget\ndigits,quick\n")
    done = CliRunner().invoke(study_page.main, [str(study)])
    assert done.exit_code == 1
    assert "is of the quick budget" in done.output
    shutil.rmtree(study)
