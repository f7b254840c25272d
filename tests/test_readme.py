"""The README is true: its commands print what it shows, and nothing in the published pages is left to fill in."""

from __future__ import annotations

import dataclasses
import json
import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from facevalue.assembly import make_network, make_source
from facevalue.cli import main
from facevalue.codecs import make_codec
from facevalue.errors import SettingError
from facevalue.reader import SHIPPED, Reader
from facevalue.recipes import Recipe, find_recipe
from facevalue.sources.pictures import VARIANTS

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
    [("clock", "clocks/wild", 0.95), ("dial", "dials/wild-8", 0.8), ("digits", "digits/wild-10", 0.95)],
)
def test_a_weight_is_of_the_recipe_that_the_readme_trains(kind: str, recipe_name: str, right: float) -> None:
    about, recipe = Reader(kind).weight.metadata, find_recipe(recipe_name)
    assert Recipe.from_json(about["recipe"]) == recipe
    assert about["recipe_hash"] == recipe.hash()
    assert about["steps"] == str(recipe.steps)
    assert json.loads(about["calibration_held_out"])["right"] >= right


LABORATORY = (ROOT / "docs" / "laboratory.md").read_text()


def test_the_laboratory_page_names_every_part() -> None:
    """Sources, codecs, networks and settings of its tables are those that there are, no more and no fewer."""
    tables = re.findall(r"\| --- \| --- \|\n((?:\|.*\n)+)", LABORATORY)
    assert len(tables) == 4
    first_cells = [[row.split("|")[1] for row in table.splitlines()] for table in tables]
    names = [[name for cell in cells for name in re.findall(r"`([^`]+)`", cell)] for cells in first_cells]
    with pytest.raises(SettingError) as caught:
        make_source(Recipe("nothing", "clock", "nothing", "nothing"))
    there = str(caught.value).partition("there are: ")[2].split(", ")
    full = {name for name in names[0] if not name.startswith("-")}
    assert full <= set(there)
    assert all(name in full or any(name.startswith(f"{one}-") for one in full) for name in there)
    behind = {name for name in names[0] if name.startswith("-")}
    assert all(any(name.endswith(ending) for name in there) for ending in behind)
    assert {ending.removesuffix("-all") for ending in VARIANTS} <= {*behind, ""}
    with pytest.raises(SettingError) as caught:
        make_codec("nothing")
    assert sorted(names[1]) == str(caught.value).partition("there are: ")[2].split(", ")
    unheard = Recipe("nothing", "digits", "nothing", "digits/one", network="nothing")
    with pytest.raises(SettingError) as caught:
        make_network(unheard, make_codec(unheard.codec))
    assert sorted(names[2]) == sorted(str(caught.value).partition("there are: ")[2].split(", "))
    assert sorted(names[3]) == sorted({field.name for field in dataclasses.fields(Recipe)} - {"name", "kind"})


def test_the_commands_of_the_laboratory_page_are_there() -> None:
    """Each command's name, options and recipe; what it does is tested where it stands."""
    commands = re.findall(r"^facevalue (\w+) (.*?)(?:  +#.*)?$", LABORATORY, re.MULTILINE)
    assert len(commands) >= 9
    for name, rest in commands:
        command = main.commands[name]
        options = {option for parameter in command.params for option in parameter.opts}
        words = shlex.split(rest)
        assert {word for word in words if word.startswith("--")} <= options, rest
        if name == "train" and words[0] != "list":
            settings = dict(word.split("=", 1) for word in words if "=" in word)
            find_recipe(words[0]).with_settings(settings)
