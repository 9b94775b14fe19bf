"""What kubectl is given: the plain files of k8s/, and what `kubectl kustomize` makes of base and overlays."""

import base64
import functools
import json
import pathlib
import re
import shutil
import subprocess

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
OVERLAYS = ("dev", "production", "spot", "keda", "kueue", "sentinel", "cluster")


class Pod:
    """A pod template, with the object that makes such pods."""

    def __init__(self, place, owner, template, job):
        self.place = place  # for people: Job/wq-worker
        self.owner = owner
        self.labels = template.get("metadata", {}).get("labels", {})
        self.annotations = template.get("metadata", {}).get("annotations", {})
        self.spec = template["spec"]
        self.job = job  # the spec of a Job, or None

    def containers(self):
        """Pairs of (place, container), init containers too."""
        for kind in ("initContainers", "containers"):
            for container in self.spec.get(kind, []):
                yield f"{self.place}: container {container.get('name')}", container

    def volumes(self):
        """Names of volumes -> what they are; a claim template of the owner is one too."""
        volumes = {volume["name"]: volume for volume in self.spec.get("volumes", [])}
        for claim in self.owner["spec"].get("volumeClaimTemplates", []):
            volumes[claim["metadata"]["name"]] = {"persistentVolumeClaim": {}}
        return volumes


class Rendering:
    """The objects of one rendering. `name` is the overlay's name, or job.yaml."""

    def __init__(self, name, objects):
        self.name = name
        self.objects = objects

    def of(self, kind):
        return [each for each in self.objects if each["kind"] == kind]

    def find(self, kind, name):
        return next((x for x in self.of(kind) if x["metadata"]["name"] == name), None)

    def pods(self):
        for each in self.objects:
            spec = each.get("spec", {})
            if each["kind"] == "Pod":
                yield Pod(place_of(each), each, each, None)
            if each["kind"] == "ScaledJob":
                spec = spec["jobTargetRef"]
            if "template" in spec:
                job = spec if each["kind"] in ("Job", "ScaledJob") else None
                yield Pod(place_of(each), each, spec["template"], job)

    def data(self, kind, name):
        """Keys and texts of a ConfigMap or Secret that is here, else None."""
        found = self.find(kind, name)
        if found is None:
            return None
        data = dict(found.get("data", {}))
        if kind == "Secret":
            data = {key: base64.b64decode(text).decode() for key, text in data.items()}
        return data

    def redis_conf(self):
        """Directive -> its words as one text. Of directives that stand twice, the last."""
        lines = self.data("ConfigMap", "wq-redis-config")["redis.conf"].splitlines()
        words = (line.split(None, 1) for line in lines if line.strip() and line[0] != "#")
        return {each[0]: each[1] for each in words}

    def users_acl(self):
        """The ACL file: of this rendering or, where the user brings one, that of the base."""
        data = self.data("Secret", "wq-redis-users")
        return data["users.acl"] if data else (ROOT / "k8s/base/users.acl").read_text()


def place_of(each):
    return f"{each['kind']}/{each['metadata']['name']}"


def acl_lines(text):
    """User -> the words behind its name."""
    lines = (line.split() for line in text.splitlines() if line.startswith("user "))
    return {words[1]: words[2:] for words in lines}


def expanded(words, env):
    """Words with $(NAME) replaced, as kubelet does it."""
    return [re.sub(r"\$\(([^)]*)\)", lambda m: env.get(m[1], m[0]), word) for word in words]


def parse(name, text):
    return Rendering(name, [each for each in yaml.safe_load_all(text) if each])


def version():
    return re.search(r"project\(wq VERSION ([\d.]+)", (ROOT / "CMakeLists.txt").read_text())[1]


def compose():
    """The services of compose.yaml."""
    return yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]


@functools.lru_cache
def job_yaml():
    return (ROOT / "k8s/job.yaml").read_text()


@functools.lru_cache
def plain_files():
    """k8s/job.yaml and the files that are applied beside it."""
    return "\n---\n".join(path.read_text() for path in sorted((ROOT / "k8s").glob("*.yaml")))


@functools.lru_cache
def why_not_rendered():
    """Why `kubectl kustomize` cannot be used here; None if it can."""
    if shutil.which("kubectl") is None:
        return "kubectl is not installed"
    done = subprocess.run(["kubectl", "version", "--client", "--output=json"],
                          capture_output=True, text=True, check=False)
    try:
        version = json.loads(done.stdout)["kustomizeVersion"]
        if int(version.lstrip("v").split(".")[0]) >= 5:
            return None
    except (ValueError, KeyError):
        version = "unknown"
    return f"kubectl has kustomize {version}, and v5 is needed"


@functools.lru_cache
def kustomized(folder):
    """The text that kubectl makes of a folder of k8s/."""
    done = subprocess.run(["kubectl", "kustomize", str(ROOT / "k8s" / folder)],
                          capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"kubectl kustomize k8s/{folder}: {done.stderr}")
    return done.stdout
