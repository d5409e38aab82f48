"""Sites on loopback that misbehave, one path a misdeed, and a resolver that is told what to say."""

from __future__ import annotations

import gzip
import socket
import socketserver
import ssl
import threading
import zlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

Misdeed = Callable[["Visit"], None]
# Between two bytes of a site that drips.
DRIP = 0.02


class Visit(socketserver.StreamRequestHandler):
    """A connection: reads requests and does what the site has under their path."""

    server: HostileSite

    def handle(self) -> None:
        self.server.connections += 1
        try:
            while line := self.rfile.readline(65536):
                self.line = line.decode("latin-1").strip()
                self.headers: dict[str, str] = {}
                while header := self.rfile.readline(65536).decode("latin-1").strip():
                    name, _colon, value = header.partition(":")
                    self.headers[name.lower()] = value.strip()
                self.path = self.line.split(" ")[1]
                self.server.requests.append((self.path, self.headers))
                self.server.answer(self)
        except OSError:
            # Hanging up on a site like this is what the client is for.
            return

    def send(
        self, body: bytes, status: str = "200 OK", type: str = "text/html", **headers: str
    ) -> None:
        """A whole, decent answer."""
        lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}"]
        lines += [f"Content-Type: {type}"] if type else []
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        self.raw("\r\n".join([*lines, "", ""]).encode("utf-8") + body)

    def raw(self, data: bytes) -> None:
        """Bytes as they are."""
        self.wfile.write(data)

    def drip(self, data: bytes) -> None:
        """Bytes one by one, until the site closes."""
        for byte in data:
            self.raw(bytes([byte]))
            if self.server.closed.wait(DRIP):
                return

    def wait(self) -> None:
        """Say nothing until the other side goes, or the site closes."""
        self.connection.settimeout(DRIP)
        while not self.server.closed.is_set():
            try:
                if not self.connection.recv(1):
                    return
            except TimeoutError:
                continue


class HostileSite(socketserver.ThreadingTCPServer):
    """A site on a free port of loopback; use it as a context manager."""

    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True

    def __init__(self, deeds: dict[str, Misdeed] | None = None, tls: Any = None) -> None:
        super().__init__(("127.0.0.1", 0), Visit)
        self.deeds = DEEDS | (deeds or {})
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.connections = 0
        self.closed = threading.Event()
        self.names: list[str | None] = []
        if tls:
            tls.sni_callback = lambda _socket, name, _context: self.names.append(name)
            self.socket = tls.wrap_socket(self.socket, server_side=True)

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def answer(self, visit: Visit) -> None:
        path, _mark, query = visit.path.partition("?")
        if path == "/to":
            visit.send(b"", "302 Found", Location=unquote(query))
        elif deed := self.deeds.get(path):
            deed(visit)
        else:
            visit.send(b"nothing here", "404 Not Found")

    def handle_error(self, *_: Any) -> None:
        """Handshakes that the client refuses end here."""

    def __enter__(self) -> HostileSite:
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.closed.set()
        self.shutdown()
        self.server_close()


def zeros(count: int) -> Iterator[bytes]:
    """So many megabytes of nothing, packed small."""
    packer = zlib.compressobj(9, wbits=31)
    for _ in range(count):
        yield packer.compress(b"\0" * 1024 * 1024)
    yield packer.flush()


def _bomb(visit: Visit) -> None:
    visit.send(b"".join(zeros(50)), Content_Encoding="gzip")


def _silent_body(visit: Visit) -> None:
    visit.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n")
    visit.wait()


def _drips_body(visit: Visit) -> None:
    visit.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n")
    visit.drip(b"x" * 99999)


def _endless(visit: Visit) -> None:
    visit.raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while not visit.server.closed.is_set():
        visit.raw(b"10000\r\n" + b"x" * 65536 + b"\r\n")


