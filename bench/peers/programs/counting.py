"""What the Python programs have in common: items, and a count that is said aloud."""

import sys
import threading
import time


def items(n):
    return (f"item-{i:045d}" for i in range(n))


def say(*words):
    print(*words, flush=True)


def timed_push(n, push):
    begin = time.monotonic()
    push(items(n))
    say("pushed", n, time.monotonic() - begin)


class Counter:
    """Counts handled items; a thread says the count, so that counting costs the handler nothing."""

    def __init__(self):
        self.count = 0
        threading.Thread(target=self._report, daemon=True).start()

    def add(self):
        self.count += 1
        if self.count == 1:
            say("count", 1, time.monotonic())

    def _report(self):
        said = 1
        while True:
            time.sleep(0.02)
            now = self.count
            if now > said:
                said = now
                say("count", now, time.monotonic())


def sleep_for_ever():
    say("begun")
    time.sleep(3600)


def main(push, work, sleep):
    verb = sys.argv[1]
    if verb == "push":
        timed_push(int(sys.argv[2]), push)
    elif verb == "work":
        work(int(sys.argv[2]))
    else:
        sleep()
