"""A URL that somebody typed is fetched from the public internet or not at all, and no check is made of one thing and
the connection to another.

The resolver is a table, every connection is recorded, and one that would leave this machine fails the test.
"""

import itertools
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from assets import remote

BODY = b"not really a picture"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(BODY), BODY)
# One that answers, and one beside it that must never be asked; both on every test's own port.
OURS, OTHER = "127.0.0.1", "127.0.0.2"


@pytest.fixture
def connections(monkeypatch) -> list[str]:
    """The addresses that were connected to; none may be off this machine."""
    made: list[str] = []
    connect = socket.socket.connect

    def recorded(sock, address):
        if sock.family in (socket.AF_INET, socket.AF_INET6):
            made.append(address[0])
            assert address[0] in (OURS, OTHER), f"a packet would leave for {address[0]}"
        return connect(sock, address)

    monkeypatch.setattr(socket.socket, "connect", recorded)
    return made


@pytest.fixture
def names(monkeypatch) -> dict[str, Iterator[list[str]]]:
    """What names resolve to, each time they are asked for. Spelled addresses are read as the system reads them."""
    table: dict[str, Iterator[list[str]]] = {}
    system = socket.getaddrinfo

    def stub(host, port, family=0, type=0, proto=0, flags=0):
        spelled = next(table[host]) if host in table else [host]
        found = [system(one, port, type=type, flags=socket.AI_NUMERICHOST) for one in spelled]
        return list(itertools.chain(*found))

    monkeypatch.setattr(socket, "getaddrinfo", stub)
    return table


@pytest.fixture
def canary(connections, names, monkeypatch) -> Iterator[int]:
    """Listeners on loopback, on a port that may be asked; the port. Whoever connects is found out at the end."""
    with socket.socket() as v4, socket.socket(socket.AF_INET6) as v6:
        v4.bind(("", 0))
        port = v4.getsockname()[1]
        v6.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        v6.bind(("::1", port))
        for listener in (v4, v6):
            listener.listen()
            listener.setblocking(False)
        monkeypatch.setattr(remote, "PORTS", {80, 443, port})
        yield port
        for listener in (v4, v6):
            with pytest.raises(BlockingIOError):
                listener.accept()
    assert connections == []


class Server:
    """Answers on 127.0.0.1, connection after connection, with what each next answer is or does."""

    def __init__(self, answers, context: ssl.SSLContext | None = None) -> None:
        self.requests: list[bytes] = []
        self.stopping = threading.Event()
        self._answers, self._context = iter(answers), context
        self._listener = socket.create_server((OURS, 0))
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        for answer in self._answers:
            try:
                connection, _address = self._listener.accept()
                with connection:
                    if self._context:
                        connection = self._context.wrap_socket(connection, server_side=True)
                    self.requests.append(connection.recv(65536))
                    if callable(answer):
                        answer(connection, self.stopping)
                    else:
                        connection.sendall(answer)
                    connection.shutdown(socket.SHUT_RDWR)
            except OSError:  # the client went away, as it should, or the listener
                continue

    def stop(self) -> None:
        if not self.stopping.is_set():
            self.stopping.set()
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes the thread
            self._listener.close()
        self._thread.join(10)


@pytest.fixture
def serve(connections, names, monkeypatch) -> Iterator[Callable[..., Server]]:
    """Serve answers as ``pictures.test``, on the one address that counts as public."""
    names["pictures.test"] = itertools.repeat([OURS])
    monkeypatch.setattr(remote, "_public", lambda address: address == OURS)
    servers = []

    def start(*answers, **options) -> Server:
        server = Server(answers, **options)
        servers.append(server)
        monkeypatch.setattr(remote, "PORTS", {80, 443, server.port})
        return server

    yield start
    for server in servers:
        server.stop()


def fetch(url: str, most_bytes: int = 1000, seconds: float = 10) -> bytes:
    return remote.fetch(url, most_bytes=most_bytes, seconds=seconds)


def redirect(location: str, status: int = 302) -> bytes:
    return f"HTTP/1.1 {status} Look there\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode()


