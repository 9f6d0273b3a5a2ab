"""How many requests a second servers answer, and whether they still do while 200 clients send half of a body.

    python bench/web.py http://127.0.0.1:8000 [http://127.0.0.1:8001]

The servers are asked in turns; read the columns against each other, and never against another machine's. Both must
show their library to everybody (as `make up` does on loopback).
"""

import http.client
import socket
import statistics
import sys
import threading
import time
from urllib.parse import urlsplit

PATHS = ("/livez", "/api/v1/search/?q=white+truck+in+the+snow", "/api/v1/assets/")
SECONDS, ROUNDS, CLIENTS, HALF_SENT = 3, 3, 8, 200
HALF = (
    b"POST /api/v1/search/ HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=x\r\n"
    b"Content-Length: 100000\r\n\r\n--x\r\n"
)


def rate(server: str, path: str, seconds: float = SECONDS) -> float:
    """Return how many answers a second the clients got together."""
    end, counts = time.monotonic() + seconds, [0] * CLIENTS

    def ask(client: int) -> None:
        connection = http.client.HTTPConnection(server, timeout=60)
        while time.monotonic() < end:
            connection.request("GET", path)
            answer = connection.getresponse()
            answer.read()
            assert answer.status == 200, (path, answer.status)
            counts[client] += 1

    threads = [threading.Thread(target=ask, args=(client,)) for client in range(CLIENTS)]
    started = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts) / (time.monotonic() - started)


def beside_half_sent(server: str) -> str:
    host, port = server.split(":")
    slow = [socket.create_connection((host, int(port))) for _ in range(HALF_SENT)]
    for one in slow:
        one.sendall(HALF)
    time.sleep(1)
    started = time.monotonic()
    connection = http.client.HTTPConnection(server, timeout=20)
    try:
        connection.request("GET", "/livez")
        connection.getresponse()
    except TimeoutError:
        return "none in 20 s"
    finally:
        for one in slow:
            one.close()
    return f"{time.monotonic() - started:.3f} s"


def main() -> None:
    servers = [urlsplit(address).netloc for address in sys.argv[1:]]
    print(f"{'requests a second':48}", *(f"{server:>16}" for server in servers))
    for path in PATHS:
        for server in servers:
            rate(server, path, 1)
        rounds = [[rate(server, path) for server in servers] for _ in range(ROUNDS)]
        print(f"{path:48}", *(f"{statistics.median(column):16.1f}" for column in zip(*rounds, strict=True)), flush=True)
    print(
        f"{f'/livez beside {HALF_SENT} half-sent bodies':48}",
        *(f"{beside_half_sent(server):>16}" for server in servers),
    )


if __name__ == "__main__":
    main()
