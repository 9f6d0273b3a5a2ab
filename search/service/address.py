"""Where the encoder process listens, as ``--bind`` and ``DAM_ENCODER_URL`` write it."""

import ipaddress
import socket
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

LONGEST_SOCKET_PATH = 103  # bytes; Linux takes 107, other systems less


class InvalidAddress(ValueError):
    """Nothing can listen there; the message says why."""


@dataclass(frozen=True)
class Address:
    """A unix socket's ``path``, or else ``host`` and ``port``."""

    path: str = ""
    host: str = ""
    port: int = 0

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``unix:PATH``, ``HOST:PORT`` or ``http://HOST:PORT``; raise InvalidAddress."""
        if text.startswith("unix:"):
            path = text.removeprefix("unix:")
            if not path or len(path.encode()) > LONGEST_SOCKET_PATH:
                raise InvalidAddress(f"The path of a unix socket has 1 to {LONGEST_SOCKET_PATH} bytes, not {path!r}.")
            return cls(path=path)
        parts = urlsplit(text if "//" in text else f"//{text}")
        try:
            host, port = parts.hostname, parts.port
        except ValueError as error:
            raise InvalidAddress(f"{text!r}: {error}.") from error
        if parts.scheme not in ("", "http") or parts.path.strip("/") or not host or not port:
            raise InvalidAddress(f"{text!r} is neither unix:PATH nor HOST:PORT.")
        return cls(host=host, port=port)

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"unix:{self.path}" if self.path else f"http://{host}:{self.port}"

    def is_private(self) -> bool:
        """Whether only this machine's processes can reach it: those of one user, for a unix socket."""
        if self.path or self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    def answers(self) -> bool:
        """Whether somebody listens."""
        family = socket.AF_UNIX if self.path else (socket.AF_INET6 if ":" in self.host else socket.AF_INET)
        with socket.socket(family) as probe:
            probe.settimeout(1)
            return probe.connect_ex(self.path or (self.host, self.port)) == 0

    def make_free(self) -> None:
        """Remove the socket file of a process that is gone; raise InvalidAddress where the address is in use."""
        if self.answers():
            raise InvalidAddress(f"Somebody listens at {self} already.")
        if self.path and Path(self.path).exists():
            if not stat.S_ISSOCK(Path(self.path).stat().st_mode):
                raise InvalidAddress(f"{self.path} is a file, and no socket.")
            Path(self.path).unlink()