NOT_PUBLIC = [
    "127.0.0.1", "127.8.8.8", "0.0.0.0", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1",
    "100.100.100.200", "169.254.169.254", "192.0.0.192", "168.63.129.16", "192.0.2.1", "198.18.0.1", "224.0.0.1",
    "239.255.255.250", "240.0.0.1", "255.255.255.255", "[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:10.0.0.1]",
    "[::127.0.0.1]", "[::ffff:0:127.0.0.1]", "[fc00::1]", "[fd00:ec2::254]", "[fe80::1]", "[fec0::1]",
    "[64:ff9b::7f00:1]", "[64:ff9b::a9fe:a9fe]", "[64:ff9b:1::7f00:1]", "[2002:7f00:1::]", "[2002:a9fe:a9fe::1]",
    "[2001:0:7f00:1::1]", "[2001:db8::1]", "[3fff::1]", "[ff02::1]", "[ff0e::1]", "[5f00::1]",
    "2130706433", "0x7f000001", "0x7f.1", "017700000001", "127.1", "0", "①②⑦.⓪.⓪.①", "127。0。0。1",
]  # fmt: skip


@pytest.mark.parametrize("host", NOT_PUBLIC)
def test_an_address_that_is_not_public_is_never_connected_to(canary, host):
    with pytest.raises(remote.Refused, match="not found on the public internet") as refusal:
        fetch(f"http://{host}:{canary}/latest/meta-data/")
    assert "latest" not in str(refusal.value)


@pytest.mark.parametrize("host", [host.strip("[]") for host in NOT_PUBLIC[:39]])
@pytest.mark.parametrize("order", [1, -1])
def test_a_name_is_refused_when_any_of_its_addresses_is_not_public(canary, names, host, order):
    names["mixed.test"] = itertools.repeat(["93.184.216.34", host][::order])
    with pytest.raises(remote.Refused, match=r"^mixed\.test was not found on the public internet\.$"):
        fetch(f"http://mixed.test:{canary}/")


@pytest.mark.parametrize(
    "address", ["93.184.216.34", "2606:2800:220:1::1", "::ffff:93.184.216.34", "64:ff9b::5db8:d822", "1.1.1.1"]
)
def test_an_address_of_the_public_internet_is_one(address):
    assert remote._public(address)


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("", "not one of http or https"),
        ("pictures.test/a.jpg", "not one of http or https"),
        ("//pictures.test/a.jpg", "not one of http or https"),
        ("file:///etc/passwd", "'file:///etc/passwd' is not one of http or https"),
        ("ftp://pictures.test/a.jpg", "not one of http or https"),
        ("gopher://127.0.0.1:6379/_FLUSHALL", "not one of http or https"),
        ("javascript:alert(1)", "not one of http or https"),
        ("data:image/png;base64,AAAA", "not one of http or https"),
        ("http://", "no valid host"),
        ("http:///etc/passwd", "no valid host"),
        ("http://?q", "no valid host"),
        ("http://:80/", "no valid host"),
        ("http://user:secret@pictures.test/", "user name or a password"),
        ("http://user@pictures.test/", "user name or a password"),
        ("http://@pictures.test/", "user name or a password"),
        ("http://pictures.test\\@127.0.0.1/", "user name or a password"),
        ("http://127.0.0.1\\.pictures.test/", "no valid host"),
        ("http://pictures.test:22/", "asked on port 22"),
        ("https://pictures.test:6379/", "asked on port 6379"),
        ("http://pictures.test:0/", "asked on port 0"),
        ("http://pictures.test:99999/", "not a valid URL"),
        ("http://pictures.test:http/", "not a valid URL"),
        ("http://[::1/", "not a valid URL"),
        ("http://[fe80::1%25eth0]/", "no valid host|not a valid URL"),
        ("http://[fe80::1%eth0]/", "no valid host|not a valid URL"),
        ("http://[v1.127.0.0.1]/", "not found|not a valid URL"),
        ("http://pictures..test/", "no valid host"),
        ("http://.test/", "no valid host"),
        ("http://%31%32%37.0.0.1/", "no valid host"),
        ("http://xn--a\u0301\u2028/", "no valid host|not a valid URL"),
        (f"http://{'a' * 64}.test/", "no valid host"),
        (f"http://{'ä' * 1500}.test/", "no valid host"),
        ("http://a\u2100b/", "not a valid URL"),
        ("http://pictures.test/" + "a" * 4000, "longer than 4,000 characters"),
        ("http://pictures.test/\r\nX-Injected: 1", "space or a control character"),
        ("http://pictures.test/ HTTP/1.1", "space or a control character"),
        ("http://pict\tures.test/", "space or a control character"),
        ("\x01http://pictures.test/", "space or a control character"),
        ("http://pictures.test/\x00", "space or a control character"),
        ("http://pictures.test/\ud800", "space or a control character"),
    ],
)
def test_what_is_no_plain_web_address_is_refused_before_any_name_is_looked_up(canary, names, url, says):
    names["pictures.test"] = iter([])  # looking it up would be an error of its own
    with pytest.raises(remote.Refused, match=says) as refusal:
        fetch(url)
    assert str(refusal.value).isprintable()
    assert "secret" not in str(refusal.value)


