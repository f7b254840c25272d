"""Recipes: frozen descriptions of a training, in typed tables, one file a family."""

from __future__ import annotations

import dataclasses
import difflib
import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from facevalue.errors import ModelError, SettingError

# Settings that came after the first weight: left out of text and hash where they are as before.
LATER = (
    *("width_px", "optimizer", "schedule", "dropout", "smoothing", "l2", "parent", "pretrained"),
    *("channels", "kernel", "activations"),
)
LARGEST_SEED = 999_999  # larger ones are those of held-out pictures
CHOICES = {
    "optimizer": ("muon", "adam", "adamw", "sgd", "momentum", "muon-normed", "momentum-normed"),
    "schedule": ("linear", "constant", "staircase", "plateau"),
}


@dataclass(frozen=True)
class Recipe:
    """Everything that decides a trained network but the versions of what runs it.

    name, kind: what it is, and the instrument it reads.  source, codec, network: names in their tables.
    size_px: height of the pictures; width_px: their width, 0 for square ones.  widths, blocks, hidden, squeeze: see
    ``networks``.
    steps of batch_size pictures; learning_rate rises over warmup_steps and then goes by the schedule: linear falls to
    zero over the last ``decay`` share of the steps, constant stays, staircase takes 0.95 of it every 500 steps, plateau
    takes a tenth of it when three epochs gained nothing on the validation part of the source, ends after nine such, at
    the latest after ``steps``, and keeps the weights of the best epoch.
    optimizer: muon, adam, adamw, sgd, which has no momentum, momentum, which is sgd with 0.9 of Nesterov's, or
    muon-normed, which keeps filters at one length and takes multiples of the rate for the rest, or momentum-normed,
    whose steps are as long but not orthogonal, see ``optimizer``.
    weight_decay: of muon and adamw; of both normed ones the share of all but filters that a step adds to what momentum
    gathers.  l2: of adam, sgd and momentum, half of it times the sum of the squared filters and matrices is in the
    loss.  dropout: after the dense layer of networks that have it.  smoothing: of the labels of heads of classes.
    parent: the recipe whose trained run this one goes on from, with fresh optimizers; "" starts anew.
    pretrained: what the trunk starts from and mostly keeps, of ``networks.pretrained.WEIGHTS`` or a file; "" for none.
    channels, kernel, activations: of ``networks.mlp``, ``networks.cnn`` and ``networks.records``, which see them.
    """

    name: str
    kind: str
    source: str
    codec: str
    network: str = "convnet"
    size_px: int = 112
    widths: tuple[int, ...] = (32, 64, 128, 256)
    blocks: tuple[int, ...] = (0, 1, 2, 1)
    hidden: int = 384
    squeeze: int = 96
    steps: int = 7000
    batch_size: int = 256
    learning_rate: float = 2e-3
    weight_decay: float = 0.1
    warmup_steps: int = 200
    decay: float = 0.6
    seed: int = 1
    width_px: int = 0
    optimizer: str = "muon"
    schedule: str = "linear"
    dropout: float = 0.0
    smoothing: float = 0.0
    l2: float = 0.0
    parent: str = ""
    pretrained: str = ""
    channels: int = 3
    kernel: int = 3
    activations: str = "relu"

    @property
    def frame_px(self) -> tuple[int, int]:
        """Width and height of the pictures."""
        return self.width_px or self.size_px, self.size_px

    def with_settings(self, settings: Mapping[str, str]) -> Recipe:
        """A copy with fields set from text, typed as they are. Raises SettingError for unknown names and bad values."""
        fields = {field.name: field for field in dataclasses.fields(self)}
        values: dict[str, Any] = {}
        for name, text in settings.items():
            if name in ("name", "kind"):
                raise SettingError(f"setting {name!r} names the recipe and can't be set; take another recipe instead")
            if name not in fields:
                close = difflib.get_close_matches(name, fields, n=1)
                hint = f"; did you mean {close[0]!r}?" if close else f"; there are: {', '.join(sorted(fields))}"
                raise SettingError(f"unknown setting {name!r}{hint}")
            values[name] = parse_setting(name, text, getattr(self, name))
        for name, least, most in (
            *((name, 1, None) for name in ("steps", "size_px", "hidden", "squeeze", "kernel")),
            ("batch_size", 2, None),  # batch norm takes the spread of a batch
            *((name, 0, None) for name in ("warmup_steps", "width_px")),
            ("seed", 0, LARGEST_SEED),
        ):
            value = values.get(name, least)
            if value < least or (most is not None and value > most):
                upto = f" and at most {most}" if most is not None else ""
                raise SettingError(f"setting {name}={value}: expected a whole number of at least {least}{upto}")
        if not 0 < values.get("learning_rate", 1.0) < math.inf:
            raise SettingError(f"setting learning_rate={values['learning_rate']}: expected a number above 0")
        for name, least in (("widths", 1), ("blocks", 0)):
            if any(count < least for count in values.get(name, ())):
                raise SettingError(f"setting {name}={values[name]}: expected whole numbers of at least {least}")
        for name in ("weight_decay", "l2"):
            if not (values.get(name, 0) >= 0 and math.isfinite(values.get(name, 0))):
                raise SettingError(f"setting {name}={values[name]}: expected a number of at least 0")
        if not 0 <= values.get("decay", 0.0) <= 1:
            raise SettingError(f"setting decay={values['decay']}: expected a share of the steps, 0 to 1")
        for name in ("dropout", "smoothing"):
            if not 0 <= values.get(name, 0) < 1:
                raise SettingError(f"setting {name}={values[name]}: expected a share, at least 0 and below 1")
        for name, choices in CHOICES.items():
            if values.get(name, choices[0]) not in choices:
                raise SettingError(f"setting {name}={values[name]!r}: expected one of {', '.join(choices)}")
        return dataclasses.replace(self, **values)

    def to_json(self) -> str:
        before = {field.name: field.default for field in dataclasses.fields(self) if field.name in LATER}
        fields = {k: v for k, v in dataclasses.asdict(self).items() if k not in before or v != before[k]}
        return json.dumps(fields, indent=1, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Recipe:
        """The recipe that ``to_json`` wrote. Raises ModelError for one whose settings this version does not know."""
        try:
            fields: dict[str, Any] = dict(json.loads(text))
            values: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in fields.items()}
            return cls(**values)
        except (TypeError, ValueError) as error:
            raise ModelError(f"a recipe of another version of facevalue ({error})") from error

    def hash(self) -> str:
        """Twelve hex digits that name this recipe with all its settings."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()[:12]


def is_finished_weight(metadata: Mapping[str, str]) -> bool:
    """Whether the training of an exported weight went to its end, by its steps or by the plateau schedule before."""
    return metadata.get("finished") == "1" or int(metadata["steps"]) >= Recipe.from_json(metadata["recipe"]).steps


def parse_setting(name: str, text: str, current: object) -> object:
    """Text to the type of the current value: int, float, str or a comma-separated tuple of ints."""
    try:
        if isinstance(current, tuple):
            return tuple(int(part) for part in text.split(",") if part.strip())
        if isinstance(current, int):
            return int(text.replace("_", ""))
        if isinstance(current, float):
            return float(text)
        return text
    except ValueError:
        expected = "whole numbers with commas" if isinstance(current, tuple) else type(current).__name__
        raise SettingError(f"setting {name}={text!r}: expected {expected}, such as {current!r}") from None


def recipes() -> dict[str, Recipe]:
    """All recipes by name, family by family."""
    from facevalue.recipes import clocks, dials, digits, encodings, mnist, pictures, records

    families = (clocks, dials, digits, encodings, mnist, pictures, records)
    return {recipe.name: recipe for family in families for recipe in family.RECIPES}


def find_recipe(name: str) -> Recipe:
    """The recipe of that name. Raises SettingError, with the nearest name, when there is none."""
    table = recipes()
    if name in table:
        return table[name]
    close = difflib.get_close_matches(name, table, n=1)
    hint = f"; did you mean {close[0]!r}?" if close else ""
    raise SettingError(f"unknown recipe {name!r}{hint or ';'} facevalue train list shows all {len(table)} of them")
