"""What tests put in place of real things: labelled pictures, and a weight of digits that needs no training."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from facevalue.calibration import Calibration
from facevalue.codecs.digits import COLUMN_PX, COLUMNS, FRAME_PX, MOST_DIGITS, PLACES

RED_OF_PLACE = 25  # a red of 75 is a 3
SEEN = 128  # so much blue and there is a digit


def write_colour_weight(path: Path, calibration: Calibration | None = None) -> Path:
    """A weight that reads one digit off the colour of the middle of a picture.

    Red is the place, green how sure it looks, and without blue there is no digit.
    """
    steps: list[Any] = []
    constants: list[Any] = []

    def constant(name: str, values: Any, dtype: Any = np.float32) -> str:
        constants.append(numpy_helper.from_array(np.asarray(values, dtype=dtype), name))
        return name

    def step(operator: str, inputs: Sequence[str], *outputs: str, **attributes: Any) -> None:
        steps.append(helper.make_node(operator, list(inputs), list(outputs), **attributes))

    wide = COLUMNS * COLUMN_PX
    begin = constant("begin", [FRAME_PX // 2, wide // 2], np.int64)
    end = constant("end", [FRAME_PX // 2 + 1, wide // 2 + 1], np.int64)
    step("Cast", ["pictures"], "float", to=TensorProto.FLOAT)
    step("Slice", ["float", begin, end, constant("axes", [1, 2], np.int64)], "pixel")  # (N, 1, 1, 3)
    step("Reshape", ["pixel", constant("flat", [-1, 1, 3], np.int64)], "colour")  # (N, 1, 3)
    step("Split", ["colour", constant("one each", [1, 1, 1], np.int64)], "red", "green", "blue", axis=2)  # (N, 1, 1)
    # place: minus the squared distance from the bin that red names, the steeper the greener
    step("Mul", ["red", constant("bins a red", PLACES / 10 / RED_OF_PLACE)], "bin")
    step("Sub", [constant("bins", np.arange(PLACES).reshape(1, 1, -1)), "bin"], "away")
    step("Mul", ["away", "away"], "squared")
    step("Mul", ["green", constant("steepness", -0.5 / 255)], "slope")
    step("Mul", ["squared", "slope"], "one place")  # (N, 1, 100)
    step("Expand", ["one place", constant("places shape", [1, MOST_DIGITS, PLACES], np.int64)], "place")
    # count: one digit as wide as the frame is high, where there is blue
    rise = np.clip((np.arange(1, COLUMNS + 1) * COLUMN_PX - (wide - FRAME_PX) / 2) / FRAME_PX, 0, 1)
    step("Greater", ["blue", constant("seen", SEEN - 1.0)], "is seen")
    step("Cast", ["is seen"], "present", to=TensorProto.FLOAT)
    step("Mul", ["present", constant("rise", rise.reshape(1, 1, -1))], "one count")
    step("Reshape", ["one count", constant("count shape", [-1, COLUMNS], np.int64)], "count")
    # the rest is the same for every picture
    length = np.zeros((1, 1, MOST_DIGITS + 1))
    length[..., 1] = 4.0
    for name, values in (
        ("length", length),
        ("point", np.tile([4.0, -4.0], (1, MOST_DIGITS, 1))),
        ("extent", np.tile([-0.8, 0.8], (1, MOST_DIGITS, 1))),
    ):
        step("Mul", ["blue", constant(f"nothing of {name}", 0.0)], f"zero of {name}")
        step("Add", [f"zero of {name}", constant(f"values of {name}", values)], name if name != "length" else "lengths")
    step("Reshape", ["lengths", constant("length shape", [-1, MOST_DIGITS + 1], np.int64)], "length")

    names = {"place": [MOST_DIGITS, PLACES], "count": [COLUMNS], "length": [MOST_DIGITS + 1], "point": [MOST_DIGITS, 2]}
    names["extent"] = [MOST_DIGITS, 2]
    graph = helper.make_graph(
        steps,
        "colours",
        [helper.make_tensor_value_info("pictures", TensorProto.UINT8, ["n", FRAME_PX, wide, 3])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", *shape]) for name, shape in names.items()],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    metadata = {
        "model": path.stem,
        "kind": "digits",
        "codec": "digits/row",
        "size_px": str(FRAME_PX),
        "width_px": str(wide),
        "calibration": (calibration or Calibration.untrained("digits")).to_json(),
    }
    helper.set_model_props(model, metadata)
    onnx.checker.check_model(model)
    path.write_bytes(model.SerializeToString())
    return path


def write_labelled(folder: Path, text: str) -> Path:
    """Write a label file and a small picture for every file named p*.png in it."""
    path = folder / "labels.csv"
    folder.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")
    for cell in text.replace("\n", ",").split(","):
        if cell.startswith("p") and cell.endswith(".png"):
            Image.new("RGB", (40, 30), "teal").save(folder / cell)
    return path


def paint_digit(path: Path, place: float | None, sure: int = 255) -> None:
    """A picture that the weight reads as that place, or as none.  sure: 0..255."""
    blue = 0 if place is None else 255
    Image.new("RGB", (32, 32), (round((place or 0) * RED_OF_PLACE), sure, blue)).save(path)
