"""A redis-server, started as the manifests do it, and a connection to it."""

import os
import pathlib
import re
import shutil
import socket
import subprocess
import tempfile
import time

from rendered import ROOT

OPERATOR = "user test-operator on >test allkeys allchannels allcommands"


def known(acl):
    """The users with what this redis-server knows: 7.0 has no WAITAOF, and refuses the whole file."""
    said = subprocess.run([os.environ["WQ_TEST_REDIS_SERVER"], "--version"], check=True, text=True,
                          capture_output=True).stdout
    number = said.split("v=")[1].split(" ")[0].split(".")
    knows_waitaof = (int(number[0]), int(number[1])) >= (7, 2)
    return acl if knows_waitaof else acl.replace(" +waitaof", "")


class Refused(Exception):
    """What Redis says when it does not do a thing."""


class Connection:
    def __init__(self, path, user=None, password=None):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(30)
        try:
            self.socket.connect(str(path))
        except OSError:
            self.socket.close()
            raise
        self.file = self.socket.makefile("rb")
        if user is not None:
            self.call("AUTH", user, password)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()
        self.socket.close()

    def call(self, *words):
        words = [str(word).encode() for word in words]
        self.socket.sendall(b"*%d\r\n" % len(words) +
                            b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words))
        return self.answer()

    def answer(self):
        line = self.file.readline()
        if not line.endswith(b"\r\n"):
            raise ConnectionError("Redis is gone")
        kind, rest = line[:1], line[1:-2].decode()
        if kind == b"-":
            raise Refused(rest)
        if kind == b":":
            return int(rest)
        if kind == b"$":
            return None if rest == "-1" else self.file.read(int(rest) + 2)[:-2].decode()
        if kind == b"*":
            return None if rest == "-1" else [self.answer() for _ in range(int(rest))]
        return rest


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def make_certificates(folder):
    folder.mkdir()
    new = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
           "-nodes", "-days", "2"]
    for words in (["-keyout", "ca.key", "-out", "ca.crt", "-subj", "/CN=test CA"],
                  ["-keyout", "tls.key", "-out", "tls.crt", "-subj", "/CN=redis", "-CA", "ca.crt",
                   "-CAkey", "ca.key", "-addext", "subjectAltName=DNS:redis", "-addext",
                   "basicConstraints=critical,CA:FALSE"]):
        subprocess.run([*new, *words], cwd=folder, check=True, capture_output=True)


def make_tools(folder):
    """A folder with Redis, or Valkey, and the little that `start` and `probe` need beside it."""
    folder.mkdir()
    redis = pathlib.Path(os.environ["WQ_TEST_REDIS_SERVER"])
    kind = redis.name.removesuffix("-server")
    for path in (redis, *(redis.with_name(f"{kind}-{tool}") for tool in ("check-aof", "cli"))):
        path = path if path.exists() else pathlib.Path(shutil.which(path.name))
        (folder / path.name).symlink_to(path)
    for name in ("sh", "sed", "grep", "tail"):
        (folder / name).symlink_to(shutil.which(name))


class Server:
    """Listens on a unix socket, and with TLS if `conf` says so: then certificates for the name redis
    are in the folder `tls`, with the CA that signed them."""

    def __init__(self, conf, acl, start=True):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="wq-users-"))
        self.path = self.folder / "socket"
        self.tls_port = None
        self.process = None
        self.command = (["sh", ROOT / "k8s/base/start"] if start else
                        [os.environ["WQ_TEST_REDIS_SERVER"]])
        self.log = open(self.folder / "log", "w+", encoding="utf-8")
        try:
            (self.folder / "users.acl").write_text(known(acl) + OPERATOR + "\n")
            make_tools(self.folder / "bin")
            self.data = self.folder / "data"
            self.data.mkdir()
            conf = conf.replace("/etc/redis/users/", f"{self.folder}/")
            conf += f"\nunixsocket {self.path}\nport 0\nloglevel warning\n"
            if "tls-port" not in conf:
                self.start(conf)
                return
            make_certificates(self.folder / "tls")
            conf = conf.replace("/etc/redis/tls/", f"{self.folder}/tls/")
            self.start_on_a_free_port(conf)
        except BaseException:
            self.close()
            raise

    def start_on_a_free_port(self, conf):
        for attempt in range(5):
            self.tls_port = free_port()
            try:
                return self.start(f"{conf}tls-port {self.tls_port}\n")
            except RuntimeError as error:  # somebody else has it by now
                if attempt == 4 or "Failed listening on port" not in str(error):
                    raise

    def start(self, conf):
        (self.folder / "redis.conf").write_text(conf)
        self.run()

    def run(self, *words):
        """Starts what the container runs; returns when it answers."""
        self.begin(*words)
        self.wait()

    def begin(self, *words, **how):
        self.process = subprocess.Popen(
            [*self.command, self.folder / "redis.conf", *words], cwd=self.data,
            env={"PATH": str(self.folder / "bin")}, stdin=subprocess.DEVNULL, stdout=self.log,
            stderr=self.log, **how)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def said(self):
        """What it wrote to its log."""
        self.log.seek(0)
        return self.log.read()

    def probe(self, *words, options=None):
        """What a probe of the container would find."""
        options = f"-s {self.path}" if options is None else options
        return subprocess.run(["sh", ROOT / "k8s/base/probe", *words], check=False, text=True,
                              env={"PATH": str(self.folder / "bin"), "PROBE_OPTIONS": options},
                              capture_output=True, stdin=subprocess.DEVNULL)

    def wait(self):
        self.until(self.answers)

    def answers(self):
        with self.operator() as redis:
            return redis.call("PING") == "PONG"

    def until(self, condition):
        """Waits until condition() is true; a Redis that refuses or is away makes it false."""
        end = time.monotonic() + 30
        while True:
            try:
                if condition():
                    return
                error = "the condition did not become true"
            except (OSError, Refused) as caught:
                error = caught
            if self.process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"redis-server: {error}: {self.said()}")
            time.sleep(0.01)

    def close(self):
        if self.process is not None:
            self.kill()
        self.log.close()
        shutil.rmtree(self.folder)

    def operator(self):
        return Connection(self.path, "test-operator", "test")
