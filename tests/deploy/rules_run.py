"""Rules about how the programs are run: exit codes, times, flags, Redis.

A rule is given a Rendering and yields a line for each mistake in it.
"""

import hashlib
import re
import urllib.parse

import programs
import quantity
from rendered import ROOT, acl_lines, expanded, version

# The users of users.acl that no program of wq logs in as, and all that may be said of each. Redis
# replays its append-only file as default, which needs all rights for it and must be nobody. `probe`
# is for the probes, and for anybody who can reach Redis.
OWN_USERS = {"default": "off resetpass ~* &* +@all",
             "probe": "on nopass resetkeys resetchannels -@all +ping"}
# The users of the components that servers, sentinels and the maker of the cluster log in as.
NODE_USERS = {"replica", "sentinel", "operator"}
# What Kubernetes is to do with each exit code of the programs.
SUCCESS, FAIL, IGNORE, COUNT = "success", "FailJob", "Ignore", "Count"
EXIT_TABLE = {0: SUCCESS, 1: COUNT, 2: FAIL, 3: FAIL, 4: COUNT, 5: IGNORE, 6: FAIL,
              130: IGNORE, 143: IGNORE}


def kill_delay_seconds():
    """From SIGTERM to SIGKILL of a child, once the grace time is over."""
    text = (ROOT / "worker/src/command/command_options.h").read_text()
    return int(re.search(r"milliseconds kill_delay\{([\d']+)\}", text)[1].replace("'", "")) / 1000


def seconds_to_stop(grace):
    """How long a worker may take after SIGTERM; `grace` as in --grace, or None."""
    grace = grace or programs.default_of("wq-worker", "grace")
    return programs.seconds(grace) + kill_delay_seconds()


def words_of(container):
    """Program and arguments, with $(NAME) as it stands."""
    return container.get("command", []) + container.get("args", [])


def ours(container):
    """The words of one of our programs and of its subcommand, and its own arguments."""
    words = words_of(container)
    if not words or words[0] not in programs.PATHS:
        return None
    end = words.index("--") if "--" in words else len(words)
    name = 2 if words[0] == "wqctl" else 1
    return words[:name], words[name:end]


def our_containers(rendering):
    for pod in rendering.pods():
        for place, container in pod.containers():
            if ours(container):
                yield pod, place, container


def variables_of(rendering, container):
    """Name -> value; those of a ConfigMap too."""
    env = {}
    for each in container.get("env", []):
        ref = each.get("valueFrom", {}).get("configMapKeyRef")
        data = rendering.data("ConfigMap", ref["name"]) if ref else None
        env[each["name"]] = (data or {}).get(ref["key"], "") if ref else each.get("value", "")
    return env


def action_for(policy, name, code):
    """What a podFailurePolicy does when the container `name` ends with `code`."""
    for rule in policy.get("rules", []):
        exits = rule.get("onExitCodes")
        if not exits or exits.get("containerName", name) != name:
            continue
        if (code in exits["values"]) == (exits["operator"] == "In"):
            return rule["action"]
    return COUNT


def exit_codes(rendering):
    for pod, place, container in our_containers(rendering):
        if pod.job is None:
            continue
        policy = pod.job.get("podFailurePolicy", {})
        for code in programs.exit_codes(*ours(container)[0]):
            if code not in EXIT_TABLE:
                yield f"{place}: no rule says what Kubernetes is to do with exit code {code}"
            elif code != 0:
                action = action_for(policy, container["name"], code)
                if action != EXIT_TABLE[code]:
                    yield f"{place}: exit code {code} is to be {EXIT_TABLE[code]}, not {action}"


