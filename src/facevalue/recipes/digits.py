"""Recipes of digits.

digits/wild   Rows of digits: drawn ones, MNIST, meter digits and printed cells. About an hour of two cores without AMX;
              seven-segment 71.0 %, whole digits 99.6 %, before the drawing had what its misses showed (lab notes).
              facevalue train digits/wild --compile --data DIR
digits/wild-2 Goes on from it for 22 minutes, with strips of one shape, faint and framed
              displays, small last digits, rims of windows, broad pens, barred sevens. Seven-segment 79.6 %.
              facevalue train digits/wild-2 --compile --data DIR --from RUN-OF-DIGITS-WILD
digits/wild-3 Goes on from that one for 95 minutes, with glints, fog, contrast that fades along a display, clutter
              without a digit. Seven-segment 81.5 %, rolling digits of unseen meters 90.9 %.
              facevalue train digits/wild-3 --compile --data DIR --from RUN-OF-DIGITS-WILD-2
digits/wild-4 Goes on from it for 80 minutes, with flagged ones, open fours, coarse scans,
              signs and units round a display, a unit above small last digits, lamps mirrored at its ends, ink that
              differs in hue alone. Optdigits from 96.6 to 98.4 %, seven-segment still 81.5 %.
              facevalue train digits/wild-4 --compile --data DIR --from RUN-OF-DIGITS-WILD-3
digits/wild-5 Goes on from it for 92 minutes, every sixth picture a meter's display, cut close, every second of them
              with small last digits. Surer where it is right; strings of MNIST from 98.3 to 98.0 %, so not shipped.
              facevalue train digits/wild-5 --compile --data DIR --from RUN-OF-DIGITS-WILD-4
digits/wild-6 Goes on from digits/wild-4 for 35 minutes with one block more on the finest map. Reads no display better,
              so not shipped.
              facevalue train digits/wild-6 --data DIR --from RUN-OF-DIGITS-WILD-4
digits/wild-7 Goes on from digits/wild-4 for 54 minutes with four blocks more, three in four of its pictures displays:
              strips as they are photographed, real LCD digits joined. Of 162 displays one look reads 137 for 125.
              facevalue train digits/wild-7 --compile --data DIR --from RUN-OF-DIGITS-WILD-4
digits/wild-8 Goes on from it for 68 minutes with all kinds of pictures again.
              facevalue train digits/wild-8 --compile --data DIR --from RUN-OF-DIGITS-WILD-7
digits/wild-9 Goes on from it for 104 minutes with more displays, joined LCD digits on one ground, and clocks and dials
              among the pictures without a digit: of 222 photos of clocks 2 are a number to it, 194 to the one before.
              facevalue train digits/wild-9 --compile --data DIR --from RUN-OF-DIGITS-WILD-8
digits/wild-10 Goes on from it for 120 minutes, with the digits of an LCD equally dark, units and walls beside them. The
              shipped reader, digits-5, is the mean of this one and the two before. Of 162 displays it reads 145, the
              three 139 to 142.
              facevalue train digits/wild-10 --compile --data DIR --from RUN-OF-DIGITS-WILD-9
              facevalue export RUN-10 --average RUN-9 --average RUN-8 --out digits-5.onnx
digits/wild-11 Goes on from that with fewer displays, as many as wild-8 had. Not measured yet.
              facevalue train digits/wild-11 --compile --data DIR --from RUN-OF-DIGITS-WILD-10
digits/tiny   A minute or two, to try the way from drawing to reading.
"""

import dataclasses

from facevalue.recipes import Recipe

WILD = Recipe(
    name="digits/wild",
    kind="digits",
    source="digits/wild",
    codec="digits/row",
    network="rownet",
    size_px=32,
    width_px=160,
    widths=(32, 64, 128, 128),
    blocks=(0, 2, 1, 1),
    hidden=256,
    squeeze=1,
    steps=7500,
    batch_size=128,
    learning_rate=1.5e-3,
)
DISPLAYS = dataclasses.replace(
    WILD,
    name="digits/wild-7",
    source="digits/displays",
    parent="digits/wild-4",
    blocks=(1, 3, 2, 1),
    steps=9000,
    learning_rate=1.2e-3,
    decay=0.9,
    seed=7,
)


def after_displays(number: int, source: str, steps: int) -> Recipe:
    """digits/wild-NUMBER, from 8: goes on from the one before."""
    name, parent = f"digits/wild-{number}", f"digits/wild-{number - 1}"
    return dataclasses.replace(
        DISPLAYS, name=name, source=source, parent=parent, steps=steps, learning_rate=1e-3, seed=number
    )


RECIPES = (
    WILD,
    dataclasses.replace(
        WILD, name="digits/wild-2", parent="digits/wild", steps=2700, learning_rate=1.2e-3, decay=0.8, seed=2
    ),
    dataclasses.replace(
        WILD, name="digits/wild-3", parent="digits/wild-2", steps=10_000, learning_rate=1.5e-3, decay=0.9, seed=3
    ),
    dataclasses.replace(
        WILD, name="digits/wild-4", parent="digits/wild-3", steps=9000, learning_rate=1.5e-3, decay=0.9, seed=4
    ),
    dataclasses.replace(
        WILD, name="digits/wild-5", parent="digits/wild-4", steps=9000, learning_rate=1.5e-3, decay=0.9, seed=5
    ),
    dataclasses.replace(
        WILD,
        name="digits/wild-6",
        parent="digits/wild-4",
        blocks=(1, 2, 1, 1),
        steps=4000,
        learning_rate=1.5e-3,
        decay=0.9,
        seed=6,
    ),
    DISPLAYS,
    after_displays(8, WILD.source, 11_500),
    after_displays(9, "digits/mostly-displays", 12_000),
    after_displays(10, "digits/mostly-displays", 11_000),
    after_displays(11, WILD.source, 11_000),
    Recipe(
        name="digits/tiny",
        kind="digits",
        source="digits/wild",
        codec="digits/row",
        network="rownet",
        size_px=32,
        width_px=160,
        widths=(16, 32, 48, 48),
        blocks=(0, 1, 1, 1),
        hidden=64,
        squeeze=1,
        steps=150,
        batch_size=64,
        warmup_steps=20,
    ),
)
