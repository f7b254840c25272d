"""The command ``facevalue``: read pictures, and make the readers.

Nothing heavy is imported before the command that needs it runs.
"""

from __future__ import annotations

import contextlib
import csv
import errno
import functools
import io
import json
import os
import re
import shlex
import stat
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from facevalue import __version__
from facevalue.cli_instruments import instrument
from facevalue.cli_truth import describe_truth, judge, parse_truth
from facevalue.errors import FaceValueError, MissingExtraError, PictureError, SettingError, StoppedError
from facevalue.texts import plain, printable

if TYPE_CHECKING:
    from facevalue.camera import Crop
    from facevalue.codecs.dial import Scale
    from facevalue.page import Page
    from facevalue.reading import Reading
    from facevalue.sources.datasets import Split
    from facevalue.studies import Budget


class Refusal(click.ClickException):
    """An error that is the caller's to mend: one line on stderr, exit code 2."""

    exit_code = 2


TYPED = "facevalue.typed"
FULL = (errno.ENOSPC, errno.EDQUOT)


@contextlib.contextmanager
def told_how_to_go_on() -> Iterator[None]:
    """Add to a StoppedError the command line that was given, with --resume."""
    try:
        yield
    except StoppedError as error:
        typed = click.get_current_context().meta[TYPED]
        command = shlex.join(["facevalue", *typed, *([] if "--resume" in typed else ["--resume"])])
        raise StoppedError(f"{error}; go on with: {command}") from error


class Number(click.FloatRange):
    """A number within limits, which ``nan`` would pass."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        number = super().convert(value, param, ctx)
        if number != number:
            self.fail(f"{value!r} is no number", param, ctx)
        return number


@contextlib.contextmanager
def output_may_be_full() -> Iterator[None]:
    """Refusal when what is printed finds no room, as on a full disk."""
    try:
        yield
    except OSError as error:
        if error.errno not in FULL or error.filename is not None:
            raise
        with contextlib.suppress(OSError, ValueError):  # or what is left to write would fail again at the end
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise Refusal(f"can't write the output: {error.strerror}") from error


class Commands(click.Group):
    """A group whose commands may raise FaceValueError, or lack a package of the laboratory, without a traceback."""

    def make_context(self, info_name: str | None, args: list[str], *others: Any, **extra: Any) -> click.Context:
        """The context, with what was typed, see ``told_how_to_go_on``."""
        typed = list(args)
        with output_may_be_full():  # of --help and --version, which end here
            ctx = super().make_context(info_name, args, *others, **extra)
        ctx.meta[TYPED] = typed
        return ctx

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; its known errors become one line and exit code 2, its being asked to end 130."""
        try:
            with output_may_be_full():
                return super().invoke(ctx)
        except StoppedError as error:
            click.echo(str(error), err=True)
            raise click.exceptions.Exit(130) from error  # as of shells: 128 and the number of Ctrl-C
        except KeyboardInterrupt as error:
            click.echo("stopped", err=True)
            raise click.exceptions.Exit(130) from error
        except FaceValueError as error:
            raise Refusal(str(error)) from error
        except ModuleNotFoundError as error:
            if error.name is None or error.name.partition(".")[0] == "facevalue":
                raise
            raise Refusal(f"{error.name} is not installed: pip install 'facevalue[train]'") from error


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="facevalue")
def main() -> None:
    """Read clocks, dials and digits from pictures, offline, and say when it is not sure."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a file's name or a sign must not stop what else is told


main.add_command(instrument)


# ---- read ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture to read: the name it is reported under, and what to read, or why there is nothing to read."""

    name: str
    source: str | Path | bytes | PictureError
    overlay: Path  # where its overlay goes, below the folder for overlays


def check_page(kind: str, as_json: bool, top: int | None, has_truth: bool) -> None:
    """Raise Refusal for options of the running read that do not go with --page."""
    if kind != "digits":
        raise Refusal(f"--page finds the digits of a sheet; it needs --kind digits, not {kind}")
    if has_truth:
        raise Refusal("--truth takes one value; it can't be used with --page, which reads many")
    for name in ("digits", "decimals"):
        if click.get_current_context().params[name] is not None:
            raise Refusal(f"--{name} is of one number; it can't be used with --page, which reads many")
    if top is not None and not as_json:
        raise Refusal("--top shows other values of one reading; with --page they are shown by --json alone")


def check_table(page: bool, as_json: bool, top: int | None, has_truth: bool) -> None:
    """Raise Refusal for options of read that do not go with --csv."""
    for is_given, option in ((as_json, "--json"), (page, "--page"), (top is not None, "--top"), (has_truth, "--truth")):
        if is_given:
            raise Refusal(f"--csv is a table with a row for each picture; {option} does not go with it")


instrument_option = click.option(
    "--instrument",
    "instrument_file",
    metavar="TOML",
    type=click.Path(path_type=Path),
    help="Read a whole meter, as this file describes it.",
)


def check_instrument(*parameters: str) -> None:
    """Raise UsageError for options of the running command that do not go with --instrument, whose file says all that.

    parameters: their names, beside those that no command has with it.
    """
    context = click.get_current_context()
    if context.params.get("instrument_file") is None:
        return
    for option in context.command.params:
        is_given = context.get_parameter_source(option.name or "") is click.core.ParameterSource.COMMANDLINE
        if is_given and option.name in ("kind", "span", "sweep", "direction", *parameters):
            raise click.UsageError(f"--instrument says what is read; {option.opts[0]} does not go with it")


