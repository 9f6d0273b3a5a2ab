"""A real S3 server for the tests: OpenStack Swift with its s3api, installed from the Python index.

Swift checks signatures, payload hashes and expiry, so a test that passes here has met a production object store.
It runs on Linux only, because it keeps its metadata in user extended attributes.

boto3 needs path addressing and signature version 4, which it does not choose by itself for presigned links::

    boto3.client("s3", endpoint_url=swift.endpoint_url, region_name=swift.region,
                 aws_access_key_id=swift.access_key, aws_secret_access_key=swift.secret_key,
                 config=Config(signature_version="s3v4", s3={"addressing_style": "path"}))

Swift accepts boto3's default checksums; ``request_checksum_calculation="when_required"`` is not needed here.
Presigned POST, tagging, lifecycle and PutBucketCors are not implemented; CORS allows every origin. A request without
any signature is answered with 400, not with the 403 of other stores.
"""

from __future__ import annotations

import contextlib
import http.client
import secrets
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType

from tests.support.swift_setup import BACKENDS, SwiftError, ensure_environment, make_storage, write_configuration

__all__ = ["SwiftError", "SwiftServer"]

# Standard input is a pipe from the test process: it closes when that process dies, however it dies.
RUN_UNTIL_PARENT_DIES = """
import os, runpy, sys, threading
pipe = os.dup(0)
threading.Thread(target=lambda: (os.read(pipe, 1), os._exit(0)), daemon=True).start()
del sys.argv[0]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


class SwiftServer:
    """A Swift proxy with one account, container and object server on free ports of 127.0.0.1, on empty storage."""

    region = "us-east-1"
    access_key = "test:tester"

    def __init__(self, start_timeout: float = 60.0) -> None:
        """Prepare a server whose processes get ``start_timeout`` seconds, installation aside, to become healthy."""
        self.start_timeout = start_timeout
        self.secret_key = secrets.token_hex(20)
        self.endpoint_url = ""
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._storage: tempfile.TemporaryDirectory[str] | None = None

    def __enter__(self) -> SwiftServer:
        """Start the server."""
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        """Stop the server."""
        self.stop()

    def start(self) -> None:
        """Start the four processes and return once each of them reports itself healthy."""
        if self._storage is not None:
            raise SwiftError("This SwiftServer is already running.")
        python = ensure_environment()
        self._storage = make_storage()
        try:
            home = Path(self._storage.name)
            names = (*BACKENDS, "proxy")
            ports = dict(zip(names, _free_ports(len(names)), strict=True))
            write_configuration(python, home, ports, self.region, self.access_key, self.secret_key)
            deadline = time.monotonic() + self.start_timeout
            for name in names:
                self._processes[name] = _spawn(python, name, home)
            for name in names:
                self._wait_until_healthy(name, ports[name], deadline)
        except BaseException:
            self.stop()
            raise
        self.endpoint_url = f"http://127.0.0.1:{ports['proxy']}"

    def stop(self) -> None:
        """End the processes by their own pids and delete the storage; harmless when not running."""
        for process in self._processes.values():
            process.terminate()
        for process in self._processes.values():
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            if process.stdin is not None:
                process.stdin.close()
        self._processes.clear()
        if self._storage is not None:
            self._storage.cleanup()
        self._storage = None
        self.endpoint_url = ""

    def log_tail(self, name: str = "proxy", lines: int = 40) -> str:
        """Return the last lines that the server ``name`` wrote; useful in the message of a failing test."""
        if self._storage is None:
            return ""
        log = Path(self._storage.name, f"{name}.log")
        return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])

    def _wait_until_healthy(self, name: str, port: int, deadline: float) -> None:
        """Return when the server answers its health check; raise when it exits or the deadline passes."""
        process = self._processes[name]
        while not _is_healthy(port):
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=0.02)
            if process.returncode is not None:
                raise SwiftError(f"Swift's {name} server exited ({process.returncode}):\n{self.log_tail(name)}")
            if time.monotonic() > deadline:
                raise SwiftError(f"Swift's {name} server was not healthy in time:\n{self.log_tail(name)}")


def _free_ports(count: int) -> list[int]:
    """Return free ports, each left in TIME_WAIT: nobody else is given it, while Swift, reusing addresses, binds it."""
    with contextlib.ExitStack() as open_sockets:
        listeners = [open_sockets.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        for listener in listeners:
            open_sockets.enter_context(socket.create_connection(listener.getsockname()))
            listener.accept()[0].close()
        return [listener.getsockname()[1] for listener in listeners]


def _is_healthy(port: int) -> bool:
    """Tell whether the server on this port answers its health check."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    with contextlib.closing(connection), contextlib.suppress(OSError, http.client.HTTPException):
        connection.request("GET", "/healthcheck")
        return connection.getresponse().status == 200
    return False


def _spawn(python: Path, name: str, home: Path) -> subprocess.Popen[bytes]:
    """Start one server in the foreground; its log goes to ``<name>.log`` beside its configuration."""
    server = [python.with_name(f"swift-{name}-server"), home / f"{name}.conf", "--verbose"]
    command = [python, "-I", "-c", RUN_UNTIL_PARENT_DIES, *server]
    with (home / f"{name}.log").open("wb") as log:
        return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=log, stderr=log)
