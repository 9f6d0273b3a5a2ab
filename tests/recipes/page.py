"""A recipe's page, read as the steps that a reader would type."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt


@dataclass
class Step:
    """One thing to do: ``kind`` is command, sql, python, file or settings; ``expected`` is what comes out, or None."""

    kind: str
    text: str
    line: int
    expected: str | None = None
    exit: int = 0
    file: str = ""


KINDS = {"sql": "sql", "python": "python", "dotenv": "settings"}
EXIT = re.compile(r"\[exit (\d+)\]")
FILE = re.compile(r"\bfile=(\S+)")


def steps(path: Path) -> list[Step]:
    """Return the steps of a page, in order; raise ValueError for a block that is none."""
    found: list[Step] = []
    before: Step | None = None  # the block directly before, whose output a block of text is
    for token in MarkdownIt().parse(path.read_text()):
        if token.type != "fence":
            continue
        line = (token.map or [0])[0] + 1
        language, _space, rest = token.info.strip().partition(" ")
        if named := FILE.search(rest):
            before = Step("file", token.content, line, file=named.group(1))
        elif language == "console":
            commands = list(_commands(token.content, line))
            found += commands
            before = None
            continue
        elif language in KINDS:
            before = Step(KINDS[language], token.content, line)
        elif language == "text" and before is not None and before.kind in ("sql", "python"):
            before.expected, before.exit = _outcome(token.content.splitlines())
            before = None
            continue
        else:
            raise ValueError(f"{path.name}:{line}: a block of {language or 'no language'} that nothing executes")
        found.append(before)
    return found


def _commands(content: str, first: int) -> Iterator[Step]:
    """Read ``$ command`` lines with those that continue them, and the output below each."""
    lines = content.splitlines()
    at = 0
    while at < len(lines):
        if not lines[at].startswith("$ "):
            raise ValueError(f"line {first + at + 1}: output without a command: {lines[at]!r}")
        start, command = at, [lines[at][2:]]
        at += 1
        while at < len(lines) and (lines[at].startswith("> ") or lines[at] == ">" or command[-1].endswith("\\")):
            command.append(lines[at].removeprefix("> ") if lines[at].startswith("> ") else lines[at].removeprefix(">"))
            at += 1
        output = []
        while at < len(lines) and not lines[at].startswith("$ "):
            output.append(lines[at])
            at += 1
        expected, status = _outcome(output)
        yield Step("command", "\n".join(command), first + start + 1, expected, status)


def _outcome(lines: list[str]) -> tuple[str | None, int]:
    """Return the output that is expected, None where none is shown, and the exit status."""
    status = 0
    if lines and (ends := EXIT.fullmatch(lines[-1].strip())):
        status, lines = int(ends.group(1)), lines[:-1]
    text = "\n".join(lines).strip("\n")
    return text or None, status


def matches(expected: str, actual: str) -> bool:
    """Whether an output is as expected, where ``…`` stands for anything, alone on a line for any lines."""
    pattern = ""
    for line in _lines(expected):
        if line.strip() == "…":
            pattern += r"(?:[^\n]*\n)*?"
        else:
            pattern += r"[^\n]*?".join(re.escape(part) for part in line.split("…")) + r"\n"
    return re.fullmatch(pattern, "\n".join(_lines(actual)) + "\n") is not None


def _lines(text: str) -> list[str]:
    return [line.rstrip() for line in text.strip("\n").splitlines()]