def scale_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of a dial's scale; it takes them as ``scale``, None where none was given."""

    @functools.wraps(command)
    def with_scale(*args: Any, span: str | None, sweep: str | None, direction: str | None, **kwargs: Any) -> None:
        from facevalue.codecs.dial import Scale

        try:
            scale = Scale.from_text(span, sweep, direction)
        except SettingError as error:
            raise click.UsageError(str(error)) from error
        command(*args, scale=scale, **kwargs)

    for option in (
        click.option(
            "--direction", type=click.Choice(["clockwise", "counterclockwise"]), help="Of a dial: how its values rise."
        ),
        click.option(
            "--sweep",
            metavar="START:END",
            help="Of a dial: directions of its scale's two ends, clockwise degrees from up; 0:360 is a full turn from "
            "up.  [default: where they are seen]",
        ),
        click.option("--range", "span", metavar="LOW:HIGH", help="Of a dial: values at its ends.  [default: 0:10]"),
    ):
        with_scale = option(with_scale)
    return with_scale


def check_crop(ctx: click.Context, parameter: click.Parameter, text: str | None) -> Crop | None:
    """The part of the picture that is read."""
    if text is None:
        return None
    from facevalue.camera import parse_crop

    try:
        return parse_crop(text)
    except ValueError as error:
        raise click.BadParameter(str(error), ctx, parameter) from error


