"""manage.py milvus: serve a file of milvus-lite to all processes of this machine."""

import os
import signal
import threading
from argparse import ArgumentParser
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from search.milvus.client import is_file, server_socket
from search.service.address import Address, InvalidAddress

# What milvus-lite and Milvus themselves let through, in bytes.
LARGEST_MESSAGE = 256 * 1024 * 1024


class Command(BaseCommand):
    help = "Serve the file of milvus-lite that DAM_MILVUS_URI names: one process can have it open. Needs no database."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--bind", metavar="unix:PATH|HOST:PORT", help="where to listen (default: beside the file)")

    def handle(self, *args: Any, **options: Any) -> None:
        path = settings.DAM_MILVUS_URI
        if not is_file(path):
            raise CommandError(f"DAM_MILVUS_URI is {path}: a server of its own.")
        try:
            address = Address.parse(options["bind"]) if options["bind"] else server_socket(path)
            if address is None:
                raise InvalidAddress(f"The path of {path} is too long for a socket beside it: use --bind.")
            if not address.is_private():
                raise InvalidAddress(f"Others can reach {address}, and milvus-lite asks nobody who they are.")
            address.make_free()
        except InvalidAddress as error:
            raise CommandError(str(error)) from error
        self.stderr.write(f"Milvus at {address}")
        serve(path, address)


def serve(path: str, address: Address) -> None:
    """Serve until SIGINT or SIGTERM; what was written is kept also when the process is killed."""
    import grpc
    from milvus_lite.adapter.grpc.servicer import MilvusServicer
    from milvus_lite.db import MilvusLite
    from milvus_lite.exceptions import DataDirLockedError
    from pymilvus.grpc_gen import milvus_pb2_grpc

    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    try:
        database = MilvusLite(path)
    except DataDirLockedError as error:
        raise CommandError(f"Another process has {path} open.") from error
    options = [(f"grpc.max_{way}_message_length", LARGEST_MESSAGE) for way in ("receive", "send")]
    server = grpc.server(ThreadPoolExecutor(), options=options)
    milvus_pb2_grpc.add_MilvusServiceServicer_to_server(MilvusServicer(database), server)
    umask = os.umask(0o177)  # the socket is for this user's processes
    server.add_insecure_port(str(address) if address.path else f"{address.host}:{address.port}")
    os.umask(umask)
    server.start()
    stop.wait()
    server.stop(grace=2).wait()
    database.close()
