"""The page in a real browser: what it shows, that it asks no other address, that reading in the browser is the same.

Chromium is Debian's. onnxruntime-web comes from its npm package, fetched once by ``facevalue serve --fetch-web``.
"""

from __future__ import annotations

import base64
import dataclasses
import io
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter
from playwright.sync_api import Browser, Locator, Page, Route, expect, sync_playwright

from facevalue import Reader, Scale
from facevalue.codecs.dial import Eccentricity
from facevalue.errors import FaceValueError
from facevalue.images import warp
from facevalue.service.runtime import fetch_runtime
from facevalue.watching.plausibility import Limits
from facevalue.watching.store import Record, Store

ROOT = Path(__file__).parents[1]
CLOCK, COUNTER, GAUGE = (ROOT / "docs" / name for name in ("clock.jpg", "counter.jpg", "gauge.jpg"))
CHROMIUM = shutil.which("chromium")
QUIET = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --use-fake-ui-for-media-stream --use-fake-device-for-media-stream"
)

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed: apt-get install chromium")


def as_bytes(picture: Image.Image, name: str, **options: Any) -> bytes:
    file = io.BytesIO()
    picture.save(file, name, **options)
    return file.getvalue()


@pytest.fixture(scope="module")
def runtime() -> Path:
    try:
        return fetch_runtime()
    except FaceValueError as error:
        pytest.skip(f"onnxruntime-web can't be had: {error}")


@contextmanager
def serving(*options: str) -> Iterator[str]:
    """A service at a free port."""
    command = [sys.executable, "-m", "facevalue", "serve", "--port", "0", *options]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    line = process.stderr.readline()
    found = re.search(r"http://\S+", line)
    assert found is not None, line
    try:
        yield found[0] + "/"
    finally:
        process.terminate()
        process.wait(60)
        process.stderr.close()


@pytest.fixture(scope="module")
def address(runtime: Path) -> Iterator[str]:
    with serving("--web-runtime", str(runtime)) as served:
        yield served


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """Chromium, whose camera shows the clock of docs on a table."""
    table = Image.new("RGB", (640, 480), (70, 80, 90))
    with Image.open(CLOCK) as clock:
        table.paste(clock.resize((400, 400)), (120, 40))
    video = tmp_path_factory.mktemp("camera") / "clock.mjpeg"
    video.write_bytes(as_bytes(table, "JPEG", quality=90) * 20)
    with sync_playwright() as playwright:
        made = playwright.chromium.launch(
            executable_path=CHROMIUM, args=[*QUIET.split(), f"--use-file-for-fake-video-capture={video}"]
        )
        yield made
        made.close()


