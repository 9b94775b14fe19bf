"""Celery with Redis as its broker: the solo pool, without what it does besides working."""

import os

import counting
from celery import Celery

app = Celery("peers", broker=f"redis://127.0.0.1:{os.environ['REDIS_PORT']}/1")
app.conf.update(
    task_ignore_result=True,
    task_acks_late=True,  # else a worker that dies takes its item along
    broker_connection_retry=False,
    worker_redirect_stdouts=False,
)
COUNTER = None


@app.task(name="noop")
def noop(_item):
    if "PEER_SLEEPS" in os.environ:
        counting.sleep_for_ever()
    COUNTER.add()


def push(items):
    with app.producer_pool.acquire(block=True) as producer:
        for item in items:
            noop.apply_async((item,), producer=producer)


def work(_in_hand=1):
    global COUNTER
    COUNTER = counting.Counter()
    quiet = ["--without-gossip", "--without-mingle", "--without-heartbeat"]
    app.worker_main(["worker", "--pool=solo", "--loglevel=ERROR", "-n", f"w{os.getpid()}", *quiet])


if __name__ == "__main__":
    counting.main(push, work, work)
