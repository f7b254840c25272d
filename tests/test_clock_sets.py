"""Fixed sets of clocks: the same pictures for the same seed, split for good, labels that lie on the hands; and an index
of anyone's pictures, whose bad lines are named.
"""

from __future__ import annotations

import pickle
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from numpy.typing import NDArray
from PIL import Image

from facevalue.assembly import make_source
from facevalue.cli import main
from facevalue.codecs.pose import pose_matrix
from facevalue.errors import FaceValueError, LabelError, SettingError
from facevalue.recipes import find_recipe
from facevalue.scoring import scored_of
from facevalue.sources import clock_sets
from facevalue.sources.clock_index import open_index
from facevalue.sources.clock_sets import (
    KITCHEN_SPLIT,
    PARTS,
    PLAIN_SPLIT,
    ClockSet,
    draw_kitchen_clocks,
    draw_plain_clocks,
    kitchen_clocks,
    plain_clocks,
    split,
)
from facevalue.sources.clocks import ClockBatch
from facevalue.sources.mnist import HELD_OUT_SEEDS

SMALL = {"size_px": 32, "each": 1}


def times(batch: ClockBatch) -> list[int]:
    """Minutes past twelve."""
    return [round(seconds / 60) for seconds in batch.seconds.tolist()]


# ---- what is in the sets


@pytest.mark.parametrize(
    ("total", "shares", "sizes"),
    [(720, PLAIN_SPLIT, (576, 0, 144)), (18_000, KITCHEN_SPLIT, (10_800, 3_600, 3_600)), (1, PLAIN_SPLIT, (1, 0, 0))],
)
def test_split(total: int, shares: tuple[float, float], sizes: tuple[int, ...]) -> None:
    parts = split(total, shares, 1)
    assert tuple(len(parts[part]) for part in PARTS) == sizes
    assert sorted(np.concatenate([parts[part] for part in PARTS]).tolist()) == list(range(total))
    if total > 1:
        assert split(total, shares, 1)["test"].tolist() == parts["test"].tolist()
        assert split(total, shares, 2)["test"].tolist() != parts["test"].tolist()


def test_the_kitchen_shows_each_minute_as_often() -> None:
    clocks = draw_kitchen_clocks(24, 1, np.arange(0, 18_000, 719))
    assert clocks.minutes.tolist() == [record % 720 for record in range(0, 18_000, 719)]
    total = np.concatenate([split(18_000, KITCHEN_SPLIT, 1)[part] for part in PARTS]) % 720
    assert set(Counter(total.tolist()).values()) == {25}


def test_the_plain_clock_shows_each_minute_once() -> None:
    clocks = plain_clocks(24)
    shown = times(clocks.batch(1, 0, 576)) + times(clocks.test())
    assert sorted(shown) == list(range(720))
    assert len(clocks.test().pictures) == 144


@pytest.mark.parametrize(
    "source", [plain_clocks(size_px=24), kitchen_clocks(**SMALL), kitchen_clocks(**SMALL, copies=3)]
)
def test_same_seed_and_step_same_batch(source: ClockSet) -> None:
    one = source.batch(3, 2, 16)
    clock_sets.plain_part.cache_clear()
    clock_sets.kitchen_part.cache_clear()
    other = pickle.loads(pickle.dumps(source)).batch(3, 2, 16)  # as a drawing process has it
    assert (one.pictures == other.pictures).all()
    for name, values in one.labels().items():
        np.testing.assert_array_equal(values, other.labels()[name], err_msg=name)
    assert times(source.batch(3, 3, 16)) != times(one)
    assert times(source.batch(4, 2, 16)) != times(one)


def test_another_set_seed_is_another_set() -> None:
    records = np.arange(3)
    one, other = (draw_kitchen_clocks(24, seed, records) for seed in (1, 2))
    assert not (one.pictures == other.pictures).all(axis=(1, 2)).any()
    assert times(plain_clocks(24, set_seed=2).test()) != times(plain_clocks(24).test())