@pytest.fixture
def open_page(browser: Browser, address: str) -> Iterator[Callable[..., Page]]:
    """Opens the page; at the end, nothing may have failed in it and no other address may have been asked."""
    contexts, failures, asked = [], [], []

    def open_one(**options: Any) -> Page:
        context = browser.new_context(permissions=["camera"], **options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(60_000)
        page.on("pageerror", lambda error: failures.append(str(error)))
        page.on("console", lambda message: message.type == "error" and failures.append(message.text))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(address)
        return page

    expect.set_options(timeout=60_000)
    yield open_one
    for context in contexts:
        context.close()
    assert failures == []
    assert [url for url in asked if not url.startswith((address, "blob:", "data:"))] == []


def choose(page: Page, value: str) -> None:
    page.locator(f"#choices input[value={value}]").check(force=True)


def read_in_browser(page: Page, kind: str, data: bytes) -> dict[str, Any]:
    """Read a picture with the page's own modules, without the service."""
    result: dict[str, Any] = page.evaluate(
        """async ([kind, text]) => {
          const { Reader } = await import("/page/reader/reader.js");
          const { kinds } = await (await fetch("/v1/kinds")).json();
          const of = kinds.find((one) => one.kind === kind);
          window.readers ??= {};
          window.readers[kind] ??= await Reader.load(
            of, await (await fetch("/" + of.weight)).arrayBuffer(), new URL("/runtime/", location.href));
          const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
          return window.readers[kind].readFile(new Blob([bytes]), 10);
        }""",
        [kind, base64.b64encode(data).decode()],
    )
    return result


# ---- the page --------------------------------------------------------------------------------------------------------


def test_a_picture_that_is_chosen_is_read_and_drawn_on(open_page: Callable[..., Page]) -> None:
    page = open_page()
    page.set_input_files("#file", CLOCK)
    expect(page.locator("#value")).to_have_text("1:51")
    expect(page.locator("#verdict")).to_contain_text("Sure")
    expect(page.get_by_role("status")).to_have_text("Reads 1:51.")
    expect(page.get_by_role("meter")).to_have_attribute("aria-valuetext", "99%, sure")
    expect(page.locator("#marks .dial, #marks .hour, #marks .minute")).to_have_count(3)


def test_a_picture_that_is_dropped_or_pasted_is_read(open_page: Callable[..., Page]) -> None:
    page = open_page()
    give = """([name, field, text]) => {
      const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
      const data = new DataTransfer();
      data.items.add(new File([bytes], "a.jpg", { type: "image/jpeg" }));
      const event = name === "drop" ? new DragEvent(name, { [field]: data, bubbles: true, cancelable: true })
        : new ClipboardEvent(name, { [field]: data, bubbles: true });
      document.getElementById("stage").dispatchEvent(event);
    }"""
    page.evaluate(give, ["drop", "dataTransfer", base64.b64encode(CLOCK.read_bytes()).decode()])
    expect(page.locator("#value")).to_have_text("1:51")
    choose(page, "digits")
    page.evaluate(give, ["paste", "clipboardData", base64.b64encode(COUNTER.read_bytes()).decode()])
    expect(page.locator("#value")).to_have_text("024816")
    expect(page.locator("#marks .digit")).to_have_count(6)


def test_says_plainly_when_it_is_not_sure(open_page: Callable[..., Page], tmp_path: Path) -> None:
    blurred = tmp_path / "blurred.png"
    with Image.open(CLOCK) as clock:
        clock.resize((48, 48)).filter(ImageFilter.GaussianBlur(2.5)).resize((300, 300)).save(blurred)
    assert Reader("clock").read(blurred).uncertain
    page = open_page()
    page.set_input_files("#file", blurred)
    expect(page.locator("#verdict")).to_contain_text("Not sure")
    expect(page.get_by_role("status")).to_contain_text("Not sure: perhaps")


def test_a_file_that_is_no_picture_is_said_to_be_none(browser: Browser, address: str, tmp_path: Path) -> None:
    text = tmp_path / "text.png"
    text.write_text("no picture")
    page = browser.new_page()
    page.goto(address)
    page.set_input_files("#file", text)
    expect(page.get_by_role("alert")).to_contain_text("Not a picture")
    page.close()


def test_a_picture_that_the_browser_cannot_show_is_read_as_a_whole(
    open_page: Callable[..., Page], tmp_path: Path
) -> None:
    with Image.open(CLOCK) as clock:
        clock.save(tmp_path / "clock.tiff")
    page = open_page()
    page.set_input_files("#file", tmp_path / "clock.tiff")
    expect(page.locator("#value")).to_have_text("1:51")
    expect(page.locator("#hint")).to_have_text("This browser can't show the picture; it is read as a whole.")
    expect(page.locator("#overlay")).to_be_hidden()
    page.set_input_files("#file", CLOCK)
    expect(page.locator("#overlay")).to_be_visible()
    expect(page.locator("#marks .dial")).to_have_count(1)


def test_a_camera_that_goes_away_is_said(open_page: Callable[..., Page]) -> None:
    page = open_page()
    choose(page, "camera")
    expect(page.locator("#value")).to_have_text("1:51")
    page.evaluate(
        """() => document.getElementById("video").srcObject.getVideoTracks()[0].dispatchEvent(new Event("ended"))"""
    )
    expect(page.get_by_role("alert")).to_have_text("The camera went away. Choose it again when it is back.")
    expect(page.locator("#answer")).to_be_hidden()
    choose(page, "picture")
    choose(page, "camera")
    expect(page.locator("#value")).to_have_text("1:51")


def test_a_part_that_is_chosen_by_keys_is_told(open_page: Callable[..., Page]) -> None:
    page = open_page()
    page.set_input_files("#file", CLOCK)
    expect(page.locator("#value")).to_have_text("1:51")
    page.locator("#overlay").focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator("#hint")).to_have_text("Read from 27% to 77% across, from 25% to 75% down.")
    page.keyboard.press("Escape")
    expect(page.locator("#hint")).to_have_text("The whole picture is read.")


