"""Fetches other people's queues into a scratch folder: Debian packages, unpacked but not installed,
and packages of npm. apt-get and npm go where this machine is set up to go."""

import glob
import os
import subprocess

DEBIAN = {
    "RQ": ["python3-rq"],
    "Celery": ["python3-celery", "python3-redis"],
    "Sidekiq": ["ruby-sidekiq"],
    "beanstalkd": ["beanstalkd"],
    "GNU parallel": ["parallel"],
}
NPM = {"BullMQ": ["bullmq", "ioredis"], "bee-queue": ["bee-queue"]}


class Unavailable(Exception):
    """What could not be fetched or started, in one line."""


def _run(command, **options):
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options
    )
    if done.returncode != 0:
        lines = done.stdout.strip().splitlines()
        raise Unavailable(f"{' '.join(command[:2])} failed: {lines[-1] if lines else 'no output'}")
    return done.stdout


class Scratch:
    """The folder, and the environment in which what lies there runs."""

    def __init__(self, folder):
        self.folder = os.path.abspath(folder)
        self.root = os.path.join(self.folder, "root")
        self.node = os.path.join(self.folder, "node")
        self._debs = os.path.join(self.folder, "debs")
        for each in (self.root, self.node, self._debs):
            os.makedirs(each, exist_ok=True)

    def fetch(self, name):
        """Makes the packages of a peer available, unless they are there from an earlier run."""
        mark = os.path.join(self.folder, f"fetched-{name.replace(' ', '-')}")
        if os.path.exists(mark):
            return
        try:
            if name in DEBIAN:
                self._fetch_debian(DEBIAN[name])
            if name in NPM:
                self._fetch_npm(NPM[name])
        except FileNotFoundError as error:
            raise Unavailable(f"there is no {error.filename} here") from error
        open(mark, "w", encoding="utf-8").close()

    def _fetch_debian(self, packages):
        """They, and what they depend on and this machine lacks."""
        plan = _run(["apt-get", "install", "--simulate", "--no-install-recommends", *packages])
        missing = [line.split()[1] for line in plan.splitlines() if line.startswith("Inst ")]
        if not missing:
            return
        _run(["apt-get", "download", *missing], cwd=self._debs)
        for package in missing:
            for file in glob.glob(os.path.join(self._debs, f"{package}_*.deb")):
                _run(["dpkg-deb", "--extract", file, self.root])

    def _fetch_npm(self, packages):
        _run(["npm", "install", "--no-audit", "--no-fund", "--prefix", self.node, *packages])

    def environment(self):
        def found(*patterns):
            every = [p for pattern in patterns for p in glob.glob(os.path.join(self.root, pattern))]
            return ":".join(sorted(every))

        return {
            **os.environ,
            "PATH": found("usr/bin", "usr/sbin") + ":" + os.environ["PATH"],
            "PYTHONPATH": found("usr/lib/python3/dist-packages"),
            "LD_LIBRARY_PATH": found("usr/lib/*-linux-gnu"),
            "RUBYLIB": found(
                "usr/lib/ruby/vendor_ruby",
                "usr/lib/ruby/[0-9]*",
                "usr/lib/*-linux-gnu/ruby/[0-9]*",
                "usr/lib/*-linux-gnu/ruby/vendor_ruby/[0-9]*",
                "usr/share/rubygems-integration/*/gems/*/lib",
            ),
            "GEM_PATH": found("usr/share/rubygems-integration/*"),
            "NODE_PATH": os.path.join(self.node, "node_modules"),
        }
