"""The queues that are compared: how each is filled and how its workers are started.

Every program of a peer, in programs/, does the same:
  push N             pushes N items and says "pushed N SECONDS"
  work IN_HAND       handles items with a handler that does nothing; says "count N CLOCK" at the
                     first item and every 20 ms from then on
  sleep              says "begun" when it gets an item, and never ends it
"""

import os
import time

from processes import Program, free_port, wait_for_port

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "programs")


class Peer:
    """`pile` is how many items it gets for one that the slowest gets: what takes a moment cannot be
    measured. `in_hand`: how many items a worker process may have at a time."""

    def __init__(self, name, command, in_hand=(1,), pile=1, language=""):
        self.name = name
        self.command = command
        self.in_hand = in_hand
        self.pile = pile
        self.language = language

    def start(self, _bench):
        """What it needs besides Redis; a list of programs."""
        return []

    def push(self, bench, n):
        """Returns seconds."""
        with bench.program([*self.command, "push", str(n)]) as program:
            for line in bench.lines(program, 600):
                words = line.split()
                if words[:1] == ["pushed"] and int(words[1]) == n:
                    return float(words[2])
        raise AssertionError("the lines ended without an error")

    def work(self, _bench, in_hand):
        return [*self.command, "work", str(in_hand)]

    def sleep(self, _bench):
        return [*self.command, "sleep"]


class Ours(Peer):
    def __init__(self):
        super().__init__("wq", [], (1, 100), pile=20, language="C++")

    def push(self, bench, n):
        """With the start of the process and the reading of the file."""
        items = os.path.join(bench.folder, "items")
        with open(items, "w", encoding="ascii") as file:
            file.writelines(f"item-{i:045d}\n" for i in range(n))
        begin = time.monotonic()
        command = [bench.ours("wq-push"), "--redis", bench.url, "peers", "--file", items]
        with bench.program(command) as program:
            if program.wait(600) != 0:
                raise RuntimeError("wq-push failed")
        return time.monotonic() - begin

    def _noop(self, bench, *options):
        return [bench.ours("wq-bench-noop"), "--redis", bench.url, "--queue", "peers", *options]

    def work(self, bench, in_hand):
        return self._noop(bench, "--batch", str(in_hand))

    def sleep(self, bench):
        return self._noop(bench, "--sleep")


class Beanstalkd(Peer):
    def start(self, bench):
        port = free_port()
        bench.environment["BEANSTALKD_PORT"] = str(port)
        server = bench.program(["beanstalkd", "-l", "127.0.0.1", "-p", str(port)])
        wait_for_port(port)
        return [server]


def script(interpreter, file):
    return [interpreter, os.path.join(HERE, file)]


def all_peers():
    return [
        Ours(),
        Beanstalkd("beanstalkd", script("python3", "beanstalkd.py"), (1, 100), 2, "Python client"),
        Peer("bee-queue", script("node", "bee_queue.cjs"), (1, 100), 2, "Node"),
        Peer("BullMQ", script("node", "bullmq.cjs"), (1, 100), 2, "Node"),
        Peer("Sidekiq", script("ruby", "sidekiq.rb"), (1, 100), 2, "Ruby"),
        Peer("Celery", script("python3", "celery_peer.py"), (1,), 1, "Python, solo pool"),
        Peer("RQ", script("python3", "rq_peer.py"), (1,), 1, "Python, SimpleWorker"),
    ]
