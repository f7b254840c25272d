"""Tells readings to an MQTT broker, and Home Assistant what they are; goes on trying where the broker is away."""

from __future__ import annotations

import json
import re
import ssl
import threading
import urllib.parse
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from facevalue import __version__
from facevalue.errors import FaceValueError, MissingExtraError
from facevalue.watching.store import Entry

try:
    from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags
    from paho.mqtt.enums import CallbackAPIVersion
    from paho.mqtt.properties import Properties
    from paho.mqtt.reasoncodes import ReasonCode
except ModuleNotFoundError as error:
    raise MissingExtraError("MQTT needs paho-mqtt, which is not installed: pip install 'facevalue[serve]'") from error

SCHEMES = {"mqtt": (1883, False), "mqtts": (8883, True)}
LONGEST_RETRY_SECONDS = 120
LAST_WORDS_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class Broker:
    """Where to, and as whom; the password is never shown."""

    host: str
    port: int
    tls: bool
    user: str | None = None
    password: str | None = field(default=None, repr=False)

    @property
    def name(self) -> str:
        return f"{'mqtts' if self.tls else 'mqtt'}://{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Sensor:
    """What Home Assistant is told of the instrument.

    topic: the readings go to ``topic/state``, whether the watcher runs to ``topic/availability``.  discovery: the
    prefix that Home Assistant listens to, "" for none.  is_number: whether it shows a number, not a time of day.
    expiry_seconds: without a reading for so long it counts as unavailable, None for never.
    """

    topic: str
    name: str
    is_number: bool = True
    unit: str | None = None
    device_class: str | None = None
    state_class: str | None = None
    discovery: str = "homeassistant"
    expiry_seconds: int | None = None

    @property
    def identity(self) -> str:
        """The topic as Home Assistant wants it in names: facevalue_water."""
        return re.sub(r"[^A-Za-z0-9_-]", "_", self.topic)

    @property
    def config_topic(self) -> str:
        return f"{self.discovery}/sensor/{self.identity}/config"

    def config(self) -> dict[str, Any]:
        """The discovery message. https://www.home-assistant.io/integrations/mqtt/#mqtt-discovery"""
        given = {
            "unit_of_measurement": self.unit,
            "device_class": self.device_class,
            "state_class": self.state_class,
            "expire_after": self.expiry_seconds,
        }
        return {
            "name": self.name,
            "unique_id": self.identity,
            "state_topic": f"{self.topic}/state",
            "value_template": "{{ value_json.%s }}" % ("good_number" if self.is_number else "good_value"),
            "json_attributes_topic": f"{self.topic}/state",
            "availability_topic": f"{self.topic}/availability",
            "device": {"identifiers": [self.identity], "name": self.name, "sw_version": f"facevalue {__version__}"},
            "origin": {"name": "facevalue", "sw_version": __version__},
        } | {key: value for key, value in given.items() if value is not None}


