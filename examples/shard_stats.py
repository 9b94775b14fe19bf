#!/usr/bin/python3
"""The coprocess beside shard_stats.cc: the same statistics of tar shards, with the same totals.

    wq-push shards 'train-{000..399}.tar'
    wq-worker --queue shards --coprocess --reduce sum -- /usr/bin/python3 examples/shard_stats.py
    wqctl totals shards --json | examples/mean_and_deviation

Given shards, it prints the totals of them all as `wqctl totals --json` does, without a queue:

    examples/shard_stats.py train-*.tar | examples/mean_and_deviation

Needs Pillow (Debian: python3-pil).
"""

import collections
import json
import sys
import tarfile

from PIL import Image

CHANNELS = ("red", "green", "blue")
IMAGES = (".png", ".jpg", ".jpeg")  # a shard also holds labels, captions and the like


def histograms(image):
    """Of red, green and blue: how many pixels have the value 0, 1, ... 255."""
    if image.mode == "CMYK":
        raise ValueError("an image in CMYK has no red, green and blue")
    if image.mode.startswith("I"):  # 16 bits of grey, which Pillow would cut off at 255: the upper 8
        image = Image.frombytes("L", image.size, image.convert("I").tobytes()[1::4])
    # With transparency and then without: so Pillow does not warn of what gets lost.
    counts = image.convert("RGBA").histogram()
    return [counts[i * 256:(i + 1) * 256] for i in range(3)]


def totals_of(path):
    """Whole numbers only: the sums over all shards are exact, in any order."""
    totals = dict.fromkeys(["images", "pixels"], 0)
    totals.update((f"{channel} {what}", 0) for channel in CHANNELS for what in ("sum", "squares"))
    with tarfile.open(path, "r:") as shard:
        for member in shard:
            if not member.isfile() or not member.name.lower().endswith(IMAGES):
                continue
            try:
                with Image.open(shard.extractfile(member), formats=("PNG", "JPEG")) as image:
                    counts = histograms(image)
            except Exception as error:
                raise ValueError(f"{member.name}: {error}") from error
            totals["images"] += 1
            totals["pixels"] += sum(counts[0])
            for channel, count in zip(CHANNELS, counts):
                totals[f"{channel} sum"] += sum(v * n for v, n in enumerate(count))
                totals[f"{channel} squares"] += sum(v * v * n for v, n in enumerate(count))
    return totals


def answer(item):
    try:
        return {"id": item["id"], "answer": "done", "totals": totals_of(item["item"])}
    except Exception as error:  # no use in trying again
        return {"id": item["id"], "answer": "fatal", "error": str(error)}


def main():
    if len(sys.argv) > 1:
        totals = collections.Counter()
        for path in sys.argv[1:]:
            totals.update(totals_of(path))
        for key in sorted(totals):
            print(json.dumps({"key": key, "sum": totals[key]}))
        return
    print('{"wq":1}', flush=True)  # ready
    for line in sys.stdin:
        for item in json.loads(line).get("items", []):  # the first line has none
            print(json.dumps(answer(item)), flush=True)


if __name__ == "__main__":
    main()
