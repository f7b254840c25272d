"""Real servers for tests, on private sockets and ports: PostgreSQL and Mosquitto as Debian packages them."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

PATIENCE_SECONDS = 60


def find_program(name: str, *folders: str) -> str:
    """The path of a program; the test is skipped where there is none."""
    places = [folder for pattern in folders for folder in sorted(map(str, Path("/").glob(pattern.lstrip("/"))))]
    found = shutil.which(name, path=os.pathsep.join([*places, os.environ.get("PATH", "")]))
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


class Postgres:
    """A cluster of its own, reached by a socket in its folder; it can be stopped and started."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._programs = "/usr/lib/postgresql/*/bin"
        if os.getuid() == 0:
            shutil.chown(folder, "postgres")
        self._run(
            "initdb",
            "-D",
            str(folder / "data"),
            "-U",
            "postgres",
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--no-sync",
            "--no-locale",
        )
        self.url = f"postgresql://postgres@/postgres?host={folder}"

    def _run(self, program: str, *arguments: str) -> None:
        command = [find_program(program, self._programs), *arguments]
        if os.getuid() == 0:  # PostgreSQL refuses to run as root
            command = ["runuser", "-u", "postgres", "--", *command]
        done = subprocess.run(command, capture_output=True, text=True, cwd=self._folder, check=False)
        assert done.returncode == 0, done.stdout + done.stderr

    def start(self) -> None:
        options = f"-c listen_addresses='' -c unix_socket_directories={self._folder} -c fsync=off"
        log = str(self._folder / "log")
        self._run("pg_ctl", "-D", str(self._folder / "data"), "-l", log, "-o", options, "-t", "60", "-w", "start")

    def stop(self) -> None:
        """At once, as a loss of power would."""
        self._run("pg_ctl", "-D", str(self._folder / "data"), "-m", "immediate", "-w", "stop")


@contextmanager
def postgres() -> Iterator[Postgres]:
    """A running PostgreSQL; the test is skipped where it is not installed."""
    find_program("initdb", "/usr/lib/postgresql/*/bin")
    with tempfile.TemporaryDirectory(prefix="fv-pg-") as folder:
        server = Postgres(Path(folder))
        server.start()
        try:
            yield server
        finally:
            server.stop()


class Mosquitto:
    """A broker that knows the user ``meter``, password ``s3cret%``; it can be stopped and started."""

    def __init__(self, folder: Path, tls: bool) -> None:
        self._program = find_program("mosquitto", "/usr/sbin")
        self._folder, self.port = folder, free_port()
        self._process: subprocess.Popen[bytes] | None = None
        passwords = folder / "passwords"
        passwords.touch(0o600)
        subprocess.run([find_program("mosquitto_passwd"), "-b", passwords, "meter", "s3cret%"], check=True)
        lines = [f"listener {self.port} 127.0.0.1", "allow_anonymous false", f"password_file {passwords}"]
        if os.getuid() == 0:
            lines.append("user root")
        if tls:
            lines += [f"certfile {folder / 'certificate.pem'}", f"keyfile {folder / 'key.pem'}"]
            self._make_certificate()
        (folder / "mosquitto.conf").write_text("\n".join(lines) + "\n")

    @property
    def certificate(self) -> Path:
        return self._folder / "certificate.pem"

    def _make_certificate(self) -> None:
        request = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost"
        request += " -addext subjectAltName=DNS:localhost"
        files = ["-keyout", self._folder / "key.pem", "-out", self.certificate]
        subprocess.run([find_program("openssl"), *request.split(), *files], check=True, capture_output=True)

    def start(self) -> None:
        with open(self._folder / "log", "ab") as log:
            command = [self._program, "-c", str(self._folder / "mosquitto.conf")]
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        wait_until(self._answers)

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        self._process = None

    def _answers(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0


@contextmanager
def mosquitto(folder: Path, tls: bool = False) -> Iterator[Mosquitto]:
    """A running Mosquitto with its files in a folder; the test is skipped where it is not installed."""
    server = Mosquitto(folder, tls)
    server.start()
    try:
        yield server
    finally:
        server.stop()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(condition: object) -> None:
    """Look again and again until the condition, a callable, holds."""
    assert callable(condition)
    until = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.01)
