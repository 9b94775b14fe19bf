#!/usr/bin/env python3
"""A coprocess for wq-worker: a program that is started once, and told items in batches.

    wq-worker --queue texts --coprocess --batch 64 -- python3 coprocess.py
    wqctl results texts

Everything it needs is in Python's standard library. docs/coprocess.md has every message.
"""

import json
import os
import sys


def load_model():
    """What takes long, and is to happen once."""
    return str.upper


def answer(model, item):
    """What becomes of one item. Binary ones have item_base64 in place of item. The result may be a
    string or anything else that is JSON, such as a dict."""
    try:
        return {"id": item["id"], "answer": "done", "result": model(item["item"])}
    except Exception as error:  # this item has failed, and may be tried again; the others go on
        return {"id": item["id"], "answer": "failed", "error": repr(error)}


def take_streams():
    """stdin and stdout for the protocol alone. Libraries and commands that print do so on stderr
    from here on, and commands that read stdin find it empty."""
    messages = os.fdopen(os.dup(0), "rb")
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    return messages, answers


def main():
    messages, answers = take_streams()
    model = load_model()
    print('{"wq":1}', file=answers, flush=True)  # ready
    for line in messages:
        message = json.loads(line)
        if "items" in message:  # the first line has none: it says which queue and slot this is
            done = [answer(model, item) for item in message["items"]]
            print(json.dumps(done), file=answers, flush=True)


if __name__ == "__main__":
    main()
