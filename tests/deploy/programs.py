"""What the programs say of themselves in --help, which the manifests are held to."""

import functools
import os
import re
import subprocess

# Program -> the variable that tells where it is.
PATHS = {"wq-worker": "WQ_TEST_WORKER", "wq-push": "WQ_TEST_PUSH", "wqctl": "WQ_TEST_CTL"}
PREFIXES = {"wq-worker": "WQ_WORKER_", "wq-push": "WQ_PUSH_", "wqctl": "WQCTL_"}
# Those that no option has, and that the manifests use.
OTHER_VARIABLES = {"WQ_QUEUE", "WQ_REDIS"}


def path_of(program):
    return os.environ[PATHS[program]]


def clean_environment():
    """Ours, without what would tell a program where Redis is or how to behave."""
    return {name: value for name, value in os.environ.items()
            if not name.startswith(("WQ", "REDIS"))}


def run(*words, env=None, cwd=None):
    """Runs words with nothing on stdin; waits for the end and keeps what was written."""
    return subprocess.run(words, env=env or clean_environment(), cwd=cwd, text=True, check=False,
                          stdin=subprocess.DEVNULL, capture_output=True, timeout=120)


@functools.lru_cache
def help_of(program, *words):
    return subprocess.run([path_of(program), *words, "--help"], env=clean_environment(),
                          capture_output=True, text=True, check=True).stdout


def exit_codes(program, *words):
    """The numbers of the section "Exit codes"."""
    section = help_of(program, *words).split("Exit codes:\n")[1].split("\n\n")[0]
    return [int(number) for number in re.findall(r"^  (\d+) ", section, re.MULTILINE)]


def options(program, *words):
    """Long options, without the hyphens."""
    found = re.findall(r"^  (?:-\S \[ )?--([a-z0-9-]+)", help_of(program, *words), re.MULTILINE)
    return set(found)


def commands_of_wqctl():
    section = help_of("wqctl").split("Commands:\n")[1].split("\n\n")[0]
    return re.findall(r"^  ([a-z-]+) ", section, re.MULTILINE)


@functools.lru_cache
def variables(program):
    """Every variable of the environment that sets an option of a program."""
    words = [(each,) for each in commands_of_wqctl()] if program == "wqctl" else [()]
    names = set().union(*(options(program, *each) for each in words))
    return {PREFIXES[program] + name.upper().replace("-", "_") for name in names}


def default_of(program, option):
    """What --help says is an option's default."""
    text = re.sub(r"\s+", " ", help_of(program).split(f"  --{option} ")[1])
    return text.split("[default: ")[1].split("]")[0]


def seconds(text):
    """Of a duration as the programs read it: 500ms, 25s, 5m."""
    number, unit = re.fullmatch(r"(\d+)(ms|s|m|h|d)", text).groups()
    return int(number) * {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}[unit]
