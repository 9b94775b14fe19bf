#!/usr/bin/env python3
"""redis_wq.py SOCKET QUEUE: a worker like the class RedisWQ of the Kubernetes documentation.

The commands are those of the class, in its order; each item that was worked on is a line of output.
Ends when the queue looks empty to it, which is all that the class offers.
"""
import hashlib
import socket
import sys
import time
import uuid

LEASE_SECONDS = 2
PATIENCE_SECONDS = 60


class Redis:
    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(10)
        self.socket.connect(path)
        self.file = self.socket.makefile("rb")

    def call(self, *words):
        words = [w if isinstance(w, bytes) else str(w).encode() for w in words]
        self.socket.sendall(b"*%d\r\n" % len(words) +
                            b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in words))
        line = self.file.readline()
        if not line.endswith(b"\r\n"):
            raise ConnectionError("Redis is gone")
        kind, rest = line[:1], line[1:-2]
        if kind == b"-":
            raise ConnectionError(rest.decode())
        if kind == b"$":
            return self.bulk(int(rest))
        if kind == b":":
            return int(rest)
        return None if kind == b"*" else rest

    def bulk(self, length):
        if length < 0:
            return None
        data = self.file.read(length + 2)
        if len(data) < length + 2:
            raise ConnectionError("Redis is gone")
        return data[:-2]


def work(path, queue):
    redis = Redis(path)
    session = str(uuid.uuid4())
    processing = queue + ":processing"
    while redis.call("LLEN", queue) or redis.call("LLEN", processing):
        item = redis.call("BRPOPLPUSH", queue, processing, 1)
        if item is None:
            continue
        lease = queue + ":leased_by_session:" + hashlib.sha224(item).hexdigest()
        redis.call("SETEX", lease, LEASE_SECONDS, session)
        print(item.decode(), flush=True)
        redis.call("LREM", processing, 0, item)
        redis.call("DEL", lease)


def main():
    end = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < end:
        try:
            work(*sys.argv[1:])
            return
        except OSError:
            time.sleep(0.05)


main()
