"""Somebody who reads a recipe and types what it says, with a shell and a library of their own."""

import base64
import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
from contextlib import ExitStack
from pathlib import Path

from tests.recipes.page import Step, matches
from tests.support.library import Library
from tests.support.processes import ROOT

UP = re.compile(r"((?:\w+=\S+\s+)*)make up(?:\s+ARGS=(?:'([^']*)'|\"([^\"]*)\"|(\S+)))?")
# What pages call the library's address and data directory.
ADDRESS, DATA_DIR = "http://127.0.0.1:8000", ".dam/"
SECONDS = 150  # that one step may take
END = "\x1e"


class Reader:
    """Takes the steps of a page. Their files are in ``directory``, the library's in a directory beside it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory / "work"
        self.directory.mkdir()
        (self.directory / "manage.py").symlink_to(ROOT / "manage.py")
        (directory / "data").mkdir()
        self.library = Library(directory / "data")
        self._running = ExitStack()
        venv = str(Path(sys.executable).parent)
        environment = self.library.environment | {
            "PATH": f"{venv}:{os.environ['PATH']}",
            "COLUMNS": "120",
            "OMP_NUM_THREADS": "1",
            "PYTHONWARNINGS": "ignore",
        }
        self._shell = subprocess.Popen(
            ["bash"],
            cwd=self.directory,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def close(self) -> None:
        self._running.close()
        self._shell.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._shell.wait(5)
        with contextlib.suppress(ProcessLookupError):  # what the page left running
            os.killpg(self._shell.pid, signal.SIGKILL)
        self._shell.wait()

    def take(self, step: Step) -> None:
        """Do what a step says; AssertionError when something else comes out than the page shows."""
        if step.kind == "settings":
            known = (ROOT / ".env.example").read_text()
            names = re.findall(r"^#?(\w+)=", step.text, re.MULTILINE)
            assert names, "no settings in this block"
            assert not [name for name in names if f"{name}=" not in known], "not in .env.example"
        elif step.kind == "file":
            (self.directory / step.file).write_text(self._here(step.text))
        elif step.kind == "command" and (up := UP.fullmatch(step.text.strip())):
            self._up(*up.groups())
        else:
            self._compare(step, *self._run(self._command(step)))

    def _command(self, step: Step) -> str:
        if step.kind == "command":
            return self._here(step.text)
        path = self.directory / f"step.{step.kind}"
        path.write_text(self._here(step.text))
        how = {"sql": "sql -", "python": "shell --verbosity 0"}[step.kind]
        return f"python manage.py {how} < {path.name}"

    def _run(self, command: str) -> tuple[str, int]:
        """Run a command in the shell; return what it printed, and its exit status."""
        (self.directory / "step.sh").write_text(command + "\n")
        watch = threading.Timer(SECONDS, self._shell.kill)
        watch.start()
        try:
            self._shell.stdin.write(f". ./step.sh < /dev/null; printf '{END}%d\\n' $?\n")
            self._shell.stdin.flush()
            output = ""
            for line in self._shell.stdout:
                output += line
                if END in line:
                    printed, _end, status = output.rpartition(END)
                    return printed, int(status)
        finally:
            watch.cancel()
        raise AssertionError(f"the shell ended, or waited {SECONDS} seconds for it:\n{output}")

    def _compare(self, step: Step, printed: str, status: int) -> None:
        printed = printed.replace(self.library.url, ADDRESS).replace(f"{self.library.data_dir}/", DATA_DIR)
        assert status == step.exit, f"exit status {status} instead of {step.exit}:\n{printed}"
        if step.expected is not None:
            assert matches(step.expected, printed), f"expected:\n{step.expected}\n\nbut this came:\n{printed}"

    def _here(self, text: str) -> str:
        # The slash keeps names that only end like the directory's.
        return re.sub(r"(?<![\w/.])\.dam/", f"{self.library.data_dir}/", text.replace(ADDRESS, self.library.url))

    def _up(self, assignments: str, *arguments: str | None) -> None:
        """Start the library, with the settings that the shell has by now; one that runs is stopped first."""
        self._running.close()
        exported, _status = self._run("env -0 | base64 -w0")
        settings = _decoded(exported) | dict(pair.split("=", 1) for pair in assignments.split())
        given = next((text for text in arguments if text), "")
        self._running.enter_context(self.library.up(given.split(), settings))


def _decoded(text: str) -> dict[str, str]:
    pairs = base64.b64decode(text).decode().split("\0")
    return dict(pair.split("=", 1) for pair in pairs if "=" in pair)