AS_FIREFOX = """
const { get } = Object.getOwnPropertyDescriptor(SVGSVGElement.prototype, "viewBox");
Object.defineProperty(SVGSVGElement.prototype, "viewBox", {
  get() { return this.hasAttribute("viewBox") ? get.call(this) : { baseVal: null }; },
});
"""


def test_works_where_a_drawing_without_a_size_has_none(open_page: Callable[..., Page], address: str) -> None:
    page = open_page()
    page.add_init_script(AS_FIREFOX)
    page.goto(address)
    page.set_input_files("#file", CLOCK)
    expect(page.locator("#value")).to_have_text("1:51")


@pytest.mark.parametrize("place", ["server", "browser"])
def test_a_picture_of_a_few_pixels_is_refused(browser: Browser, address: str, tmp_path: Path, place: str) -> None:
    Image.new("RGB", (5, 7), (90, 90, 90)).save(tmp_path / "tiny.png")
    page = browser.new_page()
    page.goto(address)
    choose(page, "digits")
    choose(page, place)
    page.set_input_files("#file", tmp_path / "tiny.png")
    expect(page.get_by_role("alert")).to_contain_text("5×7 pixels is too small to read; expected at least 8 each way")
    page.close()


def test_a_service_that_was_away_at_first_is_asked_again(browser: Browser, address: str) -> None:
    page = browser.new_page()
    page.route("**/v1/kinds", lambda route: route.abort())
    page.goto(address)
    expect(page.get_by_role("alert")).to_have_text("The service does not answer. Is it still running?")
    page.unroute("**/v1/kinds")
    page.set_input_files("#file", CLOCK)
    expect(page.locator("#value")).to_have_text("1:51")
    expect(page.get_by_role("alert")).to_be_hidden()
    page.close()


def test_a_part_of_a_large_photo_is_sent_smaller(open_page: Callable[..., Page], tmp_path: Path) -> None:
    """As PNG of all its pixels it would be larger than the service takes."""
    with Image.open(CLOCK) as clock:
        side = clock.resize((3000, 3000))
    noise = Image.effect_noise((3000, 3000), 24).convert("RGB")
    Image.blend(side, noise, 0.1).save(tmp_path / "large.jpg", quality=92)
    page = open_page()
    page.set_input_files("#file", tmp_path / "large.jpg")
    expect(page.locator("#value")).to_have_text("1:51")
    page.evaluate(
        """() => {
          const { fetch } = window;
          window.sent = [];
          window.fetch = (address, options) => { sent.push(options.body.size); return fetch(address, options); };
        }"""
    )
    page.locator("#overlay").focus()
    page.keyboard.press("Shift+ArrowRight")  # half of it, and a little more
    expect(page.locator("#region")).to_be_visible()
    with page.expect_response("**/v1/read**") as answer:
        page.keyboard.press("Shift+ArrowDown")
    assert answer.value.status == 200
    assert 0 < max(page.evaluate("sent")) < 2_000_000


def test_a_part_can_be_chosen_by_mouse_and_by_keys(open_page: Callable[..., Page], tmp_path: Path) -> None:
    table = Image.new("RGB", (900, 500), (240, 240, 240))
    with Image.open(COUNTER) as counter:
        place = (300, 300)
        table.paste(counter, place)
        size = counter.size
    path = tmp_path / "table.png"
    table.save(path)
    page = open_page()
    choose(page, "digits")
    page.set_input_files("#file", path)
    expect(page.locator("#answer")).to_be_visible()
    box = page.locator("#overlay").bounding_box()
    assert box is not None
    scale = box["width"] / 900
    page.mouse.move(box["x"] + place[0] * scale, box["y"] + place[1] * scale)
    page.mouse.down()
    page.mouse.move(box["x"] + (place[0] + size[0]) * scale, box["y"] + (place[1] + size[1]) * scale, steps=3)
    page.mouse.up()
    expect(page.locator("#value")).to_have_text("024816")
    page.get_by_role("button", name="Read the whole picture").click()
    expect(page.locator("#region")).to_be_hidden()
    page.locator("#overlay").focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator("#region")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#region")).to_be_hidden()


