"""Listening: one process, one event loop, until SIGTERM or Ctrl-C."""

import asyncio
import os
import signal
import threading
from pathlib import Path
from typing import Any

from granian.constants import Interfaces
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.server.embed import Server
from starlette.applications import Starlette

from search.service.address import Address

# Connections at a time, and milliseconds in which a request's head has to be here: idle ones must not keep others out.
LIMITS: dict[str, Any] = {"backlog": 4096, "http1_settings": HTTP1Settings(header_read_timeout=5000)}
STOP_SECONDS = 4.5  # after which it ends in the middle of whatever it does


class _Server(Server):
    """Granian in this process, so that no child outlives it; its socket was never open to other users."""

    def _init_shared_socket(self) -> None:
        before = os.umask(0o177)
        try:
            super()._init_shared_socket()
        finally:
            os.umask(before)


def serve(app: Starlette, address: Address) -> None:
    """Answer requests at ``address`` until a signal ends this process."""
    where = {"uds": Path(address.path)} if address.path else {"address": address.host, "port": address.port}
    server = _Server(app, interface=Interfaces.ASGI, websockets=False, log_level=LogLevels.error, **LIMITS, **where)
    asyncio.run(_until_told(server))


async def _until_told(server: Server) -> None:
    def stop() -> None:
        timer = threading.Timer(STOP_SECONDS, os._exit, (0,))
        timer.daemon = True
        timer.start()
        server.stop()

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop)
    await server.serve()
