"""The coprocess of a round: does with an item, once, what the end of its name says."""

import json
import os
import signal
import sys
import time


def first(item):
    try:
        os.close(os.open(os.path.join(os.environ["FAULT_MARKS"], item), os.O_CREAT | os.O_EXCL))
        return True
    except FileExistsError:
        return False


def is_good(message):
    """A checkpoint is of the same item and of an earlier lease."""
    item, _, fence = message.get("checkpoint", "").rpartition(" ")
    return not fence or (item == message["item"] and int(fence) < message["fence"])


def answer(message):
    item = message["item"]
    if not is_good(message):
        return {"id": message["id"], "answer": "done", "result": "given " + message["checkpoint"]}
    if item.endswith(":poison"):
        os.kill(os.getppid(), signal.SIGKILL)
        time.sleep(10)
    if ":" in item and first(item):
        if item.endswith(":kill-handler"):
            os.kill(os.getpid(), signal.SIGKILL)
        if item.endswith(":kill-worker"):
            os.kill(os.getppid(), signal.SIGKILL)
        if item.endswith(":fail"):
            checkpoint = f"{item} {message['fence']}"
            return {"id": message["id"], "answer": "failed", "error": "as asked", "checkpoint": checkpoint}
        if item.endswith(":outlast-lease"):
            time.sleep(0.8)
    result = "done " + item
    return {"id": message["id"], "answer": "done", "result": result, "totals": {result: 1},
            "follow_ups": [{"item": result, "queue": "next"}]}


print('{"wq":1}', flush=True)
for line in sys.stdin:
    for each in json.loads(line).get("items", []):
        print(json.dumps(answer(each)), flush=True)
