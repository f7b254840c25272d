"""Telling Home Assistant, through a real Mosquitto that asks for a password, comes and goes."""

from __future__ import annotations

import dataclasses
import json
import queue
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from paho.mqtt import client as mqtt_client
from servers import Mosquitto, mosquitto, wait_until

from facevalue.errors import FaceValueError
from facevalue.watching.mqtt import Broker, Publisher, Sensor, check_topic, parse_broker
from facevalue.watching.store import Entry

WATER = Sensor("facevalue/water", "Water", unit="m³", device_class="water", state_class="total_increasing")
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def entry(number: float, minute: int = 0) -> Entry:
    return Entry(
        source="cellar",
        identity="1",
        time=NOON + timedelta(minutes=minute),
        kind="digits",
        value=f"{number:05.1f}",
        number=number,
        confidence=0.98,
        uncertain=False,
        plausible=True,
        why="",
        good_value=f"{number:05.1f}",
        good_number=number,
        model="digits-1",
        picture_hash="",
        picture_file=None,
    )


@contextmanager
def listening(server: Mosquitto) -> Iterator[queue.Queue[tuple[str, str, bool]]]:
    """All messages of a broker as they come: topic, text, whether it was kept from before."""
    messages: queue.Queue[tuple[str, str, bool]] = queue.Queue()
    client = mqtt_client.Client(mqtt_client.CallbackAPIVersion.VERSION2)
    client.username_pw_set("meter", "s3cret%")
    client.on_message = lambda _, __, message: messages.put((message.topic, message.payload.decode(), message.retain))
    client.on_connect = lambda *_: client.subscribe("#", qos=1)
    subscribed: queue.Queue[None] = queue.Queue()
    client.on_subscribe = lambda *_: subscribed.put(None)
    client.connect("127.0.0.1", server.port)
    client.loop_start()
    try:
        subscribed.get(timeout=60)
        yield messages
    finally:
        client.disconnect()
        client.loop_stop()


def told_by(server: Mosquitto) -> dict[str, str]:
    """What the broker tells whoever comes now, until it has told all three topics."""
    with listening(server) as messages:
        kept: dict[str, str] = {}
        while "facevalue/water/availability" not in kept or len(kept) < 3:
            topic, text, _ = messages.get(timeout=60)
            kept[topic] = text
        return kept


def test_home_assistant_is_told(tmp_path: Path) -> None:
    with mosquitto(tmp_path) as server, listening(server) as messages:
        said: list[str] = []
        broker = parse_broker(f"mqtt://meter:s3cret%25@127.0.0.1:{server.port}")
        publisher = Publisher(broker, WATER, said.append)
        publisher.publish(entry(42.7))  # before there is a connection
        publisher.start()
        first = [messages.get(timeout=60)[:2] for _ in range(3)]
        assert [topic for topic, _ in first] == [
            "homeassistant/sensor/facevalue_water/config",
            "facevalue/water/state",
            "facevalue/water/availability",
        ]
        config, state = json.loads(first[0][1]), json.loads(first[1][1])
        assert config["state_topic"] == config["json_attributes_topic"] == first[1][0]
        assert config["value_template"] == "{{ value_json.good_number }}"
        assert (config["availability_topic"], first[2][1]) == (first[2][0], "online")
        assert (config["unit_of_measurement"], config["device_class"]) == ("m³", "water")
        assert config["state_class"] == "total_increasing"
        assert (state["good_number"], state["value"], state["time"]) == (42.7, "042.7", "2026-11-21T12:00:00Z")
        publisher.publish(entry(43.0, minute=2))
        publisher.publish(entry(42.9, minute=1))  # a late one tells nothing new
        publisher.publish(entry(43.1, minute=3))
        assert [json.loads(messages.get(timeout=60)[1])["number"] for _ in range(2)] == [43.0, 43.1]
        kept = told_by(server)  # all was told before: it comes from the broker's memory
        assert json.loads(kept["facevalue/water/state"])["number"] == 43.1
        publisher.close()
        assert messages.get(timeout=60)[:2] == ("facevalue/water/availability", "offline")
        assert said == []


def test_a_reading_from_the_future_silences_none_after_it(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[float, int]] = []
    publisher = Publisher(parse_broker("mqtt://127.0.0.1:1"), WATER, print)
    monkeypatch.setattr(publisher._client, "is_connected", lambda: True)
    monkeypatch.setattr(
        publisher._client, "publish", lambda _, text, qos, retain: told.append((json.loads(text)["number"], qos))
    )
    now = datetime.now(UTC)
    for number, hours in ((42.0, 4), (43.0, 0.01)):
        publisher.publish(dataclasses.replace(entry(number), time=now + timedelta(hours=hours)))
    assert told == [(42.0, 0), (43.0, 0)]  # unacknowledged: a broker that was away is told the newest alone