@pytest.mark.parametrize("place", ["server", "browser"])
def test_a_dial_is_read_on_its_scale(open_page: Callable[..., Page], place: str) -> None:
    page = open_page()
    choose(page, place)
    choose(page, "dial")
    page.locator("#high").fill("30")
    page.set_input_files("#file", GAUGE)
    expect(page.locator("#value")).to_have_text(Reader("dial", scale=Scale(0, 30)).read(GAUGE).value)
    page.locator("#sweep").select_option("0:360")
    turned = Reader("dial", scale=Scale(0, 30, (0, 360))).read(GAUGE).value
    expect(page.locator("#value")).to_have_text(turned)
    page.locator("#sweep").select_option("360:0")
    falling = Reader("dial", scale=Scale(0, 30, (360, 0), clockwise=False)).read(GAUGE).value
    assert falling != turned
    expect(page.locator("#value")).to_have_text(falling)
    page.locator("#low").fill("30")
    page.locator("#low").blur()
    expect(page.locator("#problem")).to_have_text("The scale needs two different numbers.")
    page.locator("#high").fill("1e30")
    page.locator("#high").blur()
    expect(page.locator("#problem")).to_have_text("The scale's numbers are too large.")


@pytest.mark.parametrize("place", ["server", "browser"])
def test_the_camera_is_read_as_it_goes(open_page: Callable[..., Page], place: str) -> None:
    page = open_page()
    choose(page, place)
    choose(page, "camera")
    expect(page.locator("#value")).to_have_text("1:51")
    expect(page.locator("#region")).to_be_visible()
    page.evaluate(
        """() => { window.seen = 0; new MutationObserver(() => (window.seen += 1))
             .observe(document.getElementById("details"), { childList: true }); }"""
    )
    for _ in range(200):  # it goes on reading
        if page.evaluate("window.seen") >= 3:
            break
        page.wait_for_timeout(100)
    assert page.evaluate("window.seen") >= 3
    choose(page, "picture")
    assert page.evaluate("document.getElementById('video').srcObject") is None  # the camera is let go


def draw_on(page: Page, pad: Locator, strokes: list[list[tuple[float, float]]]) -> None:
    box = pad.bounding_box()
    assert box is not None
    for (start_x, start_y), *rest in strokes:
        page.mouse.move(box["x"] + start_x * box["width"], box["y"] + start_y * box["height"])
        page.mouse.down()
        for x, y in rest:
            page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"], steps=4)
        page.mouse.up()


def test_a_camera_that_is_refused_too_late_hides_no_reading(browser: Browser, address: str) -> None:
    page = browser.new_page()
    page.add_init_script(
        """navigator.mediaDevices.getUserMedia = () =>
             new Promise((_, refuse) => { window.refuse = () => refuse(new DOMException("", "NotAllowedError")); });"""
    )
    page.goto(address)
    choose(page, "camera")
    page.wait_for_function("window.refuse !== undefined")
    page.set_input_files("#file", CLOCK)
    expect(page.locator("#value")).to_have_text("1:51")
    page.evaluate("window.refuse()")
    page.wait_for_timeout(300)
    expect(page.locator("#value")).to_have_text("1:51")
    expect(page.get_by_role("alert")).to_be_hidden()
    choose(page, "camera")  # refused in time it is said, and stays so whatever else is chosen
    page.evaluate("window.refuse()")
    expect(page.get_by_role("alert")).to_contain_text("The camera was not allowed.")
    choose(page, "digits")
    page.wait_for_timeout(300)
    expect(page.get_by_role("alert")).to_contain_text("The camera was not allowed.")
    page.close()


