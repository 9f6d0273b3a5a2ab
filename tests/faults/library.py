"""A library as ``manage.py up`` runs it, with everything that can be killed, hung and counted in it."""

import hashlib
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import psycopg
import requests

from dam.supervisor import _end_with_parent
from tests.faults import proxy
from tests.support.processes import ROOT, wait_until

PASSWORD = "of-the-fault-runs"
MARKS = {"web": "dam.wsgi", "worker": " worker ", "scheduler": " beat ", "encoder": " encoder"}


class Library:
    """``manage.py up`` on a data directory of its own; whatever is hurt descends from the process started here."""

    def __init__(self, data_dir: Path, **environment: str) -> None:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.data_dir = data_dir
        self._sockets = tempfile.TemporaryDirectory(prefix="dam-")  # the path of a socket may not be long
        self.broker = proxy.to_socket(self._database_socket, f"{self._sockets.name}/.s.PGSQL.5432")
        inherited = {
            name: value for name, value in os.environ.items() if not name.startswith(("DAM_", "DJANGO_", "DATABASE"))
        }
        self.environment = inherited | {
            "DAM_DATA_DIR": str(data_dir),
            "DAM_PORT": str(self.port),
            "DAM_ADMIN_USER": "boss",
            "DAM_ADMIN_PASSWORD": PASSWORD,
            "DAM_LOG_LEVEL": "INFO",
            "DJANGO_SETTINGS_MODULE": "tests.faults.settings",
            "FAULTS_BROKER": self._sockets.name,
            "OMP_NUM_THREADS": "1",
            **environment,
        }
        self.log = data_dir / "up.log"

    @contextmanager
    def up(self) -> Iterator["Library"]:
        with self.log.open("a") as output:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", "up", "--no-samples"],
                cwd=ROOT,
                env=self.environment,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=_end_with_parent,  # so that nothing is left when the tests are killed
            )
        try:
            wait_until(lambda: self.answers() or self.process.poll() is not None, "the library to be up", seconds=120)
            assert self.process.poll() is None, self.log.read_text()
            self.token = self._sign_in()
            yield self
        finally:
            self.process.terminate()
            self.process.wait(60)
            if kept := os.environ.get("FAULTS_LOG"):
                Path(kept).write_bytes(self.log.read_bytes())
            self.broker.close()
            self._sockets.cleanup()

    # --- What it is asked ----------------------------------------------------------------------------------------

    def answers(self) -> bool:
        try:
            return requests.get(f"{self.url}/livez", timeout=2).status_code == 200
        except requests.RequestException:
            return False

    def _sign_in(self) -> str:
        answer = requests.post(f"{self.url}/api/v1/tokens/", auth=("boss", PASSWORD), timeout=60)
        assert answer.status_code == 200, answer.text
        return answer.json()["token"]

    def ask(self, method: str, path: str, timeout: float = 60, **more: Any) -> requests.Response:
        headers = {"Authorization": f"Bearer {self.token}"}
        return requests.request(method, f"{self.url}/api/v1/{path}", headers=headers, timeout=timeout, **more)

    def upload(self, data: bytes, name: str = "a.jpg", **fields: Any) -> requests.Response:
        return self.ask("POST", "assets/", files={"file": (name, data)}, data=fields)

    def search(self, text: str, timeout: float = 60, **filters: Any) -> requests.Response:
        return self.ask("GET", "search/", timeout, params={"q": text, "mode": "semantic", **filters})

    def sql(self, query: str, *parameters: Any) -> list[tuple]:
        """Ask the database itself, as somebody who looks on; wait for it while it is down."""

        answers: list[list[tuple]] = []

        def answered() -> bool:
            try:
                with psycopg.connect(self.conninfo(), autocommit=True, connect_timeout=3) as connection:
                    answers.append(connection.execute(query, parameters).fetchall())
            except (psycopg.OperationalError, OSError, IndexError):
                return False
            return True

        wait_until(answered, "the database")
        return answers[0]

    def count(self, query: str, *parameters: Any) -> int:
        return self.sql(f"SELECT count(*) FROM {query}", *parameters)[0][0]

    def owed(self) -> int:
        """How many assets and vectors are still to be made."""
        return self.count(
            "(SELECT id FROM assets_asset WHERE state = 'pending' UNION ALL"
            " SELECT e.id FROM search_embedding e JOIN search_embeddingmodel m ON m.id = e.model_id"
            " JOIN assets_asset a ON a.id = e.asset_id"
            " WHERE e.state = 'pending' AND a.state <> 'quarantined' AND m.state IN ('building', 'active')) AS owed"
        )

    def manage(self, *arguments: str) -> str:
        """Run a command; it must succeed, tried again while the database is down."""

        def done() -> str | None:
            command = [sys.executable, "manage.py", *arguments]
            encoder = {"DAM_ENCODER_URL": self.encoder_url()}
            ended = subprocess.run(
                command, cwd=ROOT, env=self.environment | encoder, capture_output=True, text=True, timeout=180
            )
            assert not ended.returncode or "database" in ended.stderr, ended.stderr
            return None if ended.returncode else ended.stdout + " "

        return wait_until(done, " ".join(arguments), seconds=120)

    def encoder_url(self) -> str:
        """Where the encoder that ``up`` has started listens; empty where there is none."""
        return next(iter(re.findall(r"^Encoder at (\S+)$", self.log.read_text(), re.MULTILINE)), "")

    # --- What is done to it --------------------------------------------------------------------------------------

    def processes(self, name: str) -> list[psutil.Process]:
        """The running processes of a service, its first one first."""
        found = []
        for child in psutil.Process(self.process.pid).children(recursive=True):
            try:
                if MARKS[name] in " ".join(child.cmdline()) + " " and child.status() != psutil.STATUS_ZOMBIE:
                    found.append(child)
            except psutil.NoSuchProcess:
                continue
        return sorted(found, key=lambda process: process.create_time())

    def has(self, name: str) -> bool:
        return bool(self.processes(name))

    def kill(self, name: str) -> bool:
        """``kill -9`` a service (all its processes), or the database's first process; False when it is down anyway."""
        victims = [self.postmaster()] if name == "database" else self.processes(name)
        killed = False
        for victim in victims:
            if victim is not None:
                try:
                    victim.send_signal(signal.SIGKILL)
                    killed = True
                except psutil.NoSuchProcess:
                    continue
        return killed

    def postmaster(self) -> psutil.Process | None:
        try:
            process = psutil.Process(int((self.data_dir / "postgres" / "postmaster.pid").read_text().split()[0]))
            return process if str(self.data_dir) in " ".join(process.cmdline()) else None
        except (OSError, IndexError, ValueError, psutil.NoSuchProcess):
            return None

    def cut_broker(self) -> int:
        """Have the server end the broker's connections; return how many there were."""
        ended = self.sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = 'dam broker' AND pid <> pg_backend_pid()"
        )
        return len(ended)

    @contextmanager
    def hung(self, name: str) -> Iterator[None]:
        """Stop a service's processes in their tracks, and let them go on afterwards."""
        stopped = self.processes(name)
        assert stopped, f"there is no {name}"
        for process in stopped:
            process.suspend()
        try:
            yield
        finally:
            for process in stopped:
                process.resume()

    # --- What must be true of it ---------------------------------------------------------------------------------

    def settle(self, seconds: float = 120) -> None:
        """Wait until nothing is owed any more."""
        wait_until(lambda: self.owed() == 0, f"what is owed; {self.state()}", seconds=seconds)

    def state(self) -> str:
        rows = self.sql("SELECT state, count(*) FROM assets_asset GROUP BY 1") + self.sql(
            "SELECT 'embedding ' || state, count(*) FROM search_embedding GROUP BY 1"
        )
        return ", ".join(f"{name} {count}" for name, count in rows)

    def assert_whole(self, accepted: dict[int, str]) -> None:
        """Everything that was accepted (asset id: SHA-256) is ready or quarantined, once, and its files are whole."""
        assets = {row[0]: row[1:] for row in self.sql("SELECT id, sha256, state, problem FROM assets_asset")}
        for pk, digest in accepted.items():
            assert pk in assets, f"asset {pk} is gone"
            assert assets[pk][0] == digest
        assert not [pk for pk, (_digest, state, _problem) in assets.items() if state == "pending"]
        assert not [pk for pk, (_digest, state, problem) in assets.items() if state == "quarantined" and not problem]
        ready = {pk: digest for pk, (digest, state, _problem) in assets.items() if state == "ready"}
        models = [pk for (pk,) in self.sql("SELECT id FROM search_embeddingmodel WHERE state IN ('building','active')")]
        rows = self.sql("SELECT asset_id, model_id, segment, state, vector IS NOT NULL FROM search_embedding")
        wholes = [(asset, model) for asset, model, segment, _state, _vector in rows if segment == 0]
        assert len(wholes) == len(set(wholes))
        assert {(pk, model) for pk in ready for model in models} <= set(wholes)
        assert not [row for row in rows if row[0] in ready and row[1] in models and not (row[3] == "ready" and row[4])]
        presets = self.sql("SELECT asset_id, preset, segment, file FROM assets_rendition")
        assert sorted((pk, preset) for pk, preset, segment, _file in presets if segment == 0) == sorted(
            (pk, preset) for pk in ready for preset in ("preview", "thumbnail")
        )
        self._assert_files({pk: digest for pk, (digest, *_rest) in assets.items()}, {file for *_row, file in presets})

    def _assert_files(self, digests: dict[int, str], renditions: set[str]) -> None:
        objects = self.objects()
        originals = {f"originals/{digest[:2]}/{digest}" for digest in digests.values()}
        expected = originals | {f"renditions/{key}" for key in renditions}
        assert not expected - set(objects), "missing"
        assert not set(objects) - expected, "left over"
        for key, data in objects.items():
            if key in originals:
                assert hashlib.sha256(data).hexdigest() == key.rpartition("/")[2]
            else:  # RIFF names its own length
                assert (data[:4], int.from_bytes(data[4:8], "little") + 8) == (b"RIFF", len(data))

    def objects(self) -> dict[str, bytes]:
        """Everything that is stored, by its key."""
        media = self.data_dir / "media"
        return {str(path.relative_to(media)): path.read_bytes() for path in media.rglob("*") if path.is_file()}

    def conninfo(self) -> str:
        return f"host={os.path.dirname(self._database_socket())} user=postgres dbname=postgres"

    def _database_socket(self) -> str:
        lines = (self.data_dir / "postgres" / "postmaster.pid").read_text().splitlines()
        return f"{lines[4]}/.s.PGSQL.{lines[3]}"


