"""RQ: SimpleWorker, which does not fork for each job, as its fastest."""

import itertools
import logging
import os

import counting
import redis
from rq import Queue, SimpleWorker

CONNECTION = redis.Redis(port=int(os.environ["REDIS_PORT"]))
QUEUE = Queue("peers", connection=CONNECTION)
COUNTER = None


def noop(_item):
    COUNTER.add()


def sleep(_item):
    counting.sleep_for_ever()


def push(items):
    job = "rq_peer.sleep" if "PEER_SLEEPS" in os.environ else "rq_peer.noop"
    while batch := list(itertools.islice(items, 1000)):
        QUEUE.enqueue_many([Queue.prepare_data(job, (item,), result_ttl=0) for item in batch])


def work(_in_hand=1):
    # The jobs name this module, which is not the one that was started.
    import rq_peer

    rq_peer.COUNTER = counting.Counter()
    logging.getLogger("rq.worker").setLevel(logging.ERROR)
    SimpleWorker([QUEUE], connection=CONNECTION).work(logging_level="ERROR")


if __name__ == "__main__":
    counting.main(push, work, work)
