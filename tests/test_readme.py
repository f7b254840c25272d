"""The README is true: its commands print what it shows, and nothing in the published pages is left to fill in."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from facevalue.cli import main
from facevalue.reader import SHIPPED, Reader
from facevalue.recipes import Recipe, find_recipe

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
SHOWN = re.findall(r"^\$ facevalue (.+)\n((?:(?!\$ |```).*\n)+)", README, re.MULTILINE)


def without_time(line: str) -> str:
    """A line as it is, but for how long the reading took."""
    return re.sub(r'"milliseconds": [0-9.]+', '"milliseconds": _', line)


def test_the_readme_shows_commands() -> None:
    assert len(SHOWN) >= 3


@pytest.mark.parametrize(("command", "output"), SHOWN, ids=[command for command, _ in SHOWN])
def test_a_command_of_the_readme_prints_what_it_shows(
    command: str, output: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    result = CliRunner().invoke(main, shlex.split(command), catch_exceptions=False)
    assert without_time(result.stdout) == without_time(output)


PAGES = ["README.md", "docs/lab-notes.md", "CHANGELOG.md"]
PAGES += [f"src/facevalue/weights/{name}.md" for name in SHIPPED.values()]


@pytest.mark.parametrize("page", PAGES)
def test_nothing_is_left_to_fill_in(page: str) -> None:
    text = (ROOT / page).read_text()
    assert not re.findall(r"@[A-Z]+@", text)
    assert not re.findall(r"<!-- (\w+) -->\n<!-- /\1 -->", text)


@pytest.mark.parametrize(
    ("kind", "recipe_name", "right"),
    [("clock", "clocks/wild", 0.95), ("dial", "dials/wild-4", 0.8), ("digits", "digits/wild-4", 0.95)],
)
def test_a_weight_is_of_the_recipe_that_the_readme_trains(kind: str, recipe_name: str, right: float) -> None:
    about, recipe = Reader(kind).weight.metadata, find_recipe(recipe_name)
    assert Recipe.from_json(about["recipe"]) == recipe
    assert about["recipe_hash"] == recipe.hash()
    assert about["steps"] == str(recipe.steps)
    assert json.loads(about["calibration_held_out"])["right"] >= right
