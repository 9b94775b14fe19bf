#!/usr/bin/env python3
"""Sets wq beside other queues: the same pile of do-nothing items, the same redis-server, the same
number of worker processes, in turns, in one run. Writes a table (Markdown), the figures (JSON) and
a plot (SVG). Called by bench/peers/run, which builds ours."""

import argparse
import json
import os
import queue
import shutil
import statistics
import sys
import tempfile
import time

import fetch
import plot
from fetch import Scratch, Unavailable
from peers import all_peers
from processes import Program, RedisServer

WORKERS = 2
TOO_LONG = 600


class Bench:
    """What a measurement works with."""

    def __init__(self, programs, scratch, folder, redis):
        self._programs = programs
        self.folder = folder
        self.redis = redis
        self.url = f"redis://127.0.0.1:{redis.port}/0"
        self.environment = {**scratch.environment(), "REDIS_PORT": str(redis.port)}

    def ours(self, name):
        return os.path.join(self._programs, name)

    def program(self, command, lines=None, **variables):
        return Program(command, {**self.environment, **variables}, self.folder, lines)

    def lines(self, program, seconds):
        """What a program says, until it ends; then, or after so many seconds, Unavailable."""
        end = time.monotonic() + seconds
        while True:
            try:
                _, line = program.lines.get(timeout=max(0.01, end - time.monotonic()))
            except queue.Empty as error:
                raise Unavailable(f"nothing came within {seconds} s") from error
            if line is None:
                raise Unavailable(f"a program of it ended early; {self.last_words()}")
            yield line

    def last_words(self):
        with open(os.path.join(self.folder, "log.txt"), encoding="utf-8", errors="replace") as log:
            said = [line.strip() for line in log if line.strip()]
        errors = [line for line in said if "Error" in line or "error" in line]
        return (errors or said or ["it said nothing"])[-1]


def drain(bench, peer, in_hand, n):
    """Items a second between the first and the last item, whatever the programs take to start."""
    bench.redis.flush()
    servers = peer.start(bench)
    workers = []
    try:
        push_seconds = peer.push(bench, n)
        lines = queue.Queue()
        workers = [bench.program(peer.work(bench, in_hand), lines) for _ in range(WORKERS)]
        handled = {}
        first = last = None
        for line in every_line(bench, workers[0], lines, workers):
            worker, words = line
            if words[:1] != ["count"]:
                continue
            at = float(words[2])
            handled[worker] = int(words[1])
            first = at if first is None else min(first, at)
            last = at if last is None else max(last, at)
            if sum(handled.values()) >= n:
                break
        if sum(handled.values()) != n:
            raise Unavailable(f"{sum(handled.values())} items were handled instead of {n}")
        return {"push": n / push_seconds, "drain": n / (last - first)}
    finally:
        for each in workers + servers:
            each.kill()


def every_line(bench, program, lines, workers):
    """(worker, words) until all have ended or nothing comes any more."""
    living = set(workers)
    program.lines = lines
    while living:
        try:
            worker, line = lines.get(timeout=60)
        except queue.Empty as error:
            raise Unavailable(f"a drain stands still; {bench.last_words()}") from error
        if line is None:
            living.discard(worker)
        else:
            yield worker, line.split()
    # Workers of wq exit when the queue is drained, and have printed their counts.


def after_kill(bench, peer, wait_seconds):
    """What becomes of an item whose worker got SIGKILL."""
    bench.redis.flush()
    servers = peer.start(bench)
    sleeping = {"PEER_SLEEPS": "1"}
    bench.environment.update(sleeping)
    try:
        peer.push(bench, 1)
        with bench.program(peer.sleep(bench)) as first:
            wait_until_begun(bench, first, 60)
        killed = time.monotonic()
        with bench.program(peer.sleep(bench)) as second:
            try:
                wait_until_begun(bench, second, wait_seconds)
            except Unavailable:
                return f"not run again within {wait_seconds} s"
        return f"run again after {time.monotonic() - killed:.1f} s"
    finally:
        for name in sleeping:
            del bench.environment[name]
        for each in servers:
            each.kill()


def wait_until_begun(bench, program, seconds):
    for line in bench.lines(program, seconds):
        if line == "begun":
            return


def compare_processes(bench, n):
    """A process for each item: ours, and GNU parallel."""
    items = os.path.join(bench.folder, "arguments")
    with open(items, "w", encoding="ascii") as file:
        file.writelines(f"{i}\n" for i in range(n))

    def timed(command):
        begin = time.monotonic()
        with bench.program(command) as program:
            if program.wait(TOO_LONG) != 0:
                raise Unavailable(f"{os.path.basename(command[0])} failed; {bench.last_words()}")
        return n / (time.monotonic() - begin)

    def ours():
        bench.redis.flush()
        timed([bench.ours("wq-push"), "--redis", bench.url, "peers", "--file", items])
        worker = [bench.ours("wq-worker"), "--redis", bench.url, "--queue", "peers"]
        return timed([*worker, "--concurrency", str(WORKERS), "--", "true", "{}"])

    def parallel():
        return timed(["parallel", "--will-cite", f"-j{WORKERS}", "-a", items, "true"])

    return {"wq-worker": ours, "GNU parallel": parallel}


def medians(rounds):
    return {key: statistics.median(each[key] for each in rounds) for key in rounds[0]}


