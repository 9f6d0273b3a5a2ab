"""Fetching bytes from an address that somebody typed, without lending them this server's place in the network.

A name is resolved once; every address that it has must be public, and the connection goes to one of these addresses
and not to the name: a name that changes between the check and the connection changes nothing. Redirects are followed by
hand and checked from the start. Proxies of the environment are not used, and no setting allows more than this.
"""

import io
import queue
import re
import socket
import ssl
import threading
import time
from contextlib import ExitStack
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any
from urllib.parse import quote, urljoin, urlsplit

USUAL_PORT = {"http": 80, "https": 443}
PORTS = set(USUAL_PORT.values())
MOST_REDIRECTS = 3
MOST_CHARACTERS = 4000
# What headers and the framing of chunks may add to the bytes of a body.
MOST_OVERHEAD = 1_000_000

# Python calls more addresses global than the internet does (fec0::/10 and ::/96, for two), so IPv6 has to be in the one
# block that is given out for it. Its tunnels (6to4, Teredo) carry any IPv4 address and are of no use any more.
GLOBAL_IPV6 = ip_network("2000::/3")
TRANSLATED_IPV4 = ip_network("64:ff9b::/96")
NOT_PUBLIC = [
    ip_network("192.0.0.0/24"),  # special purposes; Oracle Cloud's metadata among them
    ip_network("192.88.99.0/24"),  # relays of 6to4
    ip_network("168.63.129.16/32"),  # looks public, and is the host of every virtual machine in Azure
    ip_network("2001::/23"),  # special purposes; Teredo among them
    ip_network("2002::/16"),  # 6to4
    ip_network("3fff::/20"),  # documentation
]

_NAME = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*\.?")
_UNPRINTABLE = re.compile(r"[\x00-\x20\x7f-\xa0\ud800-\udfff]")

Address = tuple[socket.AddressFamily, socket.SocketKind, int, str, Any]  # as socket.getaddrinfo gives it


class Refused(Exception):
    """The URL is not fetched, or could not be; the message names its host and says why."""


def fetch(url: str, *, most_bytes: int, seconds: float) -> bytes:
    """Return the body behind an http or https URL; raise Refused.

    ``most_bytes`` bounds the body, ``seconds`` everything together: names, connections, redirects, every byte.
    """
    deadline = _Deadline(seconds)
    target = _Target.of(url)
    try:
        for _hop in range(MOST_REDIRECTS + 1):
            answer = _get(target, most_bytes, deadline)
            if isinstance(answer, bytes):
                return answer
            following = _Target.of(answer, base=target.url)
            if (target.scheme, following.scheme) == ("https", "http"):
                raise Refused(f"{target.host} redirects from https to http, which is not followed.")
            target = following
    except TimeoutError as error:
        raise Refused(f"{target.host} took longer than {seconds:g} seconds.") from error
    raise Refused(f"{target.host} redirects more than {MOST_REDIRECTS} times.")


class _Deadline:
    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    def left(self) -> float:
        """Return the seconds left, more than 0; raise TimeoutError when there are none."""
        if (left := self._end - time.monotonic()) <= 0:
            raise TimeoutError
        return left