@pytest.mark.parametrize(("size_px", "reason"), [(24, "small"), (75, "half"), (150, "as the assignments have it")])
def test_sizes_and_greys(size_px: int, reason: str) -> None:
    batch = draw_kitchen_clocks(size_px, 1, np.arange(4)).batch()
    assert batch.pictures.shape == (4, size_px, size_px, 3), reason
    assert batch.pictures.dtype == np.uint8
    assert (batch.pictures == batch.pictures[..., :1]).all(), "grey"
    assert np.isnan(batch.second).all()
    assert batch.pictures.std(axis=(1, 2, 3)).min() > 30, "light plate, dark case"


def test_the_second_hand_changes_the_picture_and_not_the_time() -> None:
    records = np.arange(100, 140)
    bare, with_hand = (draw_plain_clocks(57, second_hand, 1, records) for second_hand in (False, True))
    assert (bare.minutes == with_hand.minutes).all()
    assert np.isnan(bare.second).all()
    assert ((with_hand.second >= 0) & (with_hand.second < 360) & (with_hand.second % 6 == 0)).all()
    red = with_hand.pictures[..., 0].astype(int) - with_hand.pictures[..., 1]
    assert (red.max(axis=(1, 2)) > 60).all()
    assert (bare.pictures[..., 0].astype(int) - bare.pictures[..., 1]).max() < 20


# ---- epochs


@pytest.mark.parametrize("copies", [1, 3])
def test_an_epoch_holds_every_training_picture_as_often(copies: int) -> None:
    source = plain_clocks(24, copies=copies)
    train = sorted(times(source.part("train").batch()))
    steps = 576 * copies // 144
    epoch = [time for step in range(steps) for time in times(source.batch(5, step, 144))]
    assert Counter(epoch) == Counter(train * copies)
    across = times(source.batch(5, 0, 576 * copies + 10))  # no seam: the next epoch begins where this one ends
    assert Counter(across[: 576 * copies]) == Counter(train * copies)
    assert across[576 * copies :] != across[:10]


def test_held_out_and_test_pictures_are_never_trained_on() -> None:
    source = kitchen_clocks(**SMALL, copies=2)
    held_out = times(source.batch(HELD_OUT_SEEDS + 3, 0, 144))
    trained = {time for step in range(9) for time in times(source.batch(1, step, 96))}
    tested = times(source.test())
    assert len(trained) == 432
    assert len(set(held_out)) == len(set(tested)) == 144
    assert trained.isdisjoint(held_out)
    assert trained.isdisjoint(tested)
    assert set(held_out).isdisjoint(tested)
    assert tested == times(source.test())


def test_of_the_plain_clocks_all_but_the_test_is_trained_on() -> None:
    source = plain_clocks(24)
    assert source.counts() == (576, 0)
    assert kitchen_clocks(**SMALL, copies=2).counts() == (432, 144)
    assert set(times(source.batch(HELD_OUT_SEEDS, 0, 576))) == set(times(source.batch(1, 0, 576)))
    scored = scored_of(source, 512)
    assert (scored.name, scored.words(), len(set(times(scored.batch)))) == (
        "trained_on",
        "512 pictures trained on",
        512,
    )
    scored = scored_of(kitchen_clocks(**SMALL), 512)
    assert (scored.name, scored.words(), len(set(times(scored.batch)))) == ("held_out", "144 pictures held out", 144)


# ---- augmentation


def test_the_first_copy_is_the_picture_itself() -> None:
    source = plain_clocks(24, copies=2)
    train = source.part("train").batch()
    epoch = source.batch(1, 0, 2 * 576)
    as_they_are = {(time, picture.tobytes()) for time, picture in zip(times(train), train.pictures, strict=True)}
    found = [
        (time, picture.tobytes()) in as_they_are for time, picture in zip(times(epoch), epoch.pictures, strict=True)
    ]
    assert sum(found) == 576


