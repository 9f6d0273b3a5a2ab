"""manage.py up: run everything on this machine, in the foreground, until Ctrl-C or SIGTERM."""

import fcntl
import os
import signal
import socket
import sys
import tempfile
import threading
import time
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from dam import postgres
from dam.env import DATA_DIR, env
from dam.supervisor import Failed, Service, keep_running, run_once, stop_all
from search.milvus.client import is_file
from search.service.address import LONGEST_SOCKET_PATH, Address

LISTENING_SECONDS = 30
LOOPBACK = {"127.0.0.1", "localhost", "::1"}


class Command(BaseCommand):
    help = (
        "Start the database (unless DATABASE_URL is set), the encoder (unless DAM_ENCODER_URL is), web server, worker"
        " and scheduler."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--no-samples", action="store_true", help="do not load the sample library")

    def handle(self, *args: Any, **options: Any) -> None:
        # Before anything is started, so that a signal at any moment ends all of it.
        self.stop = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: self.stop.set())
        environment = os.environ | {"PYTHONUNBUFFERED": "1"}
        environment.setdefault("DAM_WARM_UP", "1")
        if settings.DAM_HOST in LOOPBACK:
            environment.setdefault("DAM_PUBLIC_READ", "1")
        bootstrap = [sys.executable, "manage.py", "bootstrap"] + ["--no-samples"] * options["no_samples"]
        services: list[Service] = []
        with self._only_one(), self._port_is_free(), self._database(), _encoder() as encoder, _milvus() as milvus:
            try:
                if milvus:
                    bind = [sys.executable, "manage.py", "milvus", "--bind", str(milvus)]
                    services.append(Service("milvus", bind, environment.copy()))
                    environment["DAM_MILVUS_URI"] = str(milvus)
                    self._wait_for(services[-1], milvus)
                if encoder:
                    environment["DAM_ENCODER_URL"] = str(encoder)
                    # Only our own processes can reach it, and an administrator may choose any model.
                    environment["DAM_ENCODER_MODELS"] = ",".join(settings.DAM_ENCODER_MODELS or ["*"])
                    services.append(Service("encoder", [sys.executable, "manage.py", "encoder"], environment))
                    self._wait_for(services[-1], encoder)
                # The first start may have to download a model.
                services.append(Service("bootstrap", bootstrap, {"DAM_ENCODER_SECONDS": "3600"} | environment))
                run_once(services[-1], self.stop)
                if self.stop.is_set():
                    return
                services.pop()
                services += [Service(name, command, environment) for name, command in _commands().items()]
                self._announce(services)
                keep_running(services, self.stop, self.stderr.write)
            except Failed as error:
                raise CommandError(f"{error} Everything is stopped.") from error
            finally:
                stop_all(services)

    @contextmanager
    def _only_one(self) -> Iterator[None]:
        DATA_DIR.mkdir(parents=True, exist_ok=True)
        with (DATA_DIR / "up.lock").open("a+") as lock:
            lock.seek(0)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise CommandError(f"Already running on {DATA_DIR}: {lock.read()}") from error
            lock.truncate()
            lock.write(_url())
            lock.flush()
            yield

    @contextmanager
    def _port_is_free(self) -> Iterator[None]:
        family = socket.AF_INET6 if ":" in settings.DAM_HOST else socket.AF_INET
        address = f"{settings.DAM_HOST}:{settings.DAM_PORT}"
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((settings.DAM_HOST, settings.DAM_PORT))
            except (OSError, OverflowError) as error:
                raise CommandError(f"{address} cannot be used ({error}); set DAM_PORT or DAM_HOST.") from error
        yield

    @contextmanager
    def _database(self) -> Iterator[None]:
        """Run the embedded database, if it is the one in use; start it again when it dies."""
        if env.str("DATABASE_URL", default=""):
            yield
            return
        server = postgres.start(DATA_DIR)
        done = threading.Event()
        watch = threading.Thread(target=postgres.keep_running, args=(server, done, self.stderr.write), daemon=True)
        watch.start()
        try:
            yield
        finally:
            done.set()
            watch.join()
            server.stop()

    def _wait_for(self, service: Service, address: Address) -> None:
        """Wait until the service listens; the encoder does so before it has loaded a model."""
        deadline = time.monotonic() + LISTENING_SECONDS
        while not address.answers() and not self.stop.wait(0.1):
            if service.process.poll() is not None or time.monotonic() > deadline:
                raise Failed(f"{service.name} does not listen at {address}; its last words are above.")

    def _announce(self, services: list[Service]) -> None:
        """Say where it is, as soon as it can be asked there, or is not going to be."""
        web = Address(host=settings.DAM_HOST, port=settings.DAM_PORT)
        deadline = time.monotonic() + LISTENING_SECONDS
        while not web.answers() and not self.stop.wait(0.1):
            if time.monotonic() > deadline or any(service.process.poll() is not None for service in services):
                break
        url = _url()
        self.stdout.write(
            f"\n  Page   {url}/\n  Admin  {url}/admin/\n  API    {url}/api/docs/\n\nCtrl-C stops all of it."
        )
        self.stdout.flush()


@contextmanager
def _encoder() -> Iterator[Address | None]:
    """Yield where to start an encoder; None where the user has set one."""
    if env.str("DAM_ENCODER_URL", default=""):
        yield None
        return
    with _socket(DATA_DIR / "encoder.sock") as address:
        yield address


@contextmanager
def _milvus() -> Iterator[Address | None]:
    """Yield where to serve the file of milvus-lite; None where it is not the index, or has a server of its own."""
    if settings.DAM_INDEX != "milvus" or not is_file(settings.DAM_MILVUS_URI):
        yield None
        return
    with _socket(Path(settings.DAM_MILVUS_URI).with_suffix(".sock")) as address:
        yield address


@contextmanager
def _socket(path: Path) -> Iterator[Address]:
    """Yield a unix socket's address at ``path``, or where that is too long for one, in a temporary directory."""
    with ExitStack() as stack:
        if len(os.fsencode(path)) > LONGEST_SOCKET_PATH:
            path = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="dam-"))) / path.name
        yield Address(path=str(path))


def _url() -> str:
    host = f"[{settings.DAM_HOST}]" if ":" in settings.DAM_HOST else settings.DAM_HOST
    return settings.DAM_URL or f"http://{host}:{settings.DAM_PORT}"


def _commands() -> dict[str, list[str]]:
    python = [sys.executable, "-m"]
    celery = [*python, "celery", "-A", "dam", "--quiet"]
    # The worker may hold a model (without DAM_ENCODER_URL), so it runs in one process without forking.
    worker = ["worker", "--pool", "solo", "--without-gossip", "--without-mingle", "--without-heartbeat"]
    return {
        "web": [*python, "dam.wsgi"],
        "worker": [*celery, *worker, "--loglevel", "WARNING"],
        "scheduler": [*celery, "beat", "--loglevel", "WARNING"],
    }