def policy_is_valid(rendering):
    """What the API server asks of a podFailurePolicy, and that a lost node costs nothing."""
    for pod in rendering.pods():
        if pod.job is None:
            continue
        rules = pod.job.get("podFailurePolicy", {}).get("rules", [])
        for rule in rules:
            values = rule.get("onExitCodes", {}).get("values", [1])
            if values != sorted(set(values)) or 0 in values:
                yield f"{pod.place}: exit codes must ascend, each once and none 0: {values}"
            if ("onExitCodes" in rule) == ("onPodConditions" in rule):
                yield f"{pod.place}: one of onExitCodes and onPodConditions in a rule"
        lost = {"action": IGNORE,
                "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]}
        if lost not in rules:
            yield f"{pod.place}: a pod whose node was drained or lost is not ignored"


def jobs_end(rendering):
    for pod in rendering.pods():
        if pod.job is None:
            continue
        if pod.spec.get("restartPolicy") != "Never":
            yield f"{pod.place}: restartPolicy must be Never, or no podFailurePolicy is allowed"
        for field in ("backoffLimit", "ttlSecondsAfterFinished"):
            if not isinstance(pod.job.get(field), int):
                yield f"{pod.place}: {field} is missing"
        if "completions" in pod.job:
            yield f"{pod.place}: with completions it does not end when the queue is drained"
        if not isinstance(pod.job.get("parallelism", 1), int):
            yield f"{pod.place}: parallelism is no number"


def grace_fits(rendering):
    for pod, place, container in our_containers(rendering):
        name, words = ours(container)
        if name != ["wq-worker"]:
            continue
        grace = variables_of(rendering, container).get("WQ_WORKER_GRACE")
        if "--grace" in words:
            grace = words[words.index("--grace") + 1]
        needed = seconds_to_stop(grace)
        allowed = pod.spec.get("terminationGracePeriodSeconds", 30)
        if allowed <= needed:
            yield (f"{place}: terminationGracePeriodSeconds {allowed} is not above the {needed:g} s"
                   " of --grace and of ending a child")


def flags_exist(rendering):
    for _, place, container in our_containers(rendering):
        name, words = ours(container)
        known = programs.options(*name)
        for word in words:
            option = word.split("=")[0]
            if option.startswith("--") and option[2:] not in known:
                yield f"{place}: {' '.join(name)} has no {option}"


def variables_exist(rendering):
    known = programs.OTHER_VARIABLES.union(*map(programs.variables, programs.PATHS))
    for pod in rendering.pods():
        for place, container in pod.containers():
            env = variables_of(rendering, container)
            for name in env:
                if name.startswith("WQ") and name not in known:
                    yield f"{place}: no option is set by {name}"
            for name in re.findall(r"\$\(([^)]*)\)", " ".join(words_of(container))):
                if name not in env:
                    yield f"{place}: $({name}) is used and not in env"


def logins_work(rendering):
    """URL, user, password file, Service and redis.conf agree. Where TLS is, so is its CA."""
    users = acl_lines(rendering.users_acl())
    tls = rendering.redis_conf()["port"] == "0"
    for _, place, container in our_containers(rendering):
        name, words = ours(container)
        env = variables_of(rendering, container)
        url = urllib.parse.urlsplit(env.get("WQ_REDIS", ""))
        if url.scheme.split("+")[0] != ("rediss" if tls else "redis"):
            spoken = "TLS" if tls else "no TLS"
            yield f"{place}: WQ_REDIS is {url.scheme}:, and redis.conf says {spoken}"
        for host in url.netloc.rpartition("@")[2].split(","):
            pod, _, port = host.partition(":")
            # Of a pod of a StatefulSet: its own name and that of the Service.
            service = rendering.find("Service", pod.split(".")[-1])
            if not service or port not in [str(x["port"]) for x in service["spec"]["ports"]]:
                yield f"{place}: WQ_REDIS has no Service at {host}"
        if url.username not in users:
            yield f"{place}: users.acl has no user {url.username}"
        prefix = programs.PREFIXES[name[0]]
        if not env.get(prefix + "PASSWORD_FILE", "").endswith(f"/{url.username}"):
            yield f"{place}: {prefix}PASSWORD_FILE is not the file of {url.username}"
        if tls and prefix + "TLS_CA" not in env:
            yield f"{place}: {prefix}TLS_CA is missing"
        if env.get("WQCTL_ROLE", url.username) != url.username:
            yield f"{place}: WQCTL_ROLE is not {url.username}"
        if "--role" in words and words[words.index("--role") + 1] != url.username:
            yield f"{place}: the role that is looked at is not {url.username}"


def passwords_agree(rendering):
    """Each user of users.acl that a program logs in as has its password in wq-passwords."""
    passwords = rendering.data("Secret", "wq-passwords")
    if passwords is None:
        return
    for user, words in acl_lines(rendering.users_acl()).items():
        if user in OWN_USERS:
            continue
        if user not in passwords:
            yield f"users.acl: {user} has no password in Secret/wq-passwords"
        elif "#" + hashlib.sha256(passwords[user].encode()).hexdigest() not in words:
            yield f"users.acl: the password of {user} is not that of Secret/wq-passwords"
    for user in passwords:
        if user not in acl_lines(rendering.users_acl()):
            yield f"Secret/wq-passwords: {user} is not in users.acl"


def default_user_replays_the_file(rendering):
    users = acl_lines(rendering.users_acl())
    for user, words in OWN_USERS.items():
        if " ".join(users.get(user, ())) != words:
            yield f"users.acl: it must be: user {user} {words}"


def redis_is_started_by_start(rendering):
    """`start` mends what a kill left of the append-only file; its folder is the data's."""
    for pod in rendering.pods():
        if pod.place != "StatefulSet/redis":
            continue
        spec = pod.spec["containers"][0]
        mounts = {mount["mountPath"]: mount["name"] for mount in spec["volumeMounts"]}
        shell, path, *conf = words_of(spec)
        if path.endswith("/join"):  # which starts it with the third word
            path, conf = conf[2], conf[3:]
        if shell != "sh" or not path.endswith("/start") or not conf:
            yield f"{pod.place}: it must be started with sh, start and a redis.conf"
        if mounts.get(spec.get("workingDir")) != "data":
            yield f"{pod.place}: its workingDir must be where the volume data is"
        if rendering.redis_conf().keys() & {"dir", "appenddirname", "appendfilename"}:
            yield "redis.conf: it must leave to start where the append-only file is"


def redis_keeps_queues(rendering):
    conf = rendering.redis_conf()
    for name, needed, why in (
            ("maxmemory-policy", "noeviction", "or queues are deleted without a word"),
            ("appendonly", "yes", "or a restart loses the queue"),
            ("aof-load-truncated", "no", "or Redis leaves half a transaction in its file")):
        if conf.get(name) != needed:
            yield f"redis.conf: {name} must be {needed}, {why}"
    for pod in rendering.pods():
        if pod.place != "StatefulSet/redis":
            continue
        for place, container in pod.containers():
            limit = quantity.of(container["resources"]["limits"]["memory"])
            if limit < 2 * quantity.of_redis(conf["maxmemory"]):
                yield f"{place}: the memory limit is below twice maxmemory, as a rewrite may need"


def queue_names_agree(rendering):
    """Users may reach the queue, and everything that names it names the same."""
    queue = (rendering.data("ConfigMap", "wq-run") or {}).get("queue", "")
    for user, words in acl_lines(rendering.users_acl()).items():
        patterns = [word[1:] for word in words if word.startswith("~")]
        if user not in OWN_USERS.keys() | NODE_USERS and not any(
                each.endswith("*") and queue.startswith(each[:-1]) for each in patterns):
            yield f"users.acl: {user} may not reach the keys of the queue {queue}"
    for _, place, container in our_containers(rendering):
        name, words = ours(container)
        if queue not in expanded(words, variables_of(rendering, container)):
            yield f"{place}: {name[0]} does not work on the queue {queue}"


COMPOSE_REDIS = {("sh", "/start"), ("--appendonly", "yes"), ("--aof-load-truncated", "no"),
                 ("--maxmemory-policy", "noeviction")}


def compose_fits(services):
    """Of the services of compose.yaml. Its $$ is a $."""
    for name, service in services.items():
        image, _, tag = service["image"].rpartition(":")
        if not image or tag == "latest" or (image == "wq" and tag != version()):
            yield f"{name}: the image {service['image']}, and the version is {version()}"
        mine = ours(service)
        for word in mine[1] if mine else ():
            if word.startswith("--") and word[2:] not in programs.options(*mine[0]):
                yield f"{name}: {mine[0][0]} has no {word}"
        if mine and mine[0] == ["wq-worker"]:
            grace = programs.seconds(service.get("stop_grace_period", "10s"))
            if grace <= seconds_to_stop(service.get("environment", {}).get("WQ_WORKER_GRACE")):
                yield f"{name}: stop_grace_period is {grace:g} s, and a worker may take longer"
        if name == "redis" and not COMPOSE_REDIS <= set(zip(service["command"],
                                                           service["command"][1:])):
            yield f"{name}: its command must have {sorted(COMPOSE_REDIS)}"
