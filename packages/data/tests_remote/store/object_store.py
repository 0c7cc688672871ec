"""What the tests talk to: a server process that speaks S3 (moto) and checks signatures, and a relay before it.

The relay passes bytes on, writes down which bytes of which key were asked for, and does what a bad network does: it
cuts answers, or never gives one.
"""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import threading
import time
from typing import NamedTuple, Self
from urllib.parse import quote, unquote

import boto3
import pyarrow.fs as pafs

_REQUEST = re.compile(rb"(GET|HEAD) /([^ ?]*)(\?\S*)? HTTP/1\.1\r\n(.*?)\r\n\r\n", re.S)
_RANGE = re.compile(rb"range: bytes=(\d+)-(\d+)", re.I)
_SETUP_CALLS = 3  # that make the user, before which nobody could sign
STARTS_WITHIN_S = 60


class Read(NamedTuple):
    """A GET of bytes [start, stop) of a key."""

    key: str
    start: int
    stop: int


class Store:
    """A server process with one user; `filesystem()` and `uri()` are what a user of Arrow would write."""

    def __enter__(self) -> Self:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(self.port)],
            env=os.environ | {"INITIAL_NO_AUTH_ACTION_COUNT": str(_SETUP_CALLS)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            self._wait()
            self._make_user()
            self.filesystem().create_dir("bucket")
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """End the server at once, as a machine that dies does."""
        self._process.kill()
        self._process.wait()

    def filesystem(self, port: int | None = None, **options: object) -> pafs.S3FileSystem:
        """The store by Arrow's filesystem, through the relay at `port`."""
        given = {
            "endpoint_override": f"http://127.0.0.1:{self.port if port is None else port}",
            "access_key": self.access_key,
            "secret_key": self.secret_key,
            "region": "us-east-1",
            "allow_bucket_creation": True,
        }
        return pafs.S3FileSystem(**(given | options))

    def uri(self, path: str, *, secret: str | None = None, port: int | None = None) -> str:
        """The same as an address, which names server and credentials."""
        # A secret may hold what means something in an address.
        login = f"{self.access_key}:{quote(self.secret_key if secret is None else secret, safe='')}"
        server = f"endpoint_override=127.0.0.1%3A{self.port if port is None else port}"
        return f"s3://{login}@{path}?{server}&scheme=http&region=us-east-1"

    def _wait(self) -> None:
        until = time.monotonic() + STARTS_WITHIN_S
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                if self._process.poll() is not None or time.monotonic() > until:
                    raise RuntimeError(f"the server did not start: exit code {self._process.poll()}") from None
                time.sleep(0.05)

    def _make_user(self) -> None:
        anyone = boto3.client(
            "iam",
            endpoint_url=f"http://127.0.0.1:{self.port}",
            region_name="us-east-1",
            aws_access_key_id="nobody",
            aws_secret_access_key="nothing",
        )
        anyone.create_user(UserName="reader")
        everything = {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [everything]})
        anyone.put_user_policy(UserName="reader", PolicyName="all", PolicyDocument=policy)
        made = anyone.create_access_key(UserName="reader")["AccessKey"]
        self.access_key, self.secret_key = made["AccessKeyId"], made["SecretAccessKey"]


class Relay:
    """Passes connections on to `target`. `cut` answers are ended after `cut_bytes` bytes; `mute`: none is passed on."""

    def __init__(self, target: int) -> None:
        self.target = target
        self.reads: list[Read] = []
        self.requests = 0
        self.cut = 0
        self.cut_bytes = 0
        self.mute = False
        self._lock = threading.Lock()
        self._sockets: list[socket.socket] = []

    def __enter__(self) -> Self:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        for each in [self._listener, *self._sockets]:
            _end(each)

    def take_reads(self) -> list[Read]:
        """What was asked for since the last call."""
        with self._lock:
            taken, self.reads = self.reads, []
        return taken

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:  # the test is over
                return
            try:
                server = socket.create_connection(("127.0.0.1", self.target))
            except OSError:  # as a server that is gone: the connection ends
                _end(client)
                continue
            self._sockets += [client, server]
            threading.Thread(target=self._requests, args=(client, server), daemon=True).start()
            threading.Thread(target=self._answers, args=(server, client), daemon=True).start()

    def _requests(self, client: socket.socket, server: socket.socket) -> None:
        head = b""
        while data := _receive(client):
            head += data
            for found in _REQUEST.finditer(head):
                self._write_down(*found.groups())
            head = head[head.rfind(b"\r\n\r\n") + 4 :] if b"\r\n\r\n" in head else head
            if not _send(server, data):
                break
        _end(server)

    def _write_down(self, verb: bytes, key: bytes, query: bytes | None, headers: bytes) -> None:
        span = _RANGE.search(headers)
        with self._lock:
            self.requests += 1
            if verb == b"GET" and query is None and span is not None:
                self.reads.append(Read(unquote(key.decode()), int(span[1]), int(span[2]) + 1))

    def _answers(self, server: socket.socket, client: socket.socket) -> None:
        passed = 0
        while data := _receive(server):
            if self.mute:
                continue
            passed += len(data)
            with self._lock:
                cuts = self.cut > 0 and passed > self.cut_bytes
                self.cut -= cuts
            if not _send(client, data[: len(data) // 2] if cuts else data) or cuts:
                break
        if not self.mute:
            _end(client)


def _receive(source: socket.socket) -> bytes:
    try:
        return source.recv(1 << 16)
    except OSError:
        return b""


def _send(target: socket.socket, data: bytes) -> bool:
    try:
        target.sendall(data)
    except OSError:
        return False
    return True


def _end(one: socket.socket) -> None:
    try:
        one.shutdown(socket.SHUT_RDWR)
    except OSError:  # ended already, by the other side
        return
    finally:
        one.close()
