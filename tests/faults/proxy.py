"""A proxy on this machine that can be closed, hung and slowed down: what stands between two services may fail."""

import contextlib
import os
import socket
import threading
import time
from collections.abc import Callable

SIZE = 65536


class Proxy:
    """Passes bytes on between whoever connects and a server, as long as it is open.

    ``connect`` makes a connection to the server; ``address`` is (host, port), or the path of a Unix socket.
    """

    def __init__(self, connect: Callable[[], socket.socket], address: tuple[str, int] | str) -> None:
        self._connect, self.address = connect, address
        self._flowing = threading.Event()
        self._flowing.set()
        self.pause = 0.0  # seconds before each piece of at most SIZE bytes
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._lock = threading.Lock()
        self._listener: socket.socket | None = None
        self.open()

    def open(self) -> None:
        """Take connections and pass bytes on, at full speed."""
        self.pause = 0.0
        self._flowing.set()
        if self._listener is None:
            family = socket.AF_UNIX if isinstance(self.address, str) else socket.AF_INET
            listener = socket.socket(family)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if isinstance(self.address, str):
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(self.address)
            listener.bind(self.address)
            listener.listen(128)
            self.address = listener.getsockname()
            self._listener = listener
            threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def hang(self) -> None:
        """Take connections and bytes, and pass nothing on."""
        self._flowing.clear()

    def cut(self) -> None:
        """End the connections that there are."""
        with self._lock:
            pairs, self._pairs = self._pairs, []
        for pair in pairs:
            for end in pair:
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Refuse connections, and end those that there are."""
        listener, self._listener = self._listener, None
        if listener is not None:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        self._flowing.set()
        self.cut()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        self._flowing.wait()
        try:
            server = self._connect()
        except OSError:
            client.close()
            return
        with self._lock:
            self._pairs.append((client, server))
        back = threading.Thread(target=self._pass_on, args=(server, client), daemon=True)
        back.start()
        self._pass_on(client, server)
        back.join()
        with self._lock, contextlib.suppress(ValueError):
            self._pairs.remove((client, server))
        client.close()
        server.close()

    def _pass_on(self, source: socket.socket, sink: socket.socket) -> None:
        try:
            while data := source.recv(SIZE):
                self._flowing.wait()
                if self.pause:
                    time.sleep(self.pause)
                sink.sendall(data)
        except OSError:
            pass
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


def to_port(host: str, port: int) -> Proxy:
    """A proxy on a free port of this machine."""
    return Proxy(lambda: socket.create_connection((host, port), timeout=None), ("127.0.0.1", 0))


def to_socket(target: Callable[[], str], path: str) -> Proxy:
    """A proxy at ``path``, a Unix socket as its target is."""

    def connect() -> socket.socket:
        server = socket.socket(socket.AF_UNIX)
        server.connect(target())
        return server

    return Proxy(connect, path)
