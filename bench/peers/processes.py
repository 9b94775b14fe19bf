"""Processes that are measured: what they write is read line by line, and they are gone at the end."""

import os
import queue
import shutil
import signal
import socket
import subprocess
import threading
import time

from fetch import Unavailable


class Program:
    """A program in a process group of its own. Its lines come in an order across programs if they
    share a `lines` queue: (program, line), and (program, None) at its end."""

    def __init__(self, command, environment, folder, lines=None):
        self.lines = lines or queue.Queue()
        self._log = open(os.path.join(folder, "log.txt"), "ab")
        try:
            self._process = subprocess.Popen(
                command,
                env=environment,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=self._log,
                start_new_session=True,
            )
        except FileNotFoundError as error:
            raise Unavailable(f"cannot start {error.filename}") from error
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self._process.stdout:
            self.lines.put((self, line.decode(errors="replace").strip()))
        self.lines.put((self, None))

    def wait(self, seconds):
        return self._process.wait(timeout=seconds)

    def kill(self):
        """SIGKILL to the whole group."""
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self._process.wait()
        self._log.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for_port(port, seconds=15):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.02)
    raise Unavailable(f"nothing answers at port {port}")


class RedisServer(Program):
    """Over TCP on the loopback, since all clients can do that; persists nothing."""

    def __init__(self, folder):
        self.port = free_port()
        program = shutil.which("redis-server") or shutil.which("valkey-server")
        if program is None:
            raise Unavailable("there is no redis-server here")
        command = [program, "--port", str(self.port), "--bind", "127.0.0.1", "--save", ""]
        super().__init__(command, dict(os.environ), folder)
        wait_for_port(self.port)

    def flush(self):
        with socket.create_connection(("127.0.0.1", self.port)) as client:
            client.sendall(b"*1\r\n$8\r\nFLUSHALL\r\n")
            answer = client.recv(100)
            if not answer.startswith(b"+OK"):
                raise Unavailable(f"FLUSHALL was answered with {answer!r}")