def accepted(answer: requests.Response, data: bytes) -> tuple[int, str]:
    """The id and digest of an upload, which must have been taken."""
    assert answer.status_code == 201, answer.text
    return answer.json()["id"], hashlib.sha256(data).hexdigest()


class Uploads:
    """Somebody who uploads pictures and keeps at it until each is accepted; a thread of its own."""

    def __init__(self, library: Library, pictures: Iterator[bytes], *, backlog: int) -> None:
        self.library, self.pictures, self.backlog = library, pictures, backlog
        self.accepted: dict[int, str] = {}
        self.seconds: list[float] = []
        self.refused: list[str] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> "Uploads":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(120)
        assert not self._thread.is_alive()

    def _run(self) -> None:
        for data in self.pictures:
            self.accepted.update([self.keep_at(data)])
            while not self._stop.is_set() and len(self.accepted) % 10 == 0 and self.library.owed() > self.backlog:
                time.sleep(0.2)
            if self._stop.is_set():
                return

    def keep_at(self, data: bytes) -> tuple[int, str]:
        """Upload until it is accepted; what an answer that was lost had accepted is there already (409)."""
        digest = hashlib.sha256(data).hexdigest()
        while True:
            started = time.monotonic()
            try:
                answer = self.library.upload(data)
            except requests.RequestException as error:
                self.refused.append(type(error).__name__)
            else:
                self.seconds.append(time.monotonic() - started)
                if answer.status_code == 201:
                    return answer.json()["id"], digest
                if answer.status_code == 409:
                    return answer.json()["existing_id"], digest
                assert answer.status_code == 503, answer.text
                self.refused.append(str(answer.status_code))
            time.sleep(0.3)