def test_a_name_that_nobody_has_is_answered_as_one_that_is_inside(canary, names, monkeypatch):
    def unknown(*_args, **_options):
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(remote.Refused, match=r"^intern\.test was not found on the public internet\.$"):
        fetch("http://intern.test/")


def test_a_file_is_fetched_with_one_plain_request(serve):
    server = serve(OK)
    assert fetch(f"http://Pictures.test:{server.port}/größe/a%20b.jpg?x=1&y=ö#part") == BODY
    request = server.requests[0].decode("ascii")
    assert request.startswith("GET /gr%C3%B6%C3%9Fe/a%20b.jpg?x=1&y=%C3%B6 HTTP/1.1\r\n")
    assert f"\r\nHost: pictures.test:{server.port}\r\n" in request
    assert "\r\nAccept-Encoding: identity\r\n" in request
    assert "cookie" not in request.lower()


def test_a_file_in_chunks_is_put_together(serve):
    server = serve(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n")
    assert fetch(f"http://pictures.test:{server.port}/") == b"abcdefg"


def test_the_next_address_is_tried_when_one_does_not_take_the_connection(serve, names, connections, monkeypatch):
    server = serve(OK)
    monkeypatch.setattr(remote, "_public", lambda _address: True)
    names["two.test"] = itertools.repeat([OTHER, OURS])  # nobody listens on the first
    assert fetch(f"http://two.test:{server.port}/") == BODY
    assert connections == [OTHER, OURS]


def test_an_address_that_takes_no_connection_leaves_time_for_the_next_and_none_after_the_deadline(
    serve, names, connections, monkeypatch
):
    server = serve(OK)
    monkeypatch.setattr(remote, "_public", lambda _address: True)
    names["half.test"], names["full.test"] = itertools.repeat([OTHER, OURS]), itertools.repeat([OTHER])
    with socket.create_server((OTHER, server.port), backlog=0), ExitStack() as waiting:
        for _ in range(4):  # fill the queue of a listener that accepts nobody: the next connection is never made
            sock = waiting.enter_context(socket.socket())
            sock.setblocking(False)
            sock.connect_ex((OTHER, server.port))
        assert fetch(f"http://half.test:{server.port}/", seconds=1) == BODY
        assert connections == [OTHER, OURS]
        started = time.monotonic()
        with pytest.raises(remote.Refused, match=r"full\.test took longer than 0\.3 seconds"):
            fetch(f"http://full.test:{server.port}/", seconds=0.3)
        assert time.monotonic() - started < 3


def test_a_proxy_of_the_environment_is_not_asked(serve, monkeypatch, connections):
    server = serve(OK)
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://{OTHER}:{server.port}")
    assert fetch(f"http://pictures.test:{server.port}/") == BODY
    assert connections == [OURS]


def test_a_name_that_changes_after_the_check_changes_nothing(serve, names, connections):
    server = serve(OK)
    names["rebinding.test"] = iter([[OURS], [OTHER], [OTHER]])
    assert fetch(f"http://rebinding.test:{server.port}/") == BODY
    assert connections == [OURS]
    assert next(names["rebinding.test"]) == [OTHER]  # it was asked for once


def test_a_name_that_changes_between_redirects_is_refused(serve, names, connections):
    server = serve(redirect("/again"), OK)
    names["rebinding.test"] = iter([[OURS], [OTHER]])
    with pytest.raises(remote.Refused, match=r"rebinding\.test was not found on the public internet"):
        fetch(f"http://rebinding.test:{server.port}/")
    assert connections == [OURS]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_followed(serve, status):
    server = serve(redirect("/here%20it?is=1", status), OK)
    assert fetch(f"http://pictures.test:{server.port}/there") == BODY
    assert server.requests[1].startswith(b"GET /here%20it?is=1 HTTP/1.1\r\n")


@pytest.mark.parametrize(
    ("location", "says"),
    [
        (f"http://{OTHER}:PORT/", "127.0.0.2 was not found on the public internet"),
        (f"//{OTHER}:PORT/", "127.0.0.2 was not found"),
        ("http://169.254.169.254/latest/meta-data/", "169.254.169.254 was not found"),
        ("http://[::1]:PORT/", "::1 was not found"),
        ("http://inside.test:PORT/", "inside.test was not found"),
        ("file:///etc/passwd", "not one of http or https"),
        ("http://pictures.test:22/", "port 22"),
        ("http://me:secret@pictures.test:PORT/", "user name or a password"),
    ],
)
def test_a_redirect_is_checked_like_any_url(serve, names, connections, location, says):
    names["inside.test"] = itertools.repeat(["10.0.0.7"])
    server = serve(lambda connection, _stop: connection.sendall(redirect(location.replace("PORT", str(server.port)))))
    with pytest.raises(remote.Refused, match=says):
        fetch(f"http://pictures.test:{server.port}/")
    assert connections == [OURS]


def test_a_redirect_loop_ends_after_three(serve):
    server = serve(*[redirect("/")] * 10)
    with pytest.raises(remote.Refused, match=r"pictures\.test redirects more than 3 times"):
        fetch(f"http://pictures.test:{server.port}/")
    assert len(server.requests) == 4


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (b"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n", "status 404"),
        (b"HTTP/1.1 206 Part\r\nContent-Length: 1\r\n\r\na", "status 206"),
        (b"HTTP/1.1 302 Nowhere\r\nContent-Length: 0\r\n\r\n", "status 302"),
        (b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n", "status 101"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n", "larger than 1,000 bytes"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n", "larger than 1,000 bytes"),
        (b"HTTP/1.1 200 OK\r\n\r\n" + b"a" * 1001, "larger than 1,000 bytes"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffff\r\n" + b"a" * 2000, "larger than 1,000 bytes"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", "broke the file off"),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc", "compressed answer ('gzip')"),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: br, gzip\r\n\r\nabc", "compressed answer"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\nabc", "does not answer as a web server"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc", "does not answer as a web server"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nabc", "does not answer as a web server"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "does not answer as a web server"),
        (b"HTTP/1.1 two hundred\r\n\r\n", "does not answer as a web server"),
        (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 1000 + b"\r\n", "does not answer as a web server"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000 + b"\r\n\r\n", "does not answer as a web server"),
        (b"", "does not answer as a web server|broke the connection off"),
    ],
)
def test_what_is_not_one_whole_plain_file_is_refused(serve, answer, says):
    server = serve(answer)
    with pytest.raises(remote.Refused, match=says.replace("(", r"\(").replace(")", r"\)")) as refusal:
        fetch(f"http://pictures.test:{server.port}/")
    assert "pictures.test" in str(refusal.value)


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n",  # http.client reads this without end
    ],
)
def test_a_server_that_never_stops_sending_is_cut_off(serve, head, monkeypatch):
    monkeypatch.setattr(remote, "MOST_OVERHEAD", 100_000)
    sent = []

    def flood(connection, stopping):
        connection.sendall(head)
        while not stopping.is_set():
            sent.append(connection.send(b"a" * 65536))

    server = serve(flood)
    with pytest.raises(remote.Refused, match=r"larger than|does not answer as a web server"):
        fetch(f"http://pictures.test:{server.port}/", seconds=60)
    server.stop()
    assert sum(sent) < 20_000_000  # what fits into the buffers of two sockets


