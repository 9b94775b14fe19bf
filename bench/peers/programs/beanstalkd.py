"""beanstalkd with a client that has as many commands under way as it may have items in hand."""

import os
import socket
import time

import counting


class Client:
    def __init__(self):
        self.socket = socket.create_connection(("127.0.0.1", int(os.environ["BEANSTALKD_PORT"])))
        self.reader = self.socket.makefile("rb")

    def send(self, *commands):
        self.socket.sendall(b"".join(commands))

    def expect(self, word):
        line = self.reader.readline().split()
        if line[:1] != [word]:
            raise RuntimeError(f"beanstalkd said {line!r}")
        return line

    def reserved(self):
        """The id of an item; None if there was none."""
        line = self.reader.readline().split()
        if line[:1] == [b"TIMED_OUT"]:
            return None
        if line[:1] != [b"RESERVED"]:
            raise RuntimeError(f"beanstalkd said {line!r}")
        self.reader.read(int(line[2]) + 2)
        return line[1]


def push(items):
    client = Client()
    under_way = 0
    batch = []

    def flush():
        nonlocal under_way, batch
        client.send(*batch)
        for _ in range(under_way):
            client.expect(b"INSERTED")
        under_way, batch = len(batch), []

    for item in items:
        batch.append(b"put 0 0 60 %d\r\n%s\r\n" % (len(item), item.encode()))
        if len(batch) == 100:
            flush()
    flush()
    flush()


def work(in_hand):
    client = Client()
    counter = counting.Counter()
    ask = b"reserve-with-timeout 0\r\n" * in_hand
    client.send(ask)
    while True:
        numbers = [number for number in (client.reserved() for _ in range(in_hand)) if number]
        for _ in numbers:
            counter.add()
        if not numbers:
            time.sleep(0.005)
        client.send(b"".join(b"delete %s\r\n" % number for number in numbers), ask)
        for _ in numbers:
            client.expect(b"DELETED")


def sleep():
    client = Client()
    client.send(b"reserve\r\n")
    client.reserved()
    counting.sleep_for_ever()


if __name__ == "__main__":
    counting.main(push, work, sleep)