def test_a_service_that_fails_is_not_asked_five_times_a_second(browser: Browser, address: str) -> None:
    context = browser.new_context(permissions=["camera"])
    page = context.new_page()
    page.goto(address)
    asked: list[str] = []

    def refuse(route: Route) -> None:
        asked.append(route.request.url)
        route.fulfill(status=503, json={"error": "too busy", "code": "time"})

    page.route("**/v1/read**", refuse)
    choose(page, "camera")
    expect(page.get_by_role("alert")).to_have_text("Too busy.")
    page.wait_for_timeout(1500)
    assert len(asked) == 1
    page.unroute("**/v1/read**")
    choose(page, "digits")  # but at once where something else is wanted
    expect(page.get_by_role("alert")).to_be_hidden(timeout=1500)
    context.close()


SEVEN = [(0.45, 0.25), (0.58, 0.25), (0.50, 0.77)]
TWO = [(0.22, 0.3), (0.3, 0.25), (0.33, 0.35), (0.22, 0.75), (0.35, 0.75)]


@pytest.mark.parametrize("place", ["server", "browser"])
def test_what_is_written_on_the_pad_is_read(open_page: Callable[..., Page], place: str) -> None:
    page = open_page(color_scheme="dark", viewport={"width": 390, "height": 780})
    choose(page, place)
    choose(page, "pad")
    expect(page.locator("#choices input[value=digits]")).to_be_checked()
    draw_on(page, page.locator("#pad"), [TWO, SEVEN])
    expect(page.locator("#value")).to_have_text("27")
    page.evaluate(
        """() => { // a palm that is put down beside the pen
          const pad = document.getElementById("pad");
          const { left, top } = pad.getBoundingClientRect();
          const touch = (type, pointerId, x, y) => pad.dispatchEvent(new PointerEvent(type, {
            pointerId, clientX: left + x, clientY: top + y, button: 0, bubbles: true }));
          pad.setPointerCapture = () => {};
          touch("pointerdown", 71, 300, 30);
          touch("pointerdown", 72, 20, 100);
          touch("pointermove", 72, 30, 20);
          touch("pointerup", 72, 30, 20);
          touch("pointermove", 71, 300, 90);
          touch("pointerup", 71, 300, 90);
        }"""
    )
    expect(page.locator("#value")).to_have_text("271")
    page.get_by_role("button", name="Take back").click()
    page.get_by_role("button", name="Take back").click()
    expect(page.locator("#value")).to_have_text("2")
    page.get_by_role("button", name="Clear").click()
    expect(page.locator("#status")).to_have_text("Nothing read yet.")


@pytest.mark.parametrize("size", [(320, 640), (390, 780), (1100, 760)])
def test_fits_screens_of_any_width(open_page: Callable[..., Page], size: tuple[int, int]) -> None:
    page = open_page(viewport={"width": size[0], "height": size[1]})
    page.set_input_files("#file", CLOCK)
    expect(page.locator("#value")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
    choose(page, "dial")
    expect(page.locator("#sweep")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= size[0]


def test_every_control_has_a_name_and_is_reached_by_keys(open_page: Callable[..., Page]) -> None:
    page = open_page()
    for name in ("Clock", "Dial", "Digits", "Picture", "Camera", "Pen", "on the server", "in this browser"):
        expect(page.get_by_role("radio", name=name, exact=True)).to_have_count(1)
    page.keyboard.press("Tab")
    expect(page.get_by_role("radio", name="Clock")).to_be_focused()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("radio", name="Dial")).to_be_checked()
    for name in ("from", "to"):
        expect(page.get_by_role("spinbutton", name=name, exact=True)).to_be_visible()
    expect(page.get_by_role("combobox", name="its ends")).to_be_visible()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("radio", name="Digits")).to_be_checked()
    expect(page.get_by_role("spinbutton", name="from", exact=True)).to_be_hidden()
    for _ in range(3):
        page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="choose a picture")).to_be_focused()


def test_the_addresses_are_listed(browser: Browser, address: str) -> None:
    page = browser.new_page()
    page.goto(address + "docs")
    expect(page.get_by_role("heading", name="POST /v1/read")).to_be_visible()
    expect(page.get_by_text("429", exact=True).first).to_be_visible()
    assert "undefined" not in page.locator("body").inner_text()
    page.close()


# ---- the history ----------------------------------------------------------------------------------------------------

METER = [
    ("0042.1", False),
    ("0042.6", False),
    ("0043.0", True),
    ("0043.4", False),
    ("0012.4", False),
    ("0044.0", False),
]