@pytest.mark.parametrize(
    ("head", "drop"),
    [
        (b"", b""),  # silence
        (b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n", b"a"),
        (b"HTTP/1.1 200 OK\r\n", b"X: y\r\n"),
        (b"HTTP/1.1 200 OK\r\nX: ", b"y"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\na\r\n"),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    ],
    ids=["silence", "body", "headers", "one header", "chunks", "continue"],
)
def test_a_server_that_drips_is_ended_at_the_deadline(serve, head, drop):
    def drip(connection, stopping):
        connection.sendall(head)
        while not stopping.wait(0.02):
            connection.sendall(drop)

    server = serve(drip)
    started = time.monotonic()
    with pytest.raises(remote.Refused, match=r"pictures\.test took longer than 0\.5 seconds"):
        fetch(f"http://pictures.test:{server.port}/", seconds=0.5)
    assert 0.4 < time.monotonic() - started < 3


def test_the_deadline_is_one_for_all_redirects(serve):
    def slowly(connection, stopping):
        stopping.wait(0.3)
        connection.sendall(redirect("/"))

    server = serve(*[slowly] * 10)
    with pytest.raises(remote.Refused, match="took longer than"):
        fetch(f"http://pictures.test:{server.port}/", seconds=0.7)


def test_a_name_server_that_never_answers_is_ended_at_the_deadline(canary, monkeypatch):
    asked, end = threading.Event(), threading.Event()

    def hangs(*_args, **_options):
        asked.set()
        end.wait(30)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", hangs)
    started = time.monotonic()
    with pytest.raises(remote.Refused, match=r"slow\.test took longer than 0\.3 seconds"):
        fetch("http://slow.test/", seconds=0.3)
    assert time.monotonic() - started < 3
    assert asked.is_set()
    end.set()


def test_a_closed_port_is_refused_without_details(connections, names, monkeypatch):
    with socket.create_server((OURS, 0)) as listener:
        port = listener.getsockname()[1]
    names["pictures.test"] = itertools.repeat([OURS])
    monkeypatch.setattr(remote, "_public", lambda address: address == OURS)
    monkeypatch.setattr(remote, "PORTS", {port})
    with pytest.raises(remote.Refused, match=r"^pictures\.test could not be connected to, or broke") as refusal:
        fetch(f"http://pictures.test:{port}/")
    assert OURS not in str(refusal.value)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-subj", "/CN=pictures.test", "-addext", "subjectAltName=DNS:pictures.test", "-days", "2"]
    command += ["-keyout", str(folder / "key.pem"), "-out", str(folder / "certificate.pem")]
    try:
        subprocess.run(command, check=True, capture_output=True)
    except FileNotFoundError:
        pytest.skip("certificates are made with openssl")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "certificate.pem", folder / "key.pem")
    return context, str(folder / "certificate.pem")


def test_https_is_checked_against_the_name_and_not_the_address(serve, certificate, names, monkeypatch):
    context, trusted = certificate
    monkeypatch.setenv("SSL_CERT_FILE", trusted)
    names["other.test"] = itertools.repeat([OURS])
    server = serve(OK, OK, OK, context=context)
    assert fetch(f"https://pictures.test:{server.port}/") == BODY
    names["pictures.test."] = names["pictures.test"]
    assert fetch(f"https://pictures.test.:{server.port}/") == BODY
    with pytest.raises(remote.Refused, match=r"certificate of other\.test is not valid: Hostname mismatch"):
        fetch(f"https://other.test:{server.port}/")


def test_a_certificate_that_nobody_vouches_for_is_refused(serve, certificate):
    server = serve(OK, context=certificate[0])
    with pytest.raises(remote.Refused, match=r"certificate of pictures\.test is not valid: self-signed"):
        fetch(f"https://pictures.test:{server.port}/")
    assert server.requests == []


def test_https_with_a_server_that_speaks_something_else_is_refused(serve):
    server = serve(OK)
    with pytest.raises(remote.Refused, match=r"pictures\.test could not be connected to"):
        fetch(f"https://pictures.test:{server.port}/")


def test_https_is_not_left_for_http(serve, certificate, monkeypatch):
    context, trusted = certificate
    monkeypatch.setenv("SSL_CERT_FILE", trusted)
    server = serve(redirect("http://pictures.test/"), context=context)
    with pytest.raises(remote.Refused, match="redirects from https to http"):
        fetch(f"https://pictures.test:{server.port}/")


def test_a_slow_handshake_is_ended_at_the_deadline(serve):
    def silent(connection, stopping):
        stopping.wait(30)

    server = serve(silent)
    with pytest.raises(remote.Refused, match="took longer than"):
        fetch(f"https://pictures.test:{server.port}/", seconds=0.4)
