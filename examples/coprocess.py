#!/usr/bin/env python3
"""A coprocess for wq-worker: a program that is started once, and told items in batches.

    wq-worker --queue texts --coprocess --batch 64 -- python3 coprocess.py
    wqctl results texts

Everything it needs is in Python's standard library. docs/coprocess.md has every message.
"""

import json
import sys


def load_model():
    """What takes long, and is to happen once."""
    return str.upper


def answer(model, item):
    """What becomes of one item. Binary ones have item_base64 in place of item."""
    try:
        return {"id": item["id"], "answer": "done", "result": model(item["item"])}
    except Exception as error:  # this item has failed, and may be tried again; the others go on
        return {"id": item["id"], "answer": "failed", "error": repr(error)}


def main():
    model = load_model()
    print('{"wq":1}', flush=True)  # ready; stdout is for answers alone, everything else on stderr
    for line in sys.stdin.buffer:
        message = json.loads(line)
        if "items" in message:  # the first line has none: it says which queue and slot this is
            print(json.dumps([answer(model, item) for item in message["items"]]), flush=True)


if __name__ == "__main__":
    main()