def parse_broker(address: str, password_file: Path | None = None) -> Broker:
    """``mqtt://user:password@host:port``, or mqtts for TLS; the password may stand in a file. Raises FaceValueError."""
    expected = "expected mqtt://HOST, mqtts://HOST, with USER:PASSWORD@ before and :PORT after it where they are needed"
    try:
        parts = urllib.parse.urlsplit(address)
        port = parts.port
    except ValueError as error:
        raise FaceValueError(f"--mqtt: no such port; {expected}") from error
    if parts.scheme not in SCHEMES or not parts.hostname or parts.path.strip("/") or parts.query:
        raise FaceValueError(f"--mqtt: not the address of a broker; {expected}")
    usual_port, tls = SCHEMES[parts.scheme]
    user, password = (None if part is None else urllib.parse.unquote(part) for part in (parts.username, parts.password))
    if password_file is not None:
        try:
            password = password_file.read_text(encoding="utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "not text"
            raise FaceValueError(f"--mqtt-password-file {password_file}: can't be read ({reason})") from error
        if user is None:
            raise FaceValueError("--mqtt-password-file needs the user in --mqtt: mqtt://USER@HOST")
    return Broker(parts.hostname, port or usual_port, tls, user, password)


def check_topic(topic: str, option: str = "--mqtt-topic") -> str:
    """A topic that can be published to. Raises FaceValueError, naming the option."""
    if not topic or topic != topic.strip("/") or re.search(r"[+#$\0\s]", topic) or len(topic) > 200:
        raise FaceValueError(f"{option} {topic!r}: expected words with / between them, such as facevalue/water")
    return topic


class Publisher:
    """Publishes the latest state; a broker that comes back is told it again, and what the sensor is.

    States are sent once, unacknowledged (QoS 0): what waits for an answer is sent again after a break, behind the newer
    state that the broker is told then, and would stay there in its place.

    say: is told once when the broker is away and once when it is back. ca_file: of the broker's certificate, where
    the system does not know it. Raises FaceValueError for a ca_file that is none.
    """

    def __init__(
        self, broker: Broker, sensor: Sensor, say: Callable[[str], object], ca_file: Path | None = None
    ) -> None:
        self._broker, self._sensor, self._say = broker, sensor, say
        self._lock = threading.Lock()
        self._state: bytes | None = None
        self._newest: datetime | None = None
        self._complaint = ""
        client = Client(CallbackAPIVersion.VERSION2, client_id=f"facevalue-{sensor.identity}"[:60])
        if broker.user is not None:
            client.username_pw_set(broker.user, broker.password)
        if broker.tls:
            try:
                client.tls_set_context(ssl.create_default_context(cafile=ca_file))
            except (OSError, ssl.SSLError) as error:
                raise FaceValueError(f"--mqtt-ca {ca_file}: no certificate that can be read") from error
        client.will_set(f"{sensor.topic}/availability", "offline", qos=1, retain=True)
        client.reconnect_delay_set(1, LONGEST_RETRY_SECONDS)
        client.on_connect = self._welcome
        client.on_connect_fail = self._fail_to_connect
        client.on_disconnect = self._miss
        self._client = client

    def start(self) -> None:
        """Connect, on a thread of its own, now or as soon as the broker is there."""
        self._client.connect_async(self._broker.host, self._broker.port, keepalive=30)
        self._client.loop_start()

    def publish(self, entry: Entry) -> None:
        """Tell a reading as JSON, which the broker keeps for who comes later; none that is older than the last one."""
        if self._newest is not None and entry.time < self._newest:
            return
        self._newest = min(entry.time, datetime.now(UTC))  # a file from the future must not silence what follows
        message = json.dumps(entry.to_dict()).encode()
        with self._lock:
            self._state = message
            if self._client.is_connected():
                self._client.publish(f"{self._sensor.topic}/state", message, qos=0, retain=True)

    def close(self) -> None:
        """Say that no readings come any more, and go."""
        if self._client.is_connected():
            last = self._client.publish(f"{self._sensor.topic}/availability", "offline", qos=1, retain=True)
            try:
                last.wait_for_publish(LAST_WORDS_SECONDS)
            except (RuntimeError, ValueError):
                pass  # it went away just now; the last will says the same
        self._client.disconnect()
        self._client.loop_stop()

    def _welcome(
        self, client: Client, data: object, flags: ConnectFlags, reason: ReasonCode, properties: Properties | None
    ) -> None:
        if reason.is_failure:
            self._complain(f"refuses: {reason}")
            return
        sensor = self._sensor
        with self._lock:
            if sensor.discovery:
                client.publish(sensor.config_topic, json.dumps(sensor.config()), qos=1, retain=True)
            if self._state is not None:
                client.publish(f"{sensor.topic}/state", self._state, qos=0, retain=True)
            client.publish(f"{sensor.topic}/availability", "online", qos=1, retain=True)
        if self._complaint:
            self._say(f"{self._broker.name}: back")
        self._complaint = ""

    def _fail_to_connect(self, client: Client, data: object) -> None:
        hint = ", or its certificate is not known: --mqtt-ca FILE" if self._broker.tls else ""
        self._complain(f"can't be reached{hint}")

    def _miss(
        self, client: Client, data: object, flags: DisconnectFlags, reason: ReasonCode, properties: Properties | None
    ) -> None:
        if reason.is_failure:
            self._complain(f"went away: {reason}")

    def _complain(self, problem: str) -> None:
        if not self._complaint:
            self._say(f"{self._broker.name}: {problem}; trying again up to every {LONGEST_RETRY_SECONDS} s")
        self._complaint = problem