def write_log(path: Path) -> None:
    """A meter that is read six times in the last hours: once not sure, once backwards, the last right; and a clock."""
    now = datetime.now(UTC)
    with closing(Store(str(path), Limits(rises=True))) as store:
        for index, (value, uncertain) in enumerate(METER):
            time = now - timedelta(hours=len(METER) - index)
            confidence = 0.4 if uncertain else 0.98
            store.add(
                Record(
                    "meter", str(index), time, "digits", value, float(value), confidence, uncertain, "", "digits-5", ""
                )
            )
    with closing(Store(str(path))) as store:
        for index, minutes in enumerate((700.0, 710.0, 5.0)):  # it passes twelve
            time = now - timedelta(minutes=30 - 10 * index)
            store.add(Record("station", str(index), time, "clock", "x", minutes, 0.9, False, "", "clock-1", ""))


def test_without_a_watcher_there_is_no_history(open_page: Callable[..., Page]) -> None:
    page = open_page()
    expect(page.locator("#choices input[value=clock]")).to_be_enabled()
    expect(page.locator("#history")).to_be_hidden()


def test_the_history_is_drawn_and_told(browser: Browser, tmp_path: Path) -> None:
    log_db = tmp_path / "readings.db"
    write_log(log_db)
    with serving("--log-db", str(log_db)) as served:
        page = browser.new_page(color_scheme="dark", viewport={"width": 360, "height": 780})
        failures = []
        page.on("pageerror", lambda error: failures.append(str(error)))
        page.on("console", lambda message: message.type == "error" and failures.append(message.text))
        page.goto(served)
        chart = page.get_by_role("img", name="History 6 readings, of them 1 not sure, 1 implausible. Last: 0044.0")
        expect(chart).to_be_visible()
        expect(chart.locator(".dot")).to_have_count(4)
        expect(chart.locator(".doubt title")).to_contain_text("0043.0, not sure")
        expect(chart.locator(".never title")).to_contain_text("0012.4, implausible: backwards")
        labels = chart.locator("text").all_text_contents()
        assert {"42.0", "44.0"} <= set(labels)  # the wrong reading has not stretched the axis
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        page.get_by_text("As a table").press("Enter")
        expect(page.locator("#history-rows tr").first).to_be_visible()  # the disclosure opens a moment after the key
        rows = page.locator("#history-rows tr").all_inner_texts()
        assert [row.split("\t")[1] for row in rows] == [value for value, _ in reversed(METER)]
        assert "implausible: backwards" in rows[1]
        page.get_by_role("combobox", name="of", exact=True).select_option("station")
        drawn = page.locator("#chart .line").get_attribute("d")
        assert drawn is not None
        assert (drawn.count("M"), drawn.count("L")) == (2, 1)  # not one line back across the chart as it passes twelve
        page.get_by_role("combobox", name="of the last").select_option("day")
        expect(page.locator("#history-rows tr")).to_have_count(3)
        page.close()
    assert failures == []


# ---- reading in the browser ------------------------------------------------------------------------------------------


def test_in_the_browser_nothing_is_sent(open_page: Callable[..., Page]) -> None:
    page = open_page()
    posted = []
    page.on("request", lambda request: request.method == "POST" and posted.append(request.url))
    choose(page, "browser")
    page.set_input_files("#file", CLOCK)
    expect(page.locator("#details")).to_contain_text("in this browser")
    expect(page.locator("#value")).to_have_text("1:51")
    assert posted == []