def test_copies_are_spread_as_the_reports_have_it() -> None:
    changes = clock_sets.changes_of(1000, 15)
    assert (changes[:1000] == np.eye(2)).all()
    changes = changes[1000:]
    turn = np.degrees(np.arctan2(changes[:, 1, 0], changes[:, 0, 0])) % 360
    zoom = np.hypot(changes[:, 0, 0], changes[:, 1, 0])
    # of zoom x turn x [[1, k], [0, 1]] the second column's part along the first is k
    shear = np.degrees(np.arctan((changes[:, :, 0] * changes[:, :, 1]).sum(axis=1) / zoom**2))
    assert np.histogram(turn, 12, (0, 360))[0].min() > 1000
    for values, low, high in ((zoom, 0.9, 1.1), (shear, 0.0, 15.0)):
        assert values.min() >= low - 1e-4
        assert values.max() <= high + 1e-3
        assert values.min() < low + 0.02 * (high - low)
        assert values.max() > high - 0.02 * (high - low)


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        (kitchen_clocks(75, each=1), "turned and sheared as drawn"),
        (kitchen_clocks(75, each=1, copies=15), "and once more on the way"),
        (plain_clocks(57, copies=15), "upright ones, turned on the way"),
    ],
)
def test_labels_lie_on_the_hands(source: ClockSet, reason: str) -> None:
    """Along the directions of the labels the picture is dark; beside them, as far out, it is light."""
    batch = source.batch(2, 0, 48)
    for name, radius in (("hour", 0.42), ("minute", 0.62)):
        on = brightness(batch, batch.labels()[name], radius)
        beside = np.median(
            [brightness(batch, batch.labels()[name] + away, radius) for away in (-50, -35, 35, 50)], axis=0
        )
        assert (on < beside).mean() > 0.95, f"{name}: {reason}"
        assert np.median(beside - on) > 60, f"{name}: {reason}"
    around = (batch.hour - batch.twelve) % 360 * 2 * 60
    assert np.abs((around - batch.seconds + 21_600) % 43_200 - 21_600).max() < 5, "the hour hand shows the time"


def brightness(batch: ClockBatch, degrees: NDArray[np.floating], radius: float) -> NDArray[np.float64]:
    """(N,) of the pixel that far from the dial's centre in that direction."""
    side = batch.pictures.shape[1]
    result = []
    for picture, pose, angle in zip(batch.pictures, batch.pose, np.radians(degrees), strict=True):
        x, y, w = pose_matrix(pose, 0.0) @ [radius * np.sin(angle), -radius * np.cos(angle), 1.0]
        column, row = (int((value / w + 1) * side / 2) for value in (x, y))
        result.append(float(picture[np.clip(row, 0, side - 1), np.clip(column, 0, side - 1), 1]))
    return np.array(result)


# ---- by name


@pytest.mark.parametrize(
    ("name", "copies", "first"),
    [
        ("clocks/plain", 1, "plain"),
        ("clocks/plain-second", 1, "plain"),
        ("clocks/plain-x15", 15, "plain"),
        ("clocks/plain-x25", 25, "plain"),
        ("clocks/kitchen", 1, "kitchen"),
        ("clocks/kitchen-x15", 15, "kitchen"),
        ("clocks/kitchen-x25", 25, "kitchen"),
    ],
)
def test_sources_by_name(name: str, copies: int, first: str) -> None:
    recipe = find_recipe("clocks/tiny").with_settings({"source": name, "size_px": "24"})
    source = make_source(recipe)
    assert isinstance(source, ClockSet)
    assert source.copies == copies
    if first == "plain":
        assert source.batch(1, 0, 2).pictures.shape == (2, 24, 24, 3)


# ---- written, and by an index


