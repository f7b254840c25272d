"""The watcher: reads an instrument again and again, keeps every reading, and tells the last one that is believed.

Each reading goes ``watching.sources`` → Reader → ``watching.keeper`` (the database, judged by ``plausibility``; the
spool while that is away) → ``watching.mqtt``. Nothing that fails ends it: the camera, the database and the broker are
tried again at growing intervals, and said once when they go and once when they come back.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from facevalue.camera import Crop
from facevalue.codecs.dial import Scale
from facevalue.ending import Ending, ending_by_signal
from facevalue.errors import FaceValueError, PictureError
from facevalue.metrics import DAY_HALF_MINUTES
from facevalue.reader import Reader, open_reader
from facevalue.reading import Reading, place_point
from facevalue.watching.history import line_of
from facevalue.watching.keeper import Backoff, Keeper
from facevalue.watching.pictures import Album, make_album
from facevalue.watching.plausibility import Limits
from facevalue.watching.sources import Shot, Source, open_source
from facevalue.watching.spool import Spool, default_folder, spool_name
from facevalue.watching.store import Record, Store, StoreGone, entry_of

if TYPE_CHECKING:
    from facevalue.instruments.schema import Instrument
    from facevalue.watching.mqtt import Publisher

SHORTEST_EXPIRY_SECONDS = 600
LAST_SECONDS = 10.0  # for storing what waits, once the end is asked for; the rest waits in the spool


@dataclass(frozen=True, slots=True)
class Telling:
    """Where readings are told: see the options of ``facevalue watch``."""

    address: str
    topic: str
    name: str
    unit: str | None = None
    device_class: str | None = None
    state_class: str | None = None
    discovery: str = "homeassistant"
    password_file: Path | None = None
    ca_file: Path | None = None


@dataclass(frozen=True, slots=True)
class Watch:
    """How a picture becomes a record: which part is read, by what, where the point stands, whether it is kept.

    instrument: what a whole meter's file says, None for one crop of the reader's kind.
    """

    source: str
    reader: Reader
    instrument: Instrument | None
    crop: Crop | None
    decimals: int | None
    album: Album
    say: Callable[[str], object]

    def read(self, shot: Shot) -> Record:
        """Read a picture; one that can't be read gives a record that says why."""
        value, number, confidence, uncertain, problem = "", None, 0.0, True, shot.problem
        period: float | None = None
        model = self.reader.weight.name
        kept: tuple[str | None, bytes | None] = (None, None)
        if shot.rgb is not None:
            try:
                rgb = shot.rgb if self.crop is None else self.crop.cut(shot.rgb)
                kept = self.album.keep(shot, rgb, self.say)
                reading = self.reader.read(rgb)
                value, confidence, uncertain = reading.value, reading.confidence, reading.uncertain
                model = reading.model
                number = None if math.isnan(reading.number) else reading.number
                period = period_of(reading, self.instrument)
                if self.decimals is not None and value != "?":
                    value, number = place_point(value, number, self.decimals)
            except PictureError as error:
                problem = error.problem
            except FaceValueError as error:  # the crop reaches outside this one, or it has too few digits
                number, problem = None, str(error)
        return Record(
            source=self.source,
            identity=shot.identity,
            time=shot.time,
            kind=self.reader.kind if self.instrument is None else "instrument",
            value=value,
            number=number,
            confidence=round(confidence, 4),
            uncertain=uncertain,
            problem=problem,
            model=model,
            picture_hash=shot.picture_hash,
            picture_file=kept[0],
            picture=kept[1],
            period=period,
        )


def period_of(reading: Reading, instrument: Instrument | None = None) -> float | None:
    """After how much the instrument is where it was: a clock, a dial whose scale is a full turn; None for others."""
    if instrument is not None and instrument.period is not None:
        return instrument.period
    if reading.kind == "clock":
        return float(DAY_HALF_MINUTES)
    return abs(reading.scale.high - reading.scale.low) if reading.scale is not None and reading.scale.full else None


def say(text: str) -> None:
    """One line for the log."""
    show(" ".join(text.split()), err=True)


def show(text: str, *, err: bool = False) -> None:
    """Print a line; a log that lies on a full disk ends nothing."""
    try:
        click.echo(text, err=err)
    except BrokenPipeError:
        raise
    except OSError:
        pass