def _endless_without_length(visit: Visit) -> None:
    visit.raw(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
    while not visit.server.closed.is_set():
        visit.raw(b"x" * 65536)


def _endless_headers(visit: Visit) -> None:
    visit.raw(b"HTTP/1.1 200 OK\r\n")
    while not visit.server.closed.is_set():
        visit.raw(b"X-More: and more\r\n" * 1000)


def _endless_continues(visit: Visit) -> None:
    while not visit.server.closed.wait(DRIP):
        visit.raw(b"HTTP/1.1 100 Continue\r\n\r\n")


def _deeper(visit: Visit) -> None:
    number = int(visit.path.partition("?")[2] or 0)
    visit.send(b"", "302 Found", Location=f"/deeper?{number + 1}")


def _raw(data: bytes) -> Misdeed:
    def deed(visit: Visit) -> None:
        visit.raw(data)
        visit.connection.shutdown(socket.SHUT_WR)

    return deed


DEEDS: dict[str, Misdeed] = {
    "/page": lambda visit: visit.send(b"<p>Hello</p>"),
    "/packed": lambda visit: visit.send(gzip.compress(b"<p>Hello</p>"), Content_Encoding="gzip"),
    "/bomb": _bomb,
    "/bomb-inside-bomb": lambda visit: visit.send(
        gzip.compress(b"".join(zeros(50))), Content_Encoding="gzip, gzip"
    ),
    "/declares-too-much": _raw(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n"),
    "/endless": _endless,
    "/endless-without-length": _endless_without_length,
    "/silent": lambda visit: visit.wait(),
    "/silent-body": _silent_body,
    "/drips-headers": lambda visit: visit.drip(b"HTTP/1.1 200 OK\r\n" + b"X-A: b\r\n" * 9999),
    "/drips-body": _drips_body,
    "/huge-header": _raw(b"HTTP/1.1 200 OK\r\nX-Huge: " + b"x" * 300_000 + b"\r\n\r\n"),
    "/endless-headers": _endless_headers,
    "/endless-continues": _endless_continues,
    "/circle": lambda visit: visit.send(b"", "301 Moved", Location="/circle"),
    "/deeper": _deeper,
    "/garbage": _raw(b"SSH-2.0-OpenSSH_9.9\r\n\r\n"),
    "/hangs-up": _raw(b""),
    "/breaks-off": _raw(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"),
    "/two-lengths": _raw(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nContent-Length: 9\r\n\r\nhalf"),
    "/bad-chunk": _raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\nx\r\n"),
    "/brotli": lambda visit: visit.send(b"?", Content_Encoding="br"),
    "/not-gzip": lambda visit: visit.send(b"plain", Content_Encoding="gzip"),
    "/half-gzip": lambda visit: visit.send(
        gzip.compress(b"x" * 1000)[:-12], Content_Encoding="gzip"
    ),
    "/picture": lambda visit: visit.send(b"\x89PNG", type="image/png"),
    "/no-type": lambda visit: visit.send(b"<p>Hello</p>", type=""),
    "/odd-location": lambda visit: visit.send(b"", "302 Found", Location="http://[::1"),
}


class Resolver:
    """Stands in for the system's resolver: names to the addresses of each question in turn."""

    def __init__(self, names: dict[str, list[list[str]]]) -> None:
        self.names = names
        self.asked: list[str] = []

    def __call__(self, host: str, port: int, *_: Any, **__: Any) -> list[Any]:
        try:
            found = [str(ip_address(host))]
        except ValueError:
            found = self._answer(host)
        return [
            (
                socket.AF_INET6
                if ip_address(address.partition("%")[0]).version == 6
                else socket.AF_INET,
                socket.SOCK_STREAM,
                6,
                "",
                (address, port),
            )
            for address in found
        ]

    def _answer(self, host: str) -> list[str]:
        self.asked.append(host)
        if host not in self.names:
            raise socket.gaierror(socket.EAI_NONAME, "no such name")
        answers = self.names[host]
        return answers[min(self.asked.count(host), len(answers)) - 1]


def certificate(folder: Path, name: str, *, days: int = 1) -> tuple[Path, ssl.SSLContext]:
    """A certificate that signs itself, as a file and for a server; `days` below 0: run out."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=9))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    public, private = folder / f"{name}.pem", folder / f"{name}.key"
    public.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(public, private)
    return public, context
