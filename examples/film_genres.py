#!/usr/bin/python3
"""Counts the genres of films that are hashes in Redis, as docs/pipelines.md describes.

    wq-push films --from-keys 'title:*'
    wq-worker --queue films --coprocess --batch 200 --reduce sum --pass-redis -- /usr/bin/python3 film_genres.py
    wqctl totals films

An item is the name of a hash. Needs redis-py (Debian: python3-redis).
"""

import collections
import json
import os
import sys

import redis


def genres_of(field):
    """Filter and flatmap: "Comedy,Drama" are two, an empty field and IMDb's \\N are none."""
    text = (field or b"").decode()
    return [genre for genre in text.split(",") if genre not in ("", r"\N")]


def answers_for(films, items):
    read = films.pipeline(transaction=False)
    for item in items:
        read.hget(item["item"], "genres")
    for item, field in zip(items, read.execute()):
        yield {"id": item["id"], "answer": "done", "totals": collections.Counter(genres_of(field))}


def main():
    # --pass-redis hands down where the queue is; the films are in the same Redis.
    films = redis.Redis.from_url(os.environ["WQ_REDIS"], password=os.environ.get("REDISCLI_AUTH"))
    print('{"wq":1}', flush=True)  # ready
    for line in sys.stdin:
        items = json.loads(line).get("items")  # the first line has none
        if items:
            print(json.dumps(list(answers_for(films, items))), flush=True)


if __name__ == "__main__":
    main()