def test_pictures_are_sampled_as_pillow_samples_them(open_page: Callable[..., Page]) -> None:
    """Enlarged, shrunk, turned and in perspective: the same pixels, each one of them."""
    page = open_page()
    rng = np.random.default_rng(1)
    for height, width in ((60, 90), (60, 60), (300, 280)):
        coarse = rng.integers(0, 256, (height // 6 + 2, width // 6 + 2, 3), dtype=np.uint8)
        rgb = np.array(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC))
        half = max(height, width) / 2
        rgb[: height // 2, : width // 2] = Image.fromarray(coarse[:1, :1]).resize((width // 2, height // 2))  # flat
        for homography in (
            [[half, 0, width / 2], [0, half, height / 2], [0, 0, 1]],
            [[half / 2, 10, width / 2 + 3], [-12, half * 0.6, height / 2 - 5], [0.1, -0.05, 1]],
            [[half / 10, 0, width / 2], [0, half / 8, height / 2], [0.02, 0.01, 1]],
            [[half, 0, width / 2], [0, half, height / 2], [1.5, 0, 1]],  # the horizon in view
            [[width / 2, 0, width / 2], [0, height / 2, height / 2], [0, 0, 1]],  # all of it, stretched
            [[22.3, 0, 29.9], [0, 22.3, 30.7], [0, 0, 1]],  # upright, for a square frame scaled alike: a part
            [[100.0, 0, 120.0], [0, 20.0, 25.3], [0, 0, 1]],  # for the broad one
        ):
            matrix = np.array(homography, dtype=np.float64)
            for size in ((112, 112), (160, 32)):
                sampled = page.evaluate(
                    """async ([text, width, height, homography, size]) => {
                      const { warp } = await import("/page/reader/pictures.js");
                      const data = Uint8ClampedArray.from(atob(text), (letter) => letter.charCodeAt(0));
                      return String.fromCharCode(...warp({ data, width, height }, homography, size).data);
                    }""",
                    [base64.b64encode(rgb.tobytes()).decode(), width, height, matrix.ravel().tolist(), list(size)],
                )
                assert sampled.encode("latin-1") == warp(rgb, matrix, size).tobytes()


def drawn_digits(text: str) -> Image.Image:
    picture = Image.new("RGB", (40 + 40 * len(text), 90), (230, 228, 220))
    ImageDraw.Draw(picture).text((24, 10), text, fill=(20, 20, 30), font_size=62)
    return picture


def pictures_to_compare() -> list[Any]:
    """Pictures of every kind: sure, unsure, turned, cropped, in point numbers, with nothing on them, large JPEG."""
    with Image.open(CLOCK) as file:
        clock = file.convert("RGB")
    with Image.open(COUNTER) as file:
        counter = file.convert("RGB")
    with Image.open(GAUGE) as file:
        gauge = file.convert("RGB")
    large = clock.resize((1300, 1300), Image.Resampling.BICUBIC)
    turned = Image.Exif()
    turned[0x0112] = 6
    grey = Image.new("RGB", (100, 80), "grey")
    noise = Image.frombytes("RGB", (90, 60), np.random.default_rng(3).bytes(90 * 60 * 3))
    far, farther, boiler = (Image.new("RGB", (640, 480), (150, 140, 130)) for _ in range(3))
    far.paste(clock.resize((200, 200)), (250, 100))
    farther.paste(clock.resize((120, 120)), (300, 220))
    boiler.paste(gauge.resize((250, 250)), (320, 120))
    glass = clock.copy()
    glass.putalpha(clock.convert("L"))
    cases = {
        "clock": {
            "as it is": (clock, "PNG", {}),
            "turned": (clock.rotate(25, fillcolor="white"), "PNG", {}),
            "blurred": (clock.resize((48, 48)).filter(ImageFilter.GaussianBlur(2)).resize((200, 220)), "PNG", {}),
            "part": (clock.crop((60, 0, 448, 300)), "PNG", {}),
            "far away": (far, "JPEG", {"quality": 92, "subsampling": 0}),
            "farther away": (farther, "JPEG", {"quality": 92, "subsampling": 0}),
            "transparent": (glass, "PNG", {}),
            "JPEG": (clock, "JPEG", {"quality": 92, "subsampling": 0}),
            "large JPEG": (large, "JPEG", {"quality": 92}),
            "JPEG on its side": (clock, "JPEG", {"quality": 92, "exif": turned}),
            "nothing": (grey, "PNG", {}),
            "noise": (noise, "PNG", {}),
        },
        "dial": {
            "as it is": (gauge, "PNG", {}),
            "turned": (gauge.rotate(70, fillcolor="white"), "PNG", {}),
            "small": (gauge.resize((60, 60), Image.Resampling.BILINEAR), "PNG", {}),
            "part": (gauge.crop((40, 0, 400, 300)), "PNG", {}),
            "far away": (boiler, "PNG", {}),
            "far away, JPEG": (boiler, "JPEG", {"quality": 92, "subsampling": 0}),
            "JPEG": (gauge, "JPEG", {"quality": 92, "subsampling": 0}),
            "nothing": (grey, "PNG", {}),
            "noise": (noise, "PNG", {}),
        },
        "digits": {
            "drums": (counter, "PNG", {}),
            "blurred": (counter.filter(ImageFilter.GaussianBlur(4)), "PNG", {}),
            "part": (counter.crop((120, 0, 340, 100)), "PNG", {}),
            "cuts of several widths": (counter.crop((40, 0, 190, 96)), "PNG", {}),
            "cuts hardly too wide": (counter.crop((0, 0, 210, 96)).filter(ImageFilter.GaussianBlur(3)), "PNG", {}),
            "one": (drawn_digits("7"), "PNG", {}),
            "point": (drawn_digits("63.25"), "PNG", {}),
            "eight": (drawn_digits("90817263"), "PNG", {}),
            "too many": (drawn_digits("90817263451"), "PNG", {}),
            "askew and cut close": (
                counter.rotate(4).crop((30, 20, 330, 76)).filter(ImageFilter.GaussianBlur(3)),
                "PNG",
                {},
            ),
            "tilted": (drawn_digits("4815").rotate(12, expand=True), "PNG", {}),
            "JPEG": (counter, "JPEG", {"quality": 92}),
            "nothing": (grey, "PNG", {}),
            "noise": (noise, "PNG", {}),
        },
    }
    return [
        pytest.param(kind, as_bytes(picture, form, **options), form, id=f"{kind} {name}")
        for kind, of_kind in cases.items()
        for name, (picture, form, options) in of_kind.items()
    ]


@pytest.fixture(scope="module")
def reading_page(browser: Browser, address: str) -> Iterator[Page]:
    page = browser.new_page()
    page.goto(address)
    yield page
    page.close()


@pytest.mark.parametrize(("kind", "data", "form"), pictures_to_compare())
def test_reads_in_the_browser_as_everywhere(reading_page: Page, kind: str, data: bytes, form: str) -> None:
    """Of a PNG the pixels are the same, and the reading but for rounding; a JPEG's decoders differ by a little."""
    here = read_in_browser(reading_page, kind, data)
    reading = Reader(kind).read(data)
    there = reading.to_dict(top=10)
    near = 2e-4 if form == "PNG" else 0.05
    assert here["value"] == there["value"]
    assert here["uncertain"] == there["uncertain"]
    assert here["model"] == there["model"]
    assert here["confidence"] == pytest.approx(there["confidence"], abs=near)
    if there["number"] is None:
        assert here["number"] is None
    else:
        assert here["number"] == pytest.approx(there["number"], abs=0.011 if form == "PNG" else 0.3)
    shares = {other["value"]: other["confidence"] for other in here["alternatives"]}
    for other in there["alternatives"]:
        if other["confidence"] > 0.02:
            assert shares[other["value"]] == pytest.approx(other["confidence"], abs=near)
    assert here["marks"].keys() == reading.marks.keys()
    for name, mark in reading.marks.items():
        assert np.allclose(here["marks"][name], mark, atol=0.05 if form == "PNG" else 6)


def test_a_dial_of_ones_own_is_set_right_in_the_browser_too(reading_page: Page) -> None:
    by = Eccentricity(2.0, 6.0, -4.0)
    reader = Reader("dial")
    reader.weight = dataclasses.replace(reader.weight, eccentricity=by)
    number = reading_page.evaluate(
        """async ([by, text]) => {
          const { Reader } = await import("/page/reader/reader.js");
          const { kinds } = await (await fetch("/v1/kinds")).json();
          const of = kinds.find((one) => one.kind === "dial");
          const onnx = await (await fetch("/" + of.weight)).arrayBuffer();
          const own = await Reader.load({ ...of, eccentricity: by }, onnx, new URL("/runtime/", location.href));
          const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
          return (await own.readFile(new Blob([bytes]))).number;
        }""",
        [dataclasses.asdict(by), base64.b64encode(GAUGE.read_bytes()).decode()],
    )
    assert number == pytest.approx(reader.read(GAUGE).number, abs=0.1)
    assert abs(number - Reader("dial").read(GAUGE).number) > 0.1