@dataclass(frozen=True)
class _Target:
    url: str
    scheme: str
    host: str  # ASCII; an IPv6 address without its brackets
    port: int
    resource: str  # path and query, as they go into the request

    @classmethod
    def of(cls, url: str, base: str = "") -> "_Target":
        """Read a URL (relative to ``base``, where there is one); raise Refused for what is not fetched as it stands."""
        if len(url) > MOST_CHARACTERS:
            raise Refused(f"The URL is longer than {MOST_CHARACTERS:,} characters.")
        if _UNPRINTABLE.search(url):
            raise Refused(f"The URL {url[:60]!a} contains a space or a control character.")
        try:
            url = urljoin(base, url)
            parts = urlsplit(url)
            host, port = parts.hostname or "", parts.port
        except ValueError as error:
            raise Refused(f"{url[:60]!a} is not a valid URL.") from error
        if parts.scheme not in USUAL_PORT:
            raise Refused(f"The URL {url[:60]!a} is not one of http or https.")
        if "@" in parts.netloc:
            raise Refused("A URL with a user name or a password in it is not fetched.")
        host = _ascii_host(host)
        if (port := USUAL_PORT[parts.scheme] if port is None else port) not in PORTS:
            raise Refused(f"{host} is asked on port {port}; only the ports 80 and 443 are.")
        resource = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        return cls(url, parts.scheme, host, port, quote(resource, safe="/%:@!$&'()*+,;=~?"))

    @property
    def authority(self) -> str:
        """The host as the Host header has it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == USUAL_PORT[self.scheme] else f"{host}:{self.port}"


def _ascii_host(host: str) -> str:
    """Return a name as the DNS has it, or an address; raise Refused for what is neither."""
    try:
        if ":" in host and "%" not in host:  # a zone would choose one of this server's own networks
            return str(IPv6Address(host))
        if _NAME.fullmatch(name := host.encode("idna").decode("ascii").lower()):
            return name
    except ValueError:
        pass  # refused like any other
    raise Refused(f"The URL has no valid host ({host[:60]!a}).")


def _get(target: _Target, most_bytes: int, deadline: _Deadline) -> bytes | str:
    """Ask once; return the body, or the address that the answer redirects to."""
    addresses = _public_addresses(target, deadline)
    try:
        with ExitStack() as closing:
            sock = closing.enter_context(_connected(addresses, deadline))
            if target.scheme == "https":
                sock.settimeout(deadline.left())
                context = ssl.create_default_context()
                sock = closing.enter_context(context.wrap_socket(sock, server_hostname=target.host.rstrip(".")))
            sock.settimeout(deadline.left())
            sock.sendall(
                f"GET {target.resource} HTTP/1.1\r\nHost: {target.authority}\r\nUser-Agent: django-dam\r\n"
                f"Accept: image/*\r\nAccept-Encoding: identity\r\nConnection: close\r\n\r\n".encode("ascii")
            )
            wire = _Wire(sock, most_bytes + MOST_OVERHEAD, deadline)
            response = closing.enter_context(HTTPResponse(wire, method="GET"))  # type: ignore[arg-type]  # asks for makefile() alone
            response.begin()
            return _read(response, target, most_bytes)
    except TimeoutError:
        raise
    except ssl.SSLCertVerificationError as error:
        raise Refused(f"The certificate of {target.host} is not valid: {error.verify_message}.") from error
    except OSError as error:
        raise Refused(f"{target.host} could not be connected to, or broke the connection off.") from error
    except (HTTPException, ValueError) as error:  # ValueError: a negative size of a chunk
        raise Refused(f"{target.host} does not answer as a web server does.") from error


def _public_addresses(target: _Target, deadline: _Deadline) -> list[Address]:
    """Resolve the host, once; raise Refused unless every address that it has is public."""
    answers: queue.SimpleQueue[list[Address]] = queue.SimpleQueue()

    def resolve() -> None:
        try:
            answers.put(list(socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)))
        except (OSError, UnicodeError):
            answers.put([])

    # In a thread, because getaddrinfo knows no time limit and whoever asks may run the name server.
    threading.Thread(target=resolve, name="resolve", daemon=True).start()
    try:
        addresses = answers.get(timeout=deadline.left())
    except queue.Empty:
        raise TimeoutError from None
    if not addresses or not all(_public(address[4][0]) for address in addresses):
        # The same words for both: which names exist inside is nobody's business outside.
        raise Refused(f"{target.host} was not found on the public internet.")
    return addresses


def _public(address: str) -> bool:
    """Whether anybody on the internet could send to this address and reach the same machine, one machine."""
    ip = ip_address(address)
    if isinstance(ip, IPv6Address):
        if ip.ipv4_mapped:
            ip = ip.ipv4_mapped
        elif ip in TRANSLATED_IPV4:
            ip = IPv4Address(int(ip) & 0xFFFFFFFF)
        elif ip not in GLOBAL_IPV6:
            return False
    special = ip.is_multicast or ip.is_reserved or any(ip in block for block in NOT_PUBLIC)
    return ip.is_global and not special


def _connected(addresses: list[Address], deadline: _Deadline) -> socket.socket:
    """Return a connection to the first address that takes one; the time left is shared by those not yet tried."""
    for untried in range(len(addresses), 0, -1):
        family, kind, protocol, _name, address = addresses[-untried]
        sock = socket.socket(family, kind, protocol)
        try:
            sock.settimeout(deadline.left() / untried)
            sock.connect(address)
            return sock
        except OSError:
            sock.close()
            if untried == 1:
                raise
    raise AssertionError("no addresses")


class _Wire(io.RawIOBase):
    """What HTTPResponse reads from: no byte after the deadline, and no more of them than allowed, whatever they mean.

    A timeout of the socket alone would start anew with every byte of a server that drips.
    """

    def __init__(self, sock: socket.socket, most_bytes: int, deadline: _Deadline) -> None:
        self._sock, self._allowed, self._deadline = sock, most_bytes, deadline

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(self)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._sock.settimeout(self._deadline.left())
        received = self._sock.recv_into(buffer)
        self._allowed -= received
        if self._allowed < 0:
            raise HTTPException("more bytes than any answer may have")
        return received


def _read(response: HTTPResponse, target: _Target, most_bytes: int) -> bytes | str:
    if response.status in (301, 302, 303, 307, 308) and (location := response.headers["Location"]):
        return location.encode("latin-1").decode("utf-8", "replace")  # bytes that http.client took for Latin-1
    if response.status != 200:
        raise Refused(f"{target.host} answered with status {response.status} instead of a file.")
    if (encoding := response.headers.get("Content-Encoding", "identity").strip().lower()) != "identity":
        # Nobody asked for it, and a few bytes of it can become gigabytes.
        raise Refused(f"{target.host} sent a compressed answer ({encoding[:20]!a}), which is not read.")
    if (response.length or 0) > most_bytes or len(body := response.read(most_bytes + 1)) > most_bytes:
        raise Refused(f"The file at {target.host} is larger than {most_bytes:,} bytes.")
    if response.length:
        raise Refused(f"{target.host} broke the file off before its end.")
    return body