def invoke(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def plain_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What ``facevalue synth clocks --style plain`` writes. Don't write to it."""
    folder = tmp_path_factory.mktemp("plain") / "out"
    result = invoke("synth", "clocks", folder, "--style", "plain", "--size", 24)
    assert result.exit_code == 0, result.output
    assert f"720 pictures and their index.tsv are in {folder}; of them " in result.stderr
    assert all(share in result.stderr for share in ("train.tsv 576", "test.tsv 144"))
    return folder


def test_the_plain_folder(plain_folder: Path) -> None:
    lines = {name: (plain_folder / f"{name}.tsv").read_text().splitlines() for name in ("index", "train", "test")}
    assert (len(lines["index"]), len(lines["train"]), len(lines["test"])) == (720, 576, 144)
    assert sorted(lines["train"] + lines["test"]) == sorted(lines["index"])
    assert "clocks/clock09.12.00.png\t9\t12" in lines["index"]
    assert len(list((plain_folder / "clocks").iterdir())) == 720
    tested = [60 * int(hour) + int(minute) for _, hour, minute in (line.split("\t") for line in lines["test"])]
    assert tested == times(plain_clocks(24).test())


@pytest.mark.parametrize("name", [".", "index.tsv"])
def test_an_index_gives_the_pictures_back(name: str, plain_folder: Path) -> None:
    source, drawn = open_index(plain_folder / name, 24), plain_clocks(24)
    assert times(source.test()) == times(drawn.test())
    assert (source.test().pictures == drawn.test().pictures).all()
    assert source.counts() == drawn.counts() == (576, 0)
    assert set(times(source.batch(1, 0, 576))) == set(times(drawn.batch(1, 0, 576)))


def test_the_kitchen_folder(tmp_path: Path) -> None:
    result = invoke("synth", "clocks", tmp_path, "--style", "kitchen", "--n", 12, "--size", 24)
    assert result.exit_code == 0, result.output
    lines = [line.split("\t") for line in (tmp_path / "index.tsv").read_text().splitlines()]
    assert len(lines) == 12
    with Image.open(tmp_path / lines[0][0]) as picture:
        assert (picture.size, picture.mode) == ((24, 24), "L")
    parts = [
        (tmp_path / f"{part}.tsv").read_text().splitlines() for part in PARTS if (tmp_path / f"{part}.tsv").exists()
    ]
    assert sum(map(len, parts)) == 12


@pytest.mark.parametrize(
    ("arguments", "expected", "reason"),
    [
        (["synth", "clocks", "{out}", "--style", "plain", "--n", 721], "721 pictures asked for", "more than there are"),
        (["synth", "digits", "{out}", "--style", "plain"], "not of digits", "a style of clocks"),
        (["synth", "clocks", "{out}", "--style", "cuckoo"], "'cuckoo' is not one of", "no such style"),
        (
            ["synth", "clocks", "{plain}", "--style", "plain", "--n", 1],
            "holds an index.tsv already",
            "never over others",
        ),
        (["train", "clocks/tiny", "--set", "source=clocks/index", "--out", "{out}"], "--data FILE", "no index named"),
    ],
)
def test_commands_that_cannot_be_done(
    arguments: list[object], expected: str, reason: str, plain_folder: Path, tmp_path: Path
) -> None:
    result = invoke(*(str(a).format(out=tmp_path / "out", plain=plain_folder) for a in arguments))
    assert result.exit_code == 2, reason
    assert expected in " ".join(result.output.split())


def test_a_sheet(tmp_path: Path) -> None:
    result = invoke("synth", "clocks", tmp_path / "sheet.png", "--style", "plain-second", "--sheet", "--n", 6)
    assert result.exit_code == 0, result.output
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.width >= 2 * 57


# ---- bad lines


def write_index(folder: Path, lines: list[str]) -> Path:
    """An index beside the pictures 0.png .. 19.png, 24 px, one of 25 px, and one that is none."""
    folder.mkdir(exist_ok=True)
    for number in range(20):
        Image.new("L", (24, 24), 10 * number).save(folder / f"{number}.png")
    Image.new("L", (25, 24)).save(folder / "wide.png")
    (folder / "broken.png").write_bytes(b"no picture at all")
    (folder / "clocks.tsv").write_text("\n".join(lines) + "\n")
    return folder / "clocks.tsv"


GOOD = [f"{number}.png\t{number % 12}\t{number}" for number in range(20)]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("1.png\t13\t5", "hour '13'; expected 0 to 12"),
        ("1.png\tnoon\t5", "hour 'noon'; expected 0 to 12"),
        ("1.png\t-1\t5", "hour '-1'; expected 0 to 12"),
        ("1.png\t1\t60", "minute '60'; expected 0 to 59"),
        ("1.png\t1\t", "minute ''; expected 0 to 59"),
        ("1.png 1 5", "1 cells; expected file, hour and minute with tabs between"),
        ("\t1\t5", "no file; expected file, hour and minute"),
        ("none.png\t1\t5", "none.png: no such file"),
        ("wide.png\t1\t5", "wide.png: 25 x 24 px; expected 24 x 24"),
        ("broken.png\t1\t5", "broken.png: "),
        ("0.png\t1\t5", "0.png stands in line 1 already"),
        ("./0.png\t1\t5", "./0.png stands in line 1 already"),
    ],
)
def test_a_bad_line_is_named(line: str, expected: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    index = write_index(tmp_path, [GOOD[0], "", line, *GOOD[2:]])
    with pytest.raises(LabelError) as caught:
        open_index(index, 24)
    message = str(caught.value)
    assert "1 line (clocks.tsv:3: " in message
    assert expected in message
    assert "\n" not in message
    assert str(index) in message
    assert "clocks/index-skip-bad" in message
    source = open_index(index, 24, skip_bad=True)
    assert sum(source.counts()) == 19
    told = capsys.readouterr().err
    assert told.startswith("left out: 1 line (clocks.tsv:3: ")
    assert expected in told


def test_bad_lines_are_counted(tmp_path: Path) -> None:
    index = write_index(tmp_path, [*GOOD, *(f"{number}.png\t44\t0" for number in range(15))])
    with pytest.raises(
        LabelError, match=r"15 lines \(clocks.tsv:21: hour '44'.*clocks.tsv:30: .*; and 5 more\)"
    ) as caught:
        open_index(index, 24)
    assert "clocks.tsv:31" not in str(caught.value)


def test_a_mended_index_is_read_anew(tmp_path: Path) -> None:
    index = write_index(tmp_path, [*GOOD[:-1], "19.png\t19\t0"])
    with pytest.raises(LabelError, match="hour '19'"):
        open_index(index, 24)
    index.write_text("\n".join(GOOD))
    assert isinstance(open_index(index, 24), ClockSet)


@pytest.mark.parametrize(
    ("content", "expected", "reason"),
    [
        (None, "can't be read", "no such file"),
        (b"", "no lines; expected one of file, hour, minute", "empty"),
        (b"\xff\xfe\x00", "not UTF-8 text", "no text"),
        (b"a.png\t99\t0\n", "1 line .*can't be used", "nothing left to train on"),
    ],
)
def test_an_index_without_clocks(content: bytes | None, expected: str, reason: str, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "index.tsv").write_bytes(content)
    with pytest.raises(LabelError, match=expected):
        open_index(tmp_path, 24, skip_bad=True)


def test_twelve_is_nought(tmp_path: Path) -> None:
    index = write_index(tmp_path, ["0.png\t12\t5", "1.png\t0\t6", "2.png\t11\t59"])
    assert set(times(open_index(index, 24).batch(1, 0, 16))) <= {5, 6, 719}


def test_an_index_must_be_named() -> None:
    with pytest.raises(SettingError, match="name their index with --data"):
        open_index(None, 24)
    assert issubclass(LabelError, FaceValueError)


def test_training_refuses_bad_lines_or_skips_them(tmp_path: Path) -> None:
    """By the command: exit code 2 and one line; with the option, and no line left, likewise."""
    index = write_index(tmp_path / "pictures", ["0.png\t25\t0"])
    for source in ("clocks/index", "clocks/index-skip-bad"):
        result = invoke("train", "clocks/tiny", "--set", f"source={source}", "--set", "size_px=24", "--data", index,
                        "--out", tmp_path / "run", "--workers", 0)  # fmt: skip
        assert result.exit_code == 2, source
        assert "clocks.tsv:1: hour '25'; expected 0 to 12" in result.output
