"""What happens outside a request: who may call the server by which name, silence, and bytes that are no HTTP."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator

import httpx
import pytest

from s1kit.serve import server as process
from s1kit.serve.connection import Connection
from s1kit.serve.hosts import host_name
from s1kit.serve.server import Process
from s1kit.serve.service import Limits
from unit.serve.serving import HELLO, Running, chatty, endless, serving

SHAPE = {"message", "type", "param", "code"}
HEAD = b"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    with serving(chatty()) as running:
        yield running
        running.idle()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> Iterator[Running]:
    monkeypatch.setattr(Connection, "seconds", 0.3)
    with serving(chatty()) as running:
        yield running
        running.idle()


def connect(server: Running) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), timeout=20)


def heard(sock: socket.socket) -> bytes:
    """Everything up to the end of the connection."""
    data = b""
    while part := sock.recv(65536):
        data += part
    return data


def refused(data: bytes, status: int) -> str:
    head, _, body = data.partition(b"\r\n\r\n")
    assert f" {status} ".encode() in head.splitlines()[0] + b" "
    assert b"content-type: application/json" in head.lower()
    error = json.loads(body)["error"]
    assert set(error) == SHAPE
    return str(error["message"])


# -- names


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "LOCALHOST:1", "localhost.", "127.3.2.1:80", "[::1]:8000"])
def test_this_machine_is_answered_under_its_own_names(server: Running, host: str) -> None:
    assert httpx.get(server.url + "/health", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "192.168.0.1", ""]
)
@pytest.mark.parametrize("path", ["/", "/v1/models", "/health", "/nowhere"])
def test_a_page_that_calls_itself_by_another_name_is_refused(server: Running, host: str, path: str) -> None:
    reply = httpx.get(server.url + path, headers={"Host": host})
    assert reply.status_code == 403
    assert reply.json()["error"]["code"] == "host_not_allowed"
    assert "--allow-host" in reply.json()["error"]["message"]


def test_nothing_runs_for_it(server: Running) -> None:
    before = httpx.get(server.url + "/metrics").text.count("s1_rows_total")
    assert server.post(HELLO, headers={"Host": "evil.example"}).status_code == 403
    assert httpx.get(server.url + "/metrics").text.count("s1_rows_total") == before


def test_other_names_can_be_allowed() -> None:
    with serving(chatty(), hosts=("Box.Example",)) as server:
        for host, status in (("box.example:8000", 200), ("localhost", 200), ("evil.example", 403)):
            assert httpx.get(server.url + "/health", headers={"Host": host}).status_code == status


def test_an_address_that_others_reach_is_asked_by_any_name_unless_names_are_given() -> None:
    assert Process(host="0.0.0.0", public=True).names is None
    assert Process(host="0.0.0.0", public=True, hosts=("a",)).names == ("a",)
    assert Process(host="::1").names == ()
    assert [host_name(h) for h in ("[::1]:80", "A.b.:1", "x", "")] == ["::1", "a.b", "x", ""]


def test_a_client_older_than_the_host_header_is_no_browser(server: Running) -> None:
    with connect(server) as sock:
        sock.sendall(b"GET /health HTTP/1.0\r\n\r\n")
        assert b'{"status":"ok"}' in heard(sock)


# -- silence


def test_headers_one_byte_at_a_time_are_given_up(impatient: Running) -> None:
    started = time.monotonic()
    with connect(impatient) as sock:
        data = b""
        try:
            for byte in HEAD * 100:
                sock.sendall(bytes([byte]))
                time.sleep(0.02)
                sock.settimeout(0.001)
                try:
                    data += sock.recv(65536)
                    break
                except TimeoutError:
                    sock.settimeout(20)
        except OSError:
            pass
        sock.settimeout(20)
        assert "headers did not arrive" in refused(data + heard(sock), 408)
    assert time.monotonic() - started < 5


def test_a_connection_that_says_nothing_is_closed(impatient: Running) -> None:
    with connect(impatient) as sock:
        assert heard(sock) == b""


def test_the_rest_of_a_refused_body_is_not_waited_for(impatient: Running) -> None:
    with connect(impatient) as sock:
        sock.sendall(HEAD.replace(b"application/json", b"text/plain") + b"Content-Length: 1000000\r\n\r\n")
        assert b" 415 " in sock.recv(65536).splitlines()[0]
        with pytest.raises(OSError):  # noqa: PT012
            for _ in range(200):
                sock.sendall(b"x")
                time.sleep(0.02)


def test_a_client_that_asks_again_keeps_its_connection(impatient: Running) -> None:
    with httpx.Client(base_url=impatient.url) as client:
        ports = set()
        for _ in range(5):
            reply = client.get("/health")
            ports.add(reply.extensions["network_stream"].get_extra_info("client_addr"))
            time.sleep(0.2)
    assert len(ports) == 1


def test_a_request_that_takes_longer_than_that_is_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Connection, "seconds", 0.1)
    with serving(endless(0.01)) as server:
        assert server.post({**HELLO, "max_tokens": 60}).status_code == 200
        assert server.post({**HELLO, "max_tokens": 60, "stream": True}).text.endswith("[DONE]\n\n")


@pytest.mark.parametrize("stream", [True, False])
def test_a_reply_that_nobody_takes_is_thrown_away(monkeypatch: pytest.MonkeyPatch, stream: bool) -> None:
    monkeypatch.setattr(Connection, "seconds", 0.3)
    monkeypatch.setattr(process, "SEND_BUFFER", 2048)
    body = {**HELLO, "max_tokens": 14_000, "thinking_budget": 100, "stream": stream}
    payload = json.dumps(body).encode() + b" " * 2_000
    with serving(endless(slots=1), limits=Limits(stall_seconds=0.5)) as server:
        with socket.socket() as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            sock.connect(("127.0.0.1", server.port))
            path = HEAD.replace(b"/v1/completions", b"/v1/chat/completions")
            sock.sendall(path + f"Content-Length: {len(payload)}\r\n\r\n".encode() + payload)
            connections = server.server.server_state.connections
            server.until(lambda: connections and next(iter(connections)).transport.get_write_buffer_size() > 0)
            server.until(lambda: not connections, 4)
        server.idle()


# -- what is no HTTP


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n\r\n", 400),  # no Host
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),  # somebody speaks TLS
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 80_000, 431),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"a: b\r\n" * 12_000, 431),
        (HEAD + b"Content-Length: -5\r\n\r\n", 400),
        (HEAD + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n", 400),
    ],
)
def test_what_is_no_http_is_refused_in_the_shape_of_openai(server: Running, sent: bytes, status: int) -> None:
    with connect(server) as sock:
        sock.sendall(sent)
        refused(heard(sock), status)
    assert httpx.get(server.url + "/health").status_code == 200


def test_a_body_in_broken_chunks_is_refused(server: Running) -> None:
    with connect(server) as sock:
        sock.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello")
        time.sleep(0.1)
        sock.sendall(b"\r\nzz\r\n")
        refused(heard(sock), 400)
    server.idle()


def test_ten_thousand_header_bytes_are_taken(server: Running) -> None:
    assert server.post(HELLO, headers={"X-Long": "x" * 10_000}).status_code == 200