def watch_command(
    source: str,
    *,
    kind: str,
    instrument: Instrument | None,
    model: str | None,
    scale: Scale | None,
    every_seconds: float,
    crop: Crop | None,
    db_url: str,
    name: str | None,
    begins: datetime | None,
    limits: Limits,
    decimals: int | None,
    keep_pictures: str | None,
    spool_folder: Path | None,
    telling: Telling | None,
    once: bool,
) -> bool:
    """Read, keep and tell until the video's end, Ctrl-C or SIGTERM; ``once``: what there is now, then end.

    instrument: a whole meter, read in place of one crop of the kind.
    Returns whether all that was read is kept.  Raises FaceValueError for settings that don't fit, ModelError,
    MissingExtraError, and with ``once`` PictureError for a source that is away.
    """
    with contextlib.ExitStack() as stack:
        ending = stack.enter_context(ending_by_signal())
        watched = stack.enter_context(
            contextlib.closing(open_source(source, every_seconds, ending, name=name, begins=begins))
        )
        store = stack.enter_context(contextlib.closing(Store(db_url, limits)))
        folder = spool_folder or default_folder()
        spool = stack.enter_context(contextlib.closing(Spool(folder / spool_name(watched.name, store.name))))
        album = make_album(keep_pictures)
        reader = open_reader(kind, model, scale, instrument, digits=limits.digits)
        watch = Watch(watched.name, reader, instrument, crop, decimals, album, say)
        keeper = Keeper(store, spool, say)
        publisher = None
        if telling is not None:
            expiry_seconds = None if watched.waits else max(SHORTEST_EXPIRY_SECONDS, 5 * every_seconds)
            is_clock = reader.kind == "clock"
            publisher = make_publisher(telling, not is_clock, limits, expiry_seconds)
            stack.enter_context(contextlib.closing(publisher))
            publisher.start()
        if not once:
            say(f"{watched.name}: read every {every_seconds:g} s into {store.name}")
        run(watched, watch, keeper, publisher, ending, once)
        keeper.drain(until=time.monotonic() + LAST_SECONDS if ending.asked else math.inf)
        if keeper.unsaved:
            say(f"{keeper.unsaved} readings are lost: neither the database nor the spool could be written")
        elif keeper.is_behind:
            say(f"readings wait in {spool.path} until the watcher is started again")
        return not keeper.unsaved


def make_publisher(telling: Telling, is_number: bool, limits: Limits, expiry_seconds: float | None) -> Publisher:
    from facevalue.watching.mqtt import Publisher, Sensor, check_topic, parse_broker

    usual = None if not is_number else "total_increasing" if limits.rises else "measurement"
    prefix = telling.discovery.strip("/")
    sensor = Sensor(
        topic=check_topic(telling.topic),
        name=telling.name,
        is_number=is_number,
        unit=telling.unit,
        device_class=telling.device_class,
        state_class=telling.state_class or usual,
        discovery=check_topic(prefix, "--mqtt-discovery") if prefix else "",
        expiry_seconds=None if expiry_seconds is None else round(expiry_seconds),
    )
    return Publisher(parse_broker(telling.address, telling.password_file), sensor, say, telling.ca_file)


def run(
    source: Source,
    watch: Watch,
    keeper: Keeper,
    publisher: Publisher | None,
    ending: Ending,
    once: bool,
) -> None:
    """Round after round until the source has ended or ending is asked."""
    trouble = Backoff()
    complaint, is_twice = "", False
    while not ending.asked and not source.has_ended:
        try:
            for shot in source.shots(lambda: keeper.pictures(source.name)):
                is_new = handle(watch.read(shot), keeper, publisher)
                if not is_new and not source.waits and not is_twice:
                    say(f"{source.name}: of this time a reading is stored already; was the clock set back?")
                is_twice = not is_new
                while source.waits and keeper.unsaved and not ending.asked:  # its pictures keep better where they are
                    wait(keeper.backoff.seconds_left(), keeper, ending)
                if source.waits:  # others would miss a slot meanwhile
                    keeper.drain(ending)
                if ending.asked:
                    break
        except (PictureError, StoreGone) as error:
            if once:
                raise
            seconds = trouble.fail()
            if str(error) != complaint:
                say(f"{error}; trying again after {seconds:.0f} s up to {trouble.most_seconds / 60:.0f} minutes")
            complaint = str(error)
            wait(seconds, keeper, ending)
            continue
        if trouble.failures and not ending.asked:
            say(f"{source.name}: goes on after {trouble.seconds_gone():.0f} s")
        trouble.succeed()
        complaint = ""
        if once:
            return
        if not source.has_ended:
            wait(source.seconds_left(), keeper, ending)


def wait(seconds: float, keeper: Keeper, ending: Ending) -> None:
    """Pause, and store what waits as soon as the database is back."""
    until = time.monotonic() + seconds
    while not ending.asked:
        keeper.drain(ending, until)
        left = until - time.monotonic()
        if left <= 0:
            return
        ending.pause(min(left, max(keeper.backoff.seconds_left(), 0.1)) if keeper.is_behind else left)


def handle(record: Record, keeper: Keeper, publisher: Publisher | None) -> bool:
    """Keep a reading, then say and tell it: what is told is safe.  Returns whether it is new."""
    verdict, is_new = keeper.keep(record)
    if not is_new:
        return False
    if verdict is None:
        show(f"{record.time.astimezone().isoformat(' ', 'seconds')}  {record.value}  (to be judged later)")
        return True
    entry = entry_of(record, verdict)
    show(line_of(entry))
    if publisher is not None:
        publisher.publish(entry)
    return True