def kind_option(otherwise: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command the option --kind; without it, it takes the kind of the weight that --model names, or this one."""

    def with_kind(command: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(command)
        def with_known_kind(*args: Any, kind: str | None, model: str | None, **kwargs: Any) -> None:
            if kind is None:
                from facevalue.reader import kind_of_model

                kind = kind_of_model(model, otherwise)
            command(*args, kind=kind, model=model, **kwargs)

        option = click.option(
            "--kind",
            type=click.Choice(["clock", "dial", "digits"]),
            help=f"What the pictures show.  [default: what --model reads, or {otherwise}]",
        )
        return option(with_known_kind)

    return with_kind


crop_option = click.option(
    "--crop", metavar="X,Y,W,H", callback=check_crop, help="Read this part of the picture, in pixels."
)
digits_option = click.option(
    "--digits", metavar="N", type=click.IntRange(1, 8), help="Of digits: so many there are; other readings are marked."
)
decimals_option = click.option(
    "--decimals", metavar="N", type=click.IntRange(0, 8), help="Of digits: so many stand after the decimal point."
)


def check_row(kind: str, digits: int | None, decimals: int | None) -> None:
    """Raise UsageError for digits and decimals of what are no digits, and for decimals that leave none before them."""
    for name, number in (("digits", digits), ("decimals", decimals)):
        if number is not None and kind != "digits":
            raise click.UsageError(f"--{name} is of digits, not of a {kind}; give --kind digits")
    if digits is not None and decimals is not None and decimals >= digits:
        raise click.UsageError(f"--decimals {decimals} of {digits} digits leave none before the point")


COLUMNS = ("file", "value", "number", "unit", "confidence", "uncertain", "model", "milliseconds", "error")


@dataclass(frozen=True, slots=True)
class Printer:
    """How readings are printed: a line or a JSON object for each, or a table.

    top: how many values are named; None for as many as is usual.  truth: the true value, to compare with.
    """

    form: Literal["lines", "json", "csv"]
    top: int | None = None
    truth: int | float | str | None = None

    def begin(self) -> None:
        """The table's head."""
        if self.form == "csv":
            self._print_row(dict(zip(COLUMNS, COLUMNS, strict=True)))

    def reading(self, name: str, reading: Reading) -> None:
        if self.form == "lines":
            click.echo(reading.line(printable(name), top=self.top))
            if self.truth is not None:
                click.echo("\n".join(judge(reading, self.truth, self.top or 3)))
            return
        record = reading.to_dict(plain(name), top=self.top or 3)
        if self.form == "csv":
            self._print_row(record)
            return
        if self.truth is not None:
            record |= describe_truth(reading, self.truth)
        click.echo(json.dumps(record))

    def page(self, name: str, page: Page) -> None:
        if self.form == "json":
            click.echo(json.dumps(page.to_dict(plain(name), top=self.top or 3)))
        else:
            click.echo("\n".join(page.lines(printable(name))))

    def problem(self, name: str, problem: str) -> None:
        """Why a picture could not be read."""
        if self.form == "lines":
            click.echo(f"{printable(name)}: {printable(problem)}", err=True)
            return
        record = {"file": plain(name), "error": plain(problem)}
        if self.form == "csv":
            self._print_row(record)
        else:
            click.echo(json.dumps(record))

    def _print_row(self, record: Mapping[str, Any]) -> None:
        row = io.StringIO()
        csv.DictWriter(row, COLUMNS, extrasaction="ignore", lineterminator="\n").writerow(record)
        click.echo(row.getvalue(), nl=False)


@main.command()
@click.argument("paths", metavar="PATH...", nargs=-1, required=True)
@kind_option("clock")
@instrument_option
@crop_option
@digits_option
@decimals_option
@click.option("--page", is_flag=True, help="Find and read all digits of a sheet, with --kind digits.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
@click.option("--csv", "as_csv", is_flag=True, help="Print a table.")
@click.option("--top", metavar="K", type=click.IntRange(1, 10), help="Show the K likeliest values, at most 10.")
@click.option("--truth", "truth_text", metavar="VALUE", help="The true value (5:59, 0042.7): star it, tell the error.")
@click.option(
    "--overlay",
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    help="Write the pictures there, with the reading and the hands drawn on them.",
)
@click.option("--model", metavar="FILE", help="Read with this weight file.")
@scale_options
def read(
    paths: tuple[str, ...],
    kind: str,
    instrument_file: Path | None,
    crop: Crop | None,
    digits: int | None,
    decimals: int | None,
    page: bool,
    as_json: bool,
    as_csv: bool,
    top: int | None,
    truth_text: str | None,
    overlay: Path | None,
    model: str | None,
    scale: Scale | None,
) -> None:
    """Read pictures: files, folders (with all below them but links to folders), or - for one on standard input.

    Prints a line for each: name, value, confidence. A ? marks a reading that is not to be trusted. With --page, a line
    for each row of a sheet of separate digits.
    Exit code 0: all read; 1: at least one could not be; 2: wrong usage.
    """
    check_instrument("crop", "digits", "decimals", "page", "truth_text")
    check_row(kind, digits, decimals)
    if page:
        check_page(kind, as_json, top, truth_text is not None)
    if as_csv:
        check_table(page, as_json, top, truth_text is not None)
    truth = None if truth_text is None else parse_truth(kind, truth_text, scale)
    printer = Printer("json" if as_json else "csv" if as_csv else "lines", top, truth)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what Pillow thinks of odd files
        from facevalue.images import Source, open_picture
        from facevalue.page import Page, read_page
        from facevalue.reader import open_reader, read_each

        reader = open_reader(kind, model, scale, instrument_file, digits=digits, decimals=decimals)
        if instrument_file is None and model is not None and not reader.weight.is_calibrated:
            click.echo(f"{model} is not calibrated: see facevalue calibrate; percentages promise nothing", err=True)
        pictures = list(find_pictures(paths))
        overlays = place_overlays(pictures, overlay) if overlay is not None else {}
        readable = [picture.source for picture in pictures if not isinstance(picture.source, PictureError)]

        def read_one(source: Source) -> Reading | Page:
            if crop is not None:
                source = crop.cut(open_picture(source))
            return read_page(reader, source) if page else reader.read(source)

        results = read_each(read_one, readable, on_error="return", workers=1 if page else None)
        failed = False
        taken_for_granted = scale is None
        printer.begin()
        for index, picture in enumerate(pictures):
            result = picture.source if isinstance(picture.source, PictureError) else next(results)
            if overlay is not None and not isinstance(result, FaceValueError):
                try:
                    write_overlay(overlays[index], picture, result, crop)
                except FaceValueError as error:  # it was read all the same
                    failed = True
                    click.echo(printable(str(error)), err=True)
            if isinstance(result, FaceValueError):
                failed = True
                printer.problem(picture.name, result.problem if isinstance(result, PictureError) else str(result))
            elif isinstance(result, Page):
                printer.page(picture.name, result)
            else:
                printer.reading(picture.name, result)
                if taken_for_granted and result.kind == "dial" and result.scale and not result.scale.full:
                    taken_for_granted = False
                    click.echo("taken for a scale of 0 to 10; --range LOW:HIGH says what its ends are", err=True)
    if failed:
        raise click.exceptions.Exit(1)


def find_pictures(paths: Iterable[str]) -> Iterator[Picture]:
    """The pictures that the arguments name, folders opened, in the order given."""
    from facevalue.images import list_pictures

    for path in paths:
        if path == "-":
            yield Picture(path, sys.stdin.buffer.read() if sys.stdin else b"", Path("stdin.jpg"))
        elif not os.path.isdir(path):
            yield Picture(path, read_once(path), Path(os.path.basename(os.path.normpath(path))))
        else:
            try:
                found = list_pictures(path)
            except PictureError as error:
                yield Picture(path, error, Path())
            else:
                yield from (Picture(str(file), file, file.relative_to(path)) for file in found)


def read_once(path: str) -> str | bytes:
    """The path, and of a pipe, which can't be opened again to draw on, what comes out of it."""
    with contextlib.suppress(OSError, ValueError):  # which opening it will say
        return Path(path).read_bytes() if stat.S_ISFIFO(os.stat(path).st_mode) else path
    return path


def place_overlays(pictures: list[Picture], folder: Path) -> dict[int, Path]:
    """A file of its own for each picture's overlay; only overlays are ever written over."""
    from facevalue.files import is_of_others

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise click.UsageError(f"--overlay {folder} can't be made: {error.strerror}") from error
    read_from = {os.path.realpath(picture.name) for picture in pictures if picture.name != "-"}
    places: dict[int, Path] = {}
    taken: set[Path] = set()
    for index, picture in enumerate(pictures):
        if isinstance(picture.source, PictureError):
            continue
        wanted = folder / picture.overlay
        if wanted.suffix.lower() not in (".jpg", ".jpeg", ".png"):
            wanted = wanted.with_name(wanted.name + ".jpg")
        place, number = wanted, 1
        while place in taken:
            number += 1
            place = wanted.with_stem(f"{wanted.stem}-{number}")
        if os.path.realpath(place) in read_from:
            raise click.UsageError(f"--overlay {folder} would write over {place}, which is read; name another folder")
        if is_of_others(place):
            raise click.UsageError(
                f"--overlay {folder} would write over {place}, which facevalue did not draw; name another folder"
            )
        taken.add(place)
        places[index] = place
    return places


def write_overlay(place: Path, picture: Picture, reading: Reading | Page, crop: Crop | None) -> None:
    """Draw the reading on its picture and write that, whole or not at all. Raises FaceValueError."""
    from facevalue.files import write_picture
    from facevalue.images import open_picture
    from facevalue.page import Page, draw_page
    from facevalue.reading import draw_overlay

    assert not isinstance(picture.source, PictureError)
    rgb = open_picture(picture.source)
    rgb = rgb if crop is None else crop.cut(rgb)
    drawn = draw_page(rgb, reading) if isinstance(reading, Page) else draw_overlay(rgb, reading)
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        write_picture(place, drawn)
    except OSError as error:
        raise PictureError(f"can't write the overlay {place}: {error.strerror or error}", picture.name) from error


# ---- camera ----------------------------------------------------------------------------------------------------------


@main.command()
@click.argument("source", required=False)
@kind_option("clock")
@instrument_option
@click.option("--device", metavar="N", type=click.IntRange(min=0), help="Number of the camera.  [default: 0]")
@click.option(
    "--every",
    "every_seconds",
    metavar="SECONDS",
    default=1.0,
    show_default=True,
    type=Number(min=0, max=86_400),
    help="Time between readings, of a video in its own time; 0: every frame that can be had.",
)
@crop_option
@digits_option
@decimals_option
@click.option("--all", "all_readings", is_flag=True, help="Print each reading, not only those with a new value.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
@click.option(
    "--overlay",
    metavar="PATH",
    type=click.Path(path_type=Path),
    help="Keep the latest picture there, with its reading drawn on it: a .jpg or .png file, or camera.jpg in a folder.",
)
@click.option("--show", is_flag=True, help="Show it in a window; q ends.")
@click.option("--count", metavar="N", type=click.IntRange(min=1), help="End after N readings.")
@click.option("--model", metavar="FILE", help="Read with this weight file.")
@scale_options
def camera(
    source: str | None,
    kind: str,
    instrument_file: Path | None,
    device: int | None,
    every_seconds: float,
    crop: Crop | None,
    digits: int | None,
    decimals: int | None,
    all_readings: bool,
    as_json: bool,
    overlay: Path | None,
    show: bool,
    count: int | None,
    model: str | None,
    scale: Scale | None,
) -> None:
    """Read live from a camera. SOURCE: a webcam's number, the address of a stream or snapshots, a device or a video.

    Prints a line for each new value: the time (of a video: minutes and seconds into it), value, confidence.
    Exit code 0: the video's end, the count, Ctrl-C; 1: the camera failed; 2: wrong usage.
    """
    from facevalue.camera import camera_command, camera_number, name_source

    if source is not None and device is not None:
        raise click.UsageError(f"--device {device} and {name_source(source)!r} are two cameras; give one")
    check_instrument("crop", "digits", "decimals")
    check_row(kind, digits, decimals)
    chosen: int | str = device or 0
    if source is not None:
        number = camera_number(source)
        chosen = source if number is None else number
    try:
        camera_command(
            chosen,
            kind=kind,
            instrument=instrument_file,
            model=model,
            scale=scale,
            every_seconds=every_seconds,
            crop=crop,
            digits=digits,
            decimals=decimals,
            as_json=as_json,
            all_readings=all_readings,
            overlay=overlay,
            show=show,
            count=count,
        )
    except PictureError as error:
        click.echo(printable(str(error)), err=True)
        raise click.exceptions.Exit(1) from error


# ---- watch -----------------------------------------------------------------------------------------------------------


def check_time(ctx: click.Context, parameter: click.Parameter, text: str | None) -> datetime | None:
    """A time in UTC: so long ago, or a date of this place."""
    if text is None:
        return None
    from facevalue.watching.history import parse_since

    try:
        return parse_since(text, datetime.now(UTC))
    except ValueError as error:
        raise click.BadParameter(str(error), ctx, parameter) from error


db_option = click.option(
    "--db",
    "db_url",
    metavar="URL",
    envvar="FACEVALUE_DB",
    default="readings.db",
    show_default=True,
    help="The database: an SQLite file, or postgresql://USER@HOST/NAME.  [env: FACEVALUE_DB]",
)


@main.command()
@click.argument("source", envvar="FACEVALUE_SOURCE")
@kind_option("digits")
@instrument_option
@click.option(
    "--every",
    "every_seconds",
    metavar="SECONDS",
    default=60.0,
    show_default=True,
    type=Number(min=0.05, max=86_400),
    help="Time between readings, or between looks into a folder; of a video in its own time.",
)
@crop_option
@click.option("--model", metavar="FILE", help="Read with this weight file.")
@db_option
@click.option("--name", metavar="NAME", help="What the database calls the source.  [default: its path or address]")
@click.option("--max-per-hour", metavar="R", type=Number(min=0), help="The value changes no faster.")
@click.option("--may-fall", is_flag=True, help="The value may fall: a thermometer, not a counter.")
@decimals_option
@digits_option
@click.option("--keep-pictures", metavar="DIR|db", help="Keep what was read: in this folder, or in the database.")
@click.option("--begins", metavar="TIME", callback=check_time, help="When a video begins.  [default: its file's time]")
@click.option(
    "--spool",
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    help="Readings wait there while the database is away.  [default: $STATE_DIRECTORY or ~/.local/state/facevalue]",
)
@click.option("--once", is_flag=True, help="Read what there is now, then end.")
@click.option(
    "--mqtt", metavar="URL", envvar="FACEVALUE_MQTT", help="Broker: mqtt[s]://USER@HOST.  [env: FACEVALUE_MQTT]"
)
@click.option(
    "--mqtt-password-file",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Holds the password of the broker's user.",
)
@click.option(
    "--mqtt-ca", metavar="FILE", type=click.Path(dir_okay=False, path_type=Path), help="Authority of its certificate."
)
@click.option("--mqtt-topic", metavar="TOPIC", default="facevalue/meter", show_default=True)
@click.option("--mqtt-name", metavar="NAME", default="Meter", show_default=True, help="In Home Assistant.")
@click.option("--mqtt-unit", metavar="UNIT", help="Such as m³ or kWh.  [default: that of an instrument's file]")
@click.option("--mqtt-device-class", metavar="CLASS", help="Of Home Assistant: water, gas, energy.")
@click.option(
    "--mqtt-state-class",
    metavar="CLASS",
    help="[default: of digits total_increasing, with --may-fall measurement; of dials measurement; of clocks none]",
)
@click.option("--mqtt-discovery", metavar="PREFIX", default="homeassistant", show_default=True, help="'' for none.")
@scale_options
def watch(
    source: str,
    kind: str,
    instrument_file: Path | None,
    every_seconds: float,
    crop: Crop | None,
    model: str | None,
    db_url: str,
    name: str | None,
    max_per_hour: float | None,
    may_fall: bool,
    decimals: int | None,
    digits: int | None,
    keep_pictures: str | None,
    begins: datetime | None,
    spool: Path | None,
    once: bool,
    mqtt: str | None,
    mqtt_password_file: Path | None,
    mqtt_ca: Path | None,
    mqtt_topic: str,
    mqtt_name: str,
    mqtt_unit: str | None,
    mqtt_device_class: str | None,
    mqtt_state_class: str | None,
    mqtt_discovery: str,
    scale: Scale | None,
) -> None:
    """Read SOURCE again and again into a database, and tell Home Assistant.

    SOURCE is a camera's number, a folder that grows, a picture that is overwritten, a video, or the http(s) or RTSP
    address of a camera; without one $FACEVALUE_SOURCE. Prints a line for each reading; one that can't be is stored as
    such and changes nothing.
    Exit code 0: ended as asked; 1: a reading could not be kept, or with --once the source is away; 2: wrong usage.
    """
    from facevalue.instruments.schema import load_instrument
    from facevalue.watch import Telling, watch_command
    from facevalue.watching.plausibility import Limits
    from facevalue.watching.store import StoreGone

    check_instrument("crop", "decimals", "digits")
    instrument = None if instrument_file is None else load_instrument(instrument_file)
    check_row(kind, digits, decimals)
    if once and mqtt is not None:
        raise click.UsageError("--once ends at once, and --mqtt tells that the watcher runs; give one of them")
    counts, unit = (kind == "digits", "") if instrument is None else (instrument.counts, instrument.unit)
    telling = None
    if mqtt is not None:
        telling = Telling(
            address=mqtt,
            topic=mqtt_topic,
            name=mqtt_name,
            unit=mqtt_unit or unit or None,
            device_class=mqtt_device_class,
            state_class=mqtt_state_class,
            discovery=mqtt_discovery,
            password_file=mqtt_password_file,
            ca_file=mqtt_ca,
        )
    try:
        all_kept = watch_command(
            source,
            kind=kind,
            instrument=instrument,
            model=model,
            scale=scale,
            every_seconds=every_seconds,
            crop=crop,
            db_url=db_url,
            name=name,
            begins=begins,
            limits=Limits(counts and not may_fall, max_per_hour, digits),
            decimals=decimals,
            keep_pictures=keep_pictures,
            spool_folder=spool,
            telling=telling,
            once=once,
        )
    except (PictureError, StoreGone) as error:
        click.echo(printable(str(error)), err=True)
        raise click.exceptions.Exit(1) from error
    if not all_kept:
        raise click.exceptions.Exit(1)


@main.command()
@db_option
@click.option("--since", metavar="TIME", callback=check_time, help="2h, 7d, 2026-11-01 or 2026-11-01T12:00.")
@click.option("--source", metavar="NAME", help="Of this source alone.")
@click.option(
    "--csv", "csv_file", metavar="FILE", type=click.Path(dir_okay=False, path_type=Path), help="Write a table."
)
@click.option(
    "--plot", metavar="FILE", type=click.Path(dir_okay=False, path_type=Path), help="Draw it: .png, .svg, .pdf."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
@click.option(
    "--correct",
    metavar="VALUE",
    help="Store what the counter shows now, after a change of the meter or a wrong reading that was believed.",
)
def log(
    db_url: str,
    since: datetime | None,
    source: str | None,
    csv_file: Path | None,
    plot: Path | None,
    as_json: bool,
    correct: str | None,
) -> None:
    """Show the readings that facevalue watch has stored: time, value, confidence, and why one was not believed."""
    from facevalue.watching.history import log_command

    log_command(db_url, since=since, source=source, csv_file=csv_file, plot=plot, as_json=as_json, correct=correct)


# ---- serve -----------------------------------------------------------------------------------------------------------


def check_origins(ctx: click.Context, parameter: click.Parameter, origins: tuple[str, ...]) -> tuple[str, ...]:
    """Origins as browsers send them; one with a slash at its end would never be met."""
    for origin in origins:
        if origin != "*" and re.fullmatch(r"[a-z][a-z0-9+.-]*://[^/?#@\s]+", origin) is None:
            raise click.BadParameter(
                f"{origin!r} is no origin; expected https://example.org, without a path", ctx, parameter
            )
    return origins


@main.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen at; 0.0.0.0: all.")
@click.option("--port", default=8000, show_default=True, type=click.IntRange(0, 65535), help="0: any that is free.")
@click.option("--workers", default=1, show_default=True, type=click.IntRange(1, 64), help="Processes.")
@click.option("--threads", type=click.IntRange(1, 64), help="Pictures read at once.  [default: one a core]")
@click.option("--model", "models", metavar="FILE", multiple=True, help="Read its kind with this weight file.")
@click.option("--token-file", metavar="FILE", type=click.Path(path_type=Path), help="Ask for its token.")
@click.option(
    "--cors",
    metavar="ORIGIN",
    multiple=True,
    callback=check_origins,
    help="Let this site's pages ask, such as https://example.org.",
)
@click.option("--max-body", default=20.0, show_default=True, type=Number(0.01, 1000), help="Megabytes.")
@click.option("--max-pixels", default=50.0, show_default=True, type=Number(0.01, 120), help="Million.")
@click.option("--max-files", default=16, show_default=True, type=click.IntRange(1, 1000), help="Of one request.")
@click.option("--queue", default=64, show_default=True, type=click.IntRange(1, 10_000), help="Requests at once.")
@click.option("--timeout", default=20.0, show_default=True, type=Number(0.1, 600), help="Seconds to read.")
@click.option(
    "--web-runtime",
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    help="The folder dist of onnxruntime-web, for reading in the browser.  [default: as fetched]",
)
@click.option("--fetch-web", is_flag=True, help="Fetch onnxruntime-web with npm, once, and end.")
@click.option("--log-db", metavar="URL", default="", help="Show the history that facevalue watch keeps there.")
def serve(
    host: str,
    port: int,
    workers: int,
    threads: int | None,
    models: tuple[str, ...],
    token_file: Path | None,
    cors: tuple[str, ...],
    max_body: float,
    max_pixels: float,
    max_files: int,
    queue: int,
    timeout: float,
    web_runtime: Path | None,
    fetch_web: bool,
    log_db: str,
) -> None:
    """Serve readings over HTTP, and a web page that reads from pictures, camera and pen.

    Ends at SIGTERM or Ctrl-C, after what has been taken in is answered.
    """
    from facevalue.service.runtime import fetch_runtime, find_runtime

    if fetch_web:
        click.echo(f"onnxruntime-web is in {fetch_runtime()}", err=True)
        return
    try:
        from facevalue.service.limits import Limits, Settings
        from facevalue.service.running import read_token, serve_command
    except ModuleNotFoundError as error:
        raise MissingExtraError(f"{error.name} is not installed: pip install 'facevalue[serve]'") from error
    limits = Limits(
        body_bytes=round(max_body * 1e6), pixels=round(max_pixels * 1e6), files=max_files, queue=queue, seconds=timeout
    )
    settings = Settings(
        models=models,
        threads=threads or max(1, (os.cpu_count() or 1) // workers),
        token="" if token_file is None else read_token(token_file),
        cors=cors,
        web_runtime=find_runtime(web_runtime),
        log_db=log_db,
        limits=limits,
    )
    serve_command(settings, host, port, workers)


# ---- the laboratory --------------------------------------------------------------------------------------------------


def check_settings(ctx: click.Context, parameter: click.Parameter, pairs: tuple[str, ...]) -> dict[str, str]:
    """``name=value`` pairs as a dictionary; the recipe checks names and values."""
    settings = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not (name.strip() and equals):
            raise click.BadParameter(f"{pair!r}: expected name=value, such as steps=2000", ctx, parameter)
        settings[name.strip()] = value.strip()
    return settings


data_option = click.option(
    "--data",
    metavar="DIR",
    type=click.Path(exists=True, path_type=Path),
    help="Folder of the data sets that it needs, or an index of pictures.  [default: $FACEVALUE_DATA, or fetched]",
)


@main.command()
@click.argument("source", type=click.Choice(["clocks", "dials", "digits"]))
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--n", type=click.IntRange(min=1), help="How many pictures.  [default: 64; of plain and kitchen all]")
@click.option(
    "--style",
    type=click.Choice(["wild", "plain", "plain-second", "kitchen"]),
    help="Which clocks: of every kind, or of one of the fixed sets, written with their index and split.  "
    "[default: wild]",
)
@click.option("--seed", default=1, show_default=True, type=click.IntRange(min=0), help="Same seed, same pictures.")
@click.option("--sheet", is_flag=True, help="Write one contact sheet, OUT, instead of a folder of pictures.")
@click.option("--size", "size_px", type=click.IntRange(24, 1024), help="Height in pixels.  [default: that of its kind]")
@data_option
def synth(
    source: str,
    out: Path,
    n: int | None,
    style: str | None,
    seed: int,
    sheet: bool,
    size_px: int | None,
    data: Path | None,
) -> None:
    """Draw training pictures into the folder OUT, with an index of their labels.

    Labels of dials are in percent of their scale, 0 at its low end and 100 at its high one. With the seed of a training
    some are the very pictures that it learns from: to measure, take another.
    """
    if source != "clocks" and style is not None:
        raise click.UsageError(f"--style {style} is a style of clocks, not of {source}")
    if source == "dials":
        from facevalue.sources import dials

        dials.write_pictures(out, n or 64, seed, sheet, size_px or 96)
    elif source == "digits":
        from facevalue.sources import digits

        digits.write_pictures(out, n or 64, seed, sheet, size_px or 32, data)
    elif style in (None, "wild"):
        from facevalue.sources import clocks

        clocks.write_pictures(out, n or 64, seed, sheet, size_px or 96)
    else:
        from facevalue.sources import clock_sets

        clock_sets.write_set(out, style, n, seed, sheet, size_px)


@main.command()
@click.argument("recipe", required=False)
@click.option(
    "--set", "settings", metavar="NAME=VALUE", multiple=True, callback=check_settings, help="Change a recipe's setting."
)
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="Folder of the run.  [default: by name]")
@click.option("--resume", is_flag=True, help="Go on from the last checkpoint, bit for bit.")
@click.option("--workers", type=click.IntRange(min=0), help="Processes that draw ahead.  [default: cores less one]")
@click.option("--compile", "compiled", is_flag=True, help="Compile the network first: a minute, then a quarter faster.")
@click.option(
    "--data",
    metavar="DIR|CSV",
    type=click.Path(exists=True, path_type=Path),
    help="Folder of the data sets that it needs, or an index of pictures.  [default: $FACEVALUE_DATA, or fetched]  "
    "Without RECIPE: a CSV file with the columns file and label.",
)
@click.option(
    "--from",
    "start_from",
    metavar="RUN|WEIGHT",
    type=click.Path(),  # as text, in which ./clock-1 is no shipped weight
    help="A finished run of the recipe's parent to go on from, or a weight exported from one, shipped ones by name.  "
    "Without RECIPE: clock, dial, digits, a weight, or an exported run.",
)
@scale_options
def train(
    recipe: str | None,
    settings: dict[str, str],
    out: Path | None,
    resume: bool,
    workers: int | None,
    compiled: bool,
    data: Path | None,
    start_from: str | None,
    scale: Scale | None,
) -> None:
    """Train the network of RECIPE, such as clocks/wild; list shows all of them.

    Without RECIPE, with --from clock --data labels.csv: teach a reader your own instrument, by a few dozen labelled
    pictures, some of which are held back to say whether it got better. The scale of a dial is then taken to be a full
    turn from up, where no --sweep is given.
    """
    if recipe is None:
        if start_from is None:
            raise click.UsageError(
                "Missing argument 'RECIPE': name one, or teach a reader your own instrument with "
                "--from clock --data labels.csv"
            )
        if data is None or data.is_dir():
            raise click.UsageError("--from without RECIPE needs --data: a CSV file with the columns file and label")
        from facevalue.tuning import tune

        with told_how_to_go_on():
            tuned = tune(
                start_from,
                data,
                scale=scale,
                settings=settings,
                out=out,
                resume=resume,
                workers=workers,
                compiled=compiled,
            )
        click.echo("\n".join(tuned.lines))
        return
    if scale is not None:
        raise click.UsageError("--range, --sweep and --direction are of your own dial: leave RECIPE out")
    if recipe == "list":
        click.echo("\n".join(recipe_lines()))
        return
    from facevalue import training
    from facevalue.calibration import FEATURES_OF
    from facevalue.recipes import find_recipe

    with told_how_to_go_on():
        run_dir = training.run(recipe, settings, out, resume, workers, compiled, data, start_from)
    folder = shlex.quote(str(run_dir))
    if find_recipe(recipe).kind in FEATURES_OF:
        click.echo(f"trained; turn it into a weight file with: facevalue export {folder}", err=True)
    else:
        click.echo(f"trained; see how with: tensorboard --logdir {folder}", err=True)


def recipe_lines() -> list[str]:
    """A line for each recipe, and a header."""
    from facevalue.recipes import recipes

    header = ("recipe", "source", "codec", "network", "pixels", "steps")
    rows = [
        (one.name, one.source, one.codec, one.network, f"{one.frame_px[0]}x{one.size_px}", f"{one.steps:,}")
        for one in recipes().values()
    ]
    wide = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    return ["  ".join(map(str.ljust, row, wide)).rstrip() for row in (header, *rows)]


def check_picks(ctx: click.Context, parameter: click.Parameter, pairs: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """``COLUMN=VALUE`` pairs; the value may be empty, and hold more equals signs."""
    picks = []
    for pair in pairs:
        column, equals, value = pair.partition("=")
        if not (column.strip() and equals):
            raise click.BadParameter(f"{pair!r}: expected COLUMN=VALUE, such as meter=cellar", ctx, parameter)
        picks.append((column.strip(), value.strip()))
    return tuple(picks)


only_option = click.option(
    "--only", metavar="COLUMN=VALUE", multiple=True, callback=check_picks, help="Take the rows with this value alone."
)
without_option = click.option(
    "--without", metavar="COLUMN=VALUE", multiple=True, callback=check_picks, help="Leave out the rows with this value."
)


def check_watching(given: Sequence[str]) -> None:
    """Raise UsageError where what was given to evaluate, names in order, does not go together."""
    alone = [name for name in given if name in ("--every", "--count")]
    foreign = [name for name in given if name in ("MODEL", "--out", "--json", "--only", "--without", "--range")]
    if "--watch" in given:
        if foreign:
            raise click.UsageError(f"--watch measures the checkpoints of trainings; {foreign[0]} does not go with it")
    elif alone:
        raise click.UsageError(f"{alone[0]} goes with --watch alone")
    elif "MODEL" not in given:
        raise click.UsageError("Missing argument 'MODEL': name a weight file, or follow trainings with --watch RUNS")
    elif "--data" not in given:
        raise click.UsageError("Missing option '--data': name a CSV file of labelled pictures")


@main.command()
@click.argument("model", required=False)
@click.option(
    "--data",
    metavar="CSV",
    type=click.Path(exists=True, path_type=Path),
    help="Labelled pictures: a CSV file with the columns file and label. With --watch: what train has as --data.",
)
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for scores, plots and sheets.  [default: evaluation-MODEL-DATA here]",
)
@click.option("--json", "as_json", is_flag=True, help="Print the scores as JSON.")
@only_option
@without_option
@click.option(
    "--watch",
    "runs",
    metavar="RUNS",
    type=click.Path(file_okay=False, path_type=Path),
    help="Instead: follow the trainings in this folder, the newest checkpoint of the newest run again and again.",
)
@click.option(
    "--every",
    "every_seconds",
    metavar="SECONDS",
    type=Number(min=0.1, max=86_400),
    help="Time between looks, with --watch.  [default: 30]",
)
@click.option("--count", metavar="N", type=click.IntRange(min=1), help="End after so many measurements, with --watch.")
@scale_options
def evaluate(
    model: str | None,
    data: Path | None,
    out: Path | None,
    as_json: bool,
    only: tuple[tuple[str, str], ...],
    without: tuple[tuple[str, str], ...],
    runs: Path | None,
    every_seconds: float | None,
    count: int | None,
    scale: Scale | None,
) -> None:
    """Measure the weight file MODEL on labelled pictures, or trainings while they run, with --watch.

    The label of a clock is H:MM; of digits 0042, 630.2, or NaN where none can be told; d.d, such as 3.7, is the place
    of a single rolling digit on its drum; of a dial a number, or NaN without one.
    """
    names = ("MODEL", "--data", "--out", "--json", "--only", "--without", "--range", "--watch", "--every", "--count")
    values = (model, data, out, as_json, only, without, scale, runs, every_seconds, count)
    check_watching([name for name, value in zip(names, values, strict=True) if value])
    if runs is not None:
        from facevalue.follow import follow_command

        follow_command(runs, every_seconds or 30.0, count, data)
        return
    assert model is not None and data is not None
    if data.is_dir():
        raise click.BadParameter(f"File '{data}' is a directory.", param_hint="'--data'")
    from facevalue.evaluate import evaluate_command

    evaluate_command(model, data, out, as_json, only, without, scale)


@main.command()
@click.argument("weight", type=click.Path(exists=True))
@click.option(
    "--data",
    "tables",
    metavar="CSV",
    required=True,
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Labelled pictures; give it several times for several sets. Of clocks the first one sets the threshold, of "
    "dials and digits all together.",
)
@click.option(
    "--accuracy",
    type=Number(0.5, 1),
    help="Of what is answered.  [default: 0.95 of clocks, 0.85 of dials, 0.99 of digits]",
)
@only_option
@without_option
@scale_options
def calibrate(
    weight: str,
    tables: tuple[Path, ...],
    accuracy: float | None,
    only: tuple[tuple[str, str], ...],
    without: tuple[tuple[str, str], ...],
    scale: Scale | None,
) -> None:
    """Fit the confidence of WEIGHT, a file or an exported run, on labelled pictures, and write it into the file."""
    from facevalue.calibration import calibrate_command

    calibrate_command(weight, tables, accuracy, only, without, scale)


@main.command()
@click.argument("trained", metavar="RUN", type=click.Path())
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="The ONNX file.  [default: in RUN]")
@click.option(
    "--average",
    multiple=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Another run of the same network, such as one that RUN went on from: write their mean.  May be repeated.",
)
@data_option
def export(trained: str, out: Path | None, average: tuple[Path, ...], data: Path | None) -> None:
    """Turn the trained RUN into an ONNX weight file, checked against the network it came from.

    RUN may be a weight too, a file or a shipped one by name, which is then written again as this version writes them,
    with its calibration.
    """
    from facevalue.export import export_command

    export_command(trained, out, data, average)


@main.command()
@click.argument("run_dir", metavar="RUN", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "--n", "count", default=1000, show_default=True, type=click.IntRange(2, 5000), help="How many held-out pictures."
)
@data_option
def embed(run_dir: Path, count: int, data: Path | None) -> None:
    """Write what the trained RUN knows of held-out pictures, before its last layer, for TensorBoard's projector.

    Into the folder projector of RUN, with thumbnails, labels, readings and errors.
    """
    from facevalue.embedding import embed_command

    embed_command(run_dir, count, data)


def check_lengths(ctx: click.Context, parameter: click.Parameter, text: str | None) -> tuple[int, int] | None:
    """``1:5`` as the shortest and the longest number of digits."""
    if text is None:
        return None
    shortest, _, longest = text.partition(":")
    if not (shortest.isdecimal() and longest.isdecimal() and 1 <= int(shortest) <= int(longest) <= 20):
        raise click.BadParameter(f"{text!r}: expected SHORTEST:LONGEST, such as 1:5, at most 20", ctx, parameter)
    return int(shortest), int(longest)


@main.command()
@click.argument("source", type=click.Path(path_type=Path))
@click.argument("out", type=click.Path(file_okay=False, path_type=Path))
@click.option("--split", type=click.Choice(["train", "test"]), help="Which part, where SOURCE holds both.")
@click.option("--count", type=click.IntRange(min=1), help="That many, drawn at random.  [default: all; 1000 sequences]")
@click.option("--seed", default=1, show_default=True, type=click.IntRange(min=0), help="Same seed, same pictures.")
@click.option(
    "--sequences", metavar="1:5", callback=check_lengths, help="Rows of 1 to 5 random digits instead of single ones."
)
def unpack(
    source: Path,
    out: Path,
    split: Split | None,
    count: int | None,
    seed: int,
    sequences: tuple[int, int] | None,
) -> None:
    """Write the data set SOURCE as pictures with a labels.csv into the folder OUT.

    SOURCE is an idx file of pictures (MNIST), an .npz, a .mat of SVHN, a folder of one of them, or the name of a data
    set that can be downloaded: mnist, fashion-mnist, svhn, cifar-10.
    """
    from facevalue.sources import datasets

    written = datasets.unpack(source, out, split=split, count=count, seed=seed, sequences=sequences)
    click.echo(f"{written} picture{'s' * (written != 1)} and their labels.csv are in {out}", err=True)


@main.command()
@click.argument("name")
@click.option(
    "--data",
    metavar="DIR",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder of the data sets that the study needs.  [default: $FACEVALUE_DATA, or fetched]",
)
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="Its folder.  [default: study-NAME]")
@click.option("--seeds", default=1, show_default=True, type=click.IntRange(min=1), help="Trainings of each network.")
@click.option(
    "--budget",
    default="full",
    show_default=True,
    type=click.Choice(["quick", "full"]),
    help="quick: a few minutes, to see it run; its figures mean little.",
)
@click.option(
    "--only",
    multiple=True,
    metavar="NAME",
    help="Train this network alone, by its name in --dry-run, with * and ? as in file names; may be given again.",
)
@click.option("--dry-run", is_flag=True, help="Say what would be trained and how long it takes.")
@click.option(
    "--with",
    "elsewhere",
    multiple=True,
    metavar="PATH",
    type=click.Path(exists=True, path_type=Path),
    help="Take over what was measured elsewhere: a folder of this study, or a file of --keep; may be given again.",
)
@click.option(
    "--keep",
    metavar="FILE.zip",
    type=click.Path(dir_okay=False, path_type=Path),
    help="In the end pack all results, without the trainings, into this file, to go on from on another machine.",
)
@click.option("--workers", type=click.IntRange(min=0), help="Processes that draw ahead.  [default: cores less one]")
@click.option(
    "--compile", "compiled", is_flag=True, help="Compile large networks first: a minute, then a quarter faster."
)
@click.option("--cluster", is_flag=True, help="Share the runs among the machines of a Ray cluster, or this one's.")
def study(
    name: str,
    data: Path | None,
    out: Path | None,
    seeds: int,
    budget: Budget,
    only: tuple[str, ...],
    dry_run: bool,
    workers: int | None,
    compiled: bool,
    cluster: bool,
    elsewhere: tuple[Path, ...],
    keep: Path | None,
) -> None:
    """Train and measure all networks of the study NAME, and write its report; ``list`` shows the studies.

    Given again it goes on where it stopped, and does nothing twice.
    """
    from facevalue.studies.running import study_command

    study_command(
        name,
        data=data,
        out=out,
        seeds=seeds,
        budget=budget,
        dry_run=dry_run,
        workers=workers,
        compiled=compiled,
        cluster=cluster,
        only=only,
        elsewhere=elsewhere,
        keep=keep,
    )