def test_a_broker_that_comes_and_goes(tmp_path: Path) -> None:
    """It is down at first, then up, then restarted with nothing remembered: it is told all again each time."""
    server = Mosquitto(tmp_path, tls=False)
    said: list[str] = []
    publisher = Publisher(parse_broker(f"mqtt://meter:s3cret%25@127.0.0.1:{server.port}"), WATER, said.append)
    try:
        publisher.publish(entry(1.0))
        publisher.start()
        wait_until(lambda: said)
        assert said == [f"mqtt://127.0.0.1:{server.port}: can't be reached; trying again up to every 120 s"]
        for life in range(2):
            server.start()
            wait_until(lambda: said[-1].endswith(": back"))
            kept = told_by(server)
            assert json.loads(kept["facevalue/water/state"])["number"] == 1.0 + life
            assert json.loads(kept["homeassistant/sensor/facevalue_water/config"])["name"] == "Water"
            server.stop()
            wait_until(lambda: "went away" in said[-1])
            publisher.publish(entry(2.0 + life, minute=1 + life))
        assert len(said) == 5
    finally:
        publisher.close()
        server.stop()


def test_a_killed_watcher_is_unavailable(tmp_path: Path) -> None:
    with mosquitto(tmp_path) as server, listening(server) as messages:
        publisher = Publisher(parse_broker(f"mqtt://meter:s3cret%25@127.0.0.1:{server.port}"), WATER, print)
        publisher.start()
        wait_until(publisher._client.is_connected)
        sock = publisher._client.socket()
        assert sock is not None
        publisher._client.reconnect_delay_set(60, 60)
        sock.shutdown(2)  # as the kernel does for a killed process
        texts = []
        while "offline" not in texts:
            texts.append(messages.get(timeout=60)[1])
        publisher.close()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # paho leaves a refused socket open
def test_tls(tmp_path: Path) -> None:
    with mosquitto(tmp_path, tls=True) as server:
        said: list[str] = []
        broker = Broker("localhost", server.port, tls=True, user="meter", password="s3cret%")
        distrustful = Publisher(broker, WATER, said.append)
        distrustful.start()
        wait_until(lambda: said)
        distrustful.close()
        assert "can't be reached" in said[0]
        publisher = Publisher(broker, WATER, said.append, ca_file=server.certificate)
        publisher.start()
        wait_until(publisher._client.is_connected)
        publisher.close()
        with pytest.raises(FaceValueError, match="no certificate that can be read"):
            Publisher(broker, WATER, said.append, ca_file=tmp_path / "none.pem")


def test_a_wrong_password_is_said_and_not_shown(tmp_path: Path) -> None:
    with mosquitto(tmp_path) as server:
        said: list[str] = []
        broker = parse_broker(f"mqtt://meter:wr0ng@127.0.0.1:{server.port}")
        publisher = Publisher(broker, WATER, said.append)
        publisher.start()
        wait_until(lambda: said)
        publisher.close()
        assert "refuses: Not authorized" in said[0]
        assert "wr0ng" not in said[0] + repr(broker)


def test_brokers_and_their_passwords(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("from a file\n")
    assert parse_broker("mqtt://home") == Broker("home", 1883, False)
    assert parse_broker("mqtts://me:p%40ss@home") == Broker("home", 8883, True, "me", "p@ss")
    assert parse_broker("mqtt://me@home:1", tmp_path / "password") == Broker("home", 1, False, "me", "from a file")


@pytest.mark.parametrize(
    ("address", "file", "problem"),
    [
        ("http://home", None, "not the address of a broker"),
        ("home", None, "not the address of a broker"),
        ("mqtt://home:port", None, "no such port"),
        ("mqtt://me:s3cret@home/topic", None, "not the address of a broker"),
        ("mqtt://me@home", "none", "can't be read"),
        ("mqtt://home", "password", "needs the user"),
    ],
)
def test_no_broker(address: str, file: str | None, problem: str, tmp_path: Path) -> None:
    (tmp_path / "password").write_text("x")
    with pytest.raises(FaceValueError, match=problem) as caught:
        parse_broker(address, None if file is None else tmp_path / file)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("topic", ["", "/water", "water/", "a/#", "a/+/b", "$SYS", "two words", "x" * 201])
def test_no_topic(topic: str) -> None:
    with pytest.raises(FaceValueError, match="--mqtt-topic"):
        check_topic(topic)


def test_a_clock_is_no_number() -> None:
    config = Sensor("clocks/hall", "Hall", is_number=False, expiry_seconds=600).config()
    assert config["value_template"] == "{{ value_json.good_value }}"
    assert config["expire_after"] == 600
    assert not {"state_class", "device_class", "unit_of_measurement"} & set(config)