def measure(options, bench, scratch):
    """(peers, rows, what could not be measured)"""
    peers, missing = [], {}
    for peer in all_peers():
        if options.only and peer.name not in options.only:
            continue
        try:
            scratch.fetch(peer.name)
            peers.append(peer)
        except Unavailable as error:
            missing[peer.name] = str(error)
    bench.environment.update(scratch.environment())

    # In turns: every peer once, then every peer again.
    figures = {}
    for _ in range(options.rounds):
        for peer in peers:
            for in_hand in peer.in_hand:
                if peer.name in missing:
                    break
                n = options.items * peer.pile
                say(f"{peer.name}: {n} items, {in_hand} in hand")
                try:
                    figures.setdefault((peer, in_hand), []).append(drain(bench, peer, in_hand, n))
                except Unavailable as error:
                    missing[peer.name] = str(error)
    rows = []
    for (peer, in_hand), rounds in figures.items():
        if peer.name in missing:
            continue
        rows.append(
            {
                "name": peer.name,
                "language": peer.language,
                "in_hand": in_hand,
                "items": options.items * peer.pile,
                **medians(rounds),
            }
        )
    return peers, rows, missing


def measure_kills(options, bench, peers, rows, missing):
    """Last: it takes minutes in which nobody works, so other work on the machine does no harm."""
    for peer in peers:
        if peer.name in missing:
            continue
        say(f"{peer.name}: kill -9")
        ended = after_kill(bench, peer, options.kill_wait)
        for row in rows:
            if row["name"] == peer.name:
                row["after_kill"] = ended


def measure_processes(options, bench, scratch, missing):
    try:
        scratch.fetch("GNU parallel")
    except Unavailable as error:
        missing["GNU parallel"] = str(error)
        return {}
    bench.environment.update(scratch.environment())
    say("GNU parallel: a process for each item")
    contenders = compare_processes(bench, max(100, options.items // 10))
    try:
        rounds = [{name: run() for name, run in contenders.items()} for _ in range(options.rounds)]
    except Unavailable as error:
        missing["GNU parallel"] = str(error)
        return {}
    return medians(rounds)


def table(rows, processes, missing):
    text = (
        f"{WORKERS} worker processes, items of 50 bytes, a handler that does nothing; "
        "medians, items a second.\n\n"
        "| queue | in hand | items | push | drain | after SIGKILL of the worker |\n"
        "| --- | ---: | ---: | ---: | ---: | --- |\n"
    )
    for row in rows:
        name = f"{row['name']} ({row['language']})"
        text += (
            f"| {name} | {row['in_hand']} | {row['items']:,} | {row['push']:,.0f} "
            f"| {row['drain']:,.0f} | {row.get('after_kill', 'not measured')} |\n"
        )
    if processes:
        text += "\nA process of `true` for each item, two at a time:\n\n| | processes a second |\n"
        text += "| --- | ---: |\n"
        for name, rate in processes.items():
            text += f"| {name} | {rate:,.0f} |\n"
    for name, why in missing.items():
        text += f"\nNot measured: {name}: {why}\n"
    return text


def say(text):
    print(f"compare: {text}", file=sys.stderr, flush=True)


def read_options():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--programs", required=True, help="the folder of our programs")
    parser.add_argument("--scratch", required=True, help="the folder for what is fetched")
    parser.add_argument("--items", type=int, default=10_000, help="for the slowest; others get more")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", action="append", help="a peer by its name; may be repeated")
    parser.add_argument(
        "--kill-wait",
        type=int,
        default=75,
        metavar="SECONDS",
        help="how long to wait for the item of a worker that got SIGKILL; 0: not measured",
    )
    parser.add_argument("--output", help="the folder for peers.md, .json, .svg [the scratch folder]")
    options = parser.parse_args()
    if options.items < 100 or options.rounds < 1:
        parser.error("at least 100 items and one round")
    known = [peer.name for peer in all_peers()]
    for name in options.only or []:
        if name not in known:
            parser.error(f"there is no peer '{name}'; there are {', '.join(known)}")
    return options


def main():
    options = read_options()
    scratch = Scratch(options.scratch)
    output = options.output or scratch.folder
    os.makedirs(output, exist_ok=True)
    folder = tempfile.mkdtemp(prefix="wq-peers-")
    try:
        load = os.getloadavg()[0]
        with RedisServer(folder) as redis:
            bench = Bench(options.programs, scratch, folder, redis)
            peers, rows, missing = measure(options, bench, scratch)
            processes = {} if options.only else measure_processes(options, bench, scratch, missing)
            if options.kill_wait > 0:
                measure_kills(options, bench, peers, rows, missing)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    facts = {"workers": WORKERS, "rounds": options.rounds, "load_before": load}
    result = {**facts, "queues": rows, "processes": processes, "not_measured": missing}
    with open(os.path.join(output, "peers.json"), "w", encoding="utf-8") as file:
        json.dump(result, file, indent=2)
    text = table(rows, processes, missing)
    with open(os.path.join(output, "peers.md"), "w", encoding="utf-8") as file:
        file.write(text)
    print(text)
    with open(os.path.join(output, "peers.svg"), "w", encoding="utf-8") as file:
        file.write(plot.bars(rows))
    say(f"written to {output}: peers.md, peers.json, peers.svg")
    return 0 if rows else 1


if __name__ == "__main__":
    sys.exit(main())
