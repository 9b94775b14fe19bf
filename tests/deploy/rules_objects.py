"""Rules about the objects: what a schema cannot say, since it takes more than one field.

A rule is given a Rendering and yields a line for each mistake in it.
"""

import re

import quantity
from rendered import acl_lines, place_of, version

DNS_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
# What docs/kubernetes.md tells the user of an overlay to bring, and the keys in it.
BROUGHT = {"production": {"wq-passwords": {"producer", "worker", "viewer", "admin"},
                          "wq-redis-users": {"users.acl"},
                          "wq-redis-tls": {"ca.crt", "tls.crt", "tls.key"}}}
# The volumes that the restricted profile allows.
ALLOWED_VOLUMES = {"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral",
                   "persistentVolumeClaim", "projected", "secret"}
PROBES = ("startupProbe", "readinessProbe", "livenessProbe")
HANDLERS = {"exec", "httpGet", "tcpSocket", "grpc"}
PART_OF = {"app.kubernetes.io/part-of": "wq"}


def containers(rendering):
    for pod in rendering.pods():
        for place, container in pod.containers():
            yield pod, place, container


def selects(selector, labels):
    return bool(selector) and selector.items() <= labels.items()


def selectors_match(rendering):
    pods = list(rendering.pods())
    for each in rendering.objects:
        place, spec = place_of(each), each.get("spec", {})
        wanted = []
        if each["kind"] == "Service":
            wanted = [spec.get("selector", {})]
        elif each["kind"] == "NetworkPolicy":
            peers = [peer for rule in spec.get("ingress", []) for peer in rule.get("from", [])]
            wanted = [spec["podSelector"]["matchLabels"]]
            wanted += [peer["podSelector"]["matchLabels"] for peer in peers]
        elif "selector" in spec:
            wanted = [spec["selector"]["matchLabels"]]
        for selector in wanted:
            if not any(selects(selector, pod.labels) for pod in pods):
                yield f"{place}: its selector {selector} is that of no pod"
    for pod in pods:
        own = pod.owner["spec"].get("selector", {}).get("matchLabels")
        made_by_selector = pod.job is None and pod.owner["kind"] != "Pod"
        if made_by_selector and not selects(own, pod.labels):
            yield f"{pod.place}: its selector is not that of its pods"
        for spread in pod.spec.get("topologySpreadConstraints", []):
            if not selects(spread["labelSelector"]["matchLabels"], pod.labels):
                yield f"{pod.place}: it is spread among pods that are not its own"


def everything_is_labelled(rendering):
    for each in rendering.objects:
        if not selects(PART_OF, each["metadata"].get("labels", {})):
            yield f"{place_of(each)}: the label app.kubernetes.io/part-of is missing"
    for pod in rendering.pods():
        if not selects(PART_OF, pod.labels):
            yield f"{pod.place}: its pods lack the label app.kubernetes.io/part-of"


def allowed_in(policy, labels):
    """Whether a NetworkPolicy lets pods with these labels in."""
    return any(selects(peer["podSelector"]["matchLabels"], labels)
               for rule in policy["spec"].get("ingress", []) for peer in rule.get("from", []))


def network_lets_our_pods_in(rendering):
    for policy in rendering.of("NetworkPolicy"):
        for pod in rendering.pods():
            if not allowed_in(policy, pod.labels):
                yield f"{place_of(policy)}: {pod.place} cannot reach Redis"
        if allowed_in(policy, {}) or allowed_in(policy, {"app": "other"}):
            yield f"{place_of(policy)}: any pod can reach Redis"


def ports_exist(rendering):
    def ports_of(selector):
        return {value for pod in rendering.pods() if selects(selector, pod.labels)
                for _, container in pod.containers() for port in container.get("ports", [])
                for value in (port.get("name"), port["containerPort"])}

    for service in rendering.of("Service"):
        for port in service["spec"]["ports"]:
            target = port.get("targetPort", port["port"])
            if target not in ports_of(service["spec"].get("selector", {})):
                yield f"{place_of(service)}: no container has the port {target}"
    for policy in rendering.of("NetworkPolicy"):
        for rule in policy["spec"].get("ingress", []):
            for port in rule.get("ports", []):
                if port["port"] not in ports_of(policy["spec"]["podSelector"]["matchLabels"]):
                    yield f"{place_of(policy)}: no container has the port {port['port']}"
    conf = rendering.redis_conf()
    listens = int(conf.get("tls-port", 0)) or int(conf["port"])
    for pod in rendering.pods():
        if pod.place == "StatefulSet/redis" and listens not in ports_of(pod.labels):
            yield f"{pod.place}: Redis listens on {listens}, and no container has that port"
    for pod in rendering.of("StatefulSet"):
        if not rendering.find("Service", pod["spec"]["serviceName"]):
            yield f"{place_of(pod)}: there is no Service {pod['spec']['serviceName']}"


def volumes_agree(rendering):
    for pod in rendering.pods():
        mounted = set()
        for place, container in pod.containers():
            paths = [mount["mountPath"] for mount in container.get("volumeMounts", [])]
            if len(paths) != len(set(paths)):
                yield f"{place}: two volumes at one path"
            for mount in container.get("volumeMounts", []):
                mounted.add(mount["name"])
                if mount["name"] not in pod.volumes():
                    yield f"{place}: there is no volume {mount['name']}"
        for name in pod.volumes().keys() - mounted:
            yield f"{pod.place}: nobody mounts the volume {name}"


def keys_of(rendering, kind, name):
    """The keys of a ConfigMap or Secret that is here or that the user brings, else None."""
    data = rendering.data(kind, name)
    if data is None and kind == "Secret":
        data = BROUGHT.get(rendering.name, {}).get(name)
    return None if data is None else set(data)


def source_of(volume):
    """(kind, name, items) of a volume that comes from a ConfigMap or Secret, else None."""
    if "secret" in volume:
        return "Secret", volume["secret"]["secretName"], volume["secret"].get("items")
    if "configMap" in volume:
        return "ConfigMap", volume["configMap"]["name"], volume["configMap"].get("items")
    return None


def references(rendering):
    """(place, kind, name, key or None) of everything that names a ConfigMap or Secret."""
    for pod in rendering.pods():
        for source in filter(None, map(source_of, pod.volumes().values())):
            kind, name, items = source
            for item in items or [{"key": None}]:
                yield pod.place, kind, name, item["key"]
        for place, container in pod.containers():
            for each in container.get("env", []):
                for field, kind in (("configMapKeyRef", "ConfigMap"), ("secretKeyRef", "Secret")):
                    ref = each.get("valueFrom", {}).get(field)
                    if ref:
                        yield place, kind, ref["name"], ref["key"]
    for each in rendering.of("TriggerAuthentication"):
        for ref in each["spec"]["secretTargetRef"]:
            yield place_of(each), "Secret", ref["name"], ref["key"]


def references_exist(rendering):
    for place, kind, name, key in references(rendering):
        keys = keys_of(rendering, kind, name)
        if keys is None:
            yield f"{place}: there is no {kind} {name}"
        elif key is not None and key not in keys:
            yield f"{place}: {kind} {name} has no {key}"


def files_of(rendering, pod, container):
    """Every path that a ConfigMap or Secret has in a container."""
    for mount in container.get("volumeMounts", []):
        source = source_of(pod.volumes().get(mount["name"], {}))
        if source:
            kind, name, items = source
            names = [item["path"] for item in items] if items else keys_of(rendering, kind, name)
            for each in names or ():
                yield f"{mount['mountPath']}/{each}"


def files_exist(rendering):
    for pod, place, container in containers(rendering):
        used = [word for each in container.get("env", []) for word in each.get("value", "").split()]
        used += container.get("command", [])[1:]
        if pod.place == "StatefulSet/redis":
            used += rendering.redis_conf().values()
            used += [word for name in PROBES
                     for word in container.get(name, {}).get("exec", {}).get("command", [])]
        there = set(files_of(rendering, pod, container))
        folders = tuple(mount["mountPath"] + "/" for mount in container.get("volumeMounts", [])
                        if not source_of(pod.volumes().get(mount["name"], {})))
        for path in used:
            if path.startswith("/") and path not in there and not path.startswith(folders):
                yield f"{place}: there is no file {path}"


def resources_fit(rendering):
    for _, place, container in containers(rendering):
        resources = container.get("resources", {})
        requests, limits = resources.get("requests", {}), resources.get("limits", {})
        for name in ("cpu", "memory"):
            if name not in requests:
                yield f"{place}: it requests no {name}"
        if "memory" not in limits:
            yield f"{place}: its memory has no limit"
        for name, limit in limits.items():
            if quantity.of(requests.get(name, 0)) > quantity.of(limit):
                yield f"{place}: it requests more {name} than its limit"


def names_are_labels(rendering):
    seen = set()
    for each in rendering.objects:
        if place_of(each) in seen:
            yield f"{place_of(each)}: it is there twice"
        seen.add(place_of(each))
        if not DNS_LABEL.fullmatch(each["metadata"]["name"]):
            yield f"{place_of(each)}: its name is no DNS label"
    for pod in rendering.pods():
        inner = [("volume", name) for name in pod.volumes()]
        for _, container in pod.containers():
            inner.append(("container", container["name"]))
            inner += [("port", port["name"]) for port in container.get("ports", [])]
        for kind, name in inner:
            if not DNS_LABEL.fullmatch(name) or (kind == "port" and len(name) > 15):
                yield f"{pod.place}: the name {name} of a {kind} is no DNS label"
        if len(inner) != len(set(inner)):
            yield f"{pod.place}: two containers, volumes or ports of one name"


def images_are_named(rendering):
    for _, place, container in containers(rendering):
        name, _, tag = container["image"].rpartition(":")
        if not name or "/" in tag or tag == "latest":
            yield f"{place}: the image {container['image']} has no version"
        if name == "wq" and tag != version():
            yield f"{place}: the image is {container['image']}, and the version is {version()}"
        if container.get("imagePullPolicy") != "IfNotPresent":
            yield f"{place}: imagePullPolicy is not IfNotPresent"


def probes_have_one_handler(rendering):
    for _, place, container in containers(rendering):
        for name in PROBES:
            if name in container and len(HANDLERS & container[name].keys()) != 1:
                yield f"{place}: {name} must have one handler"
            if name not in container and container["name"] == "redis":
                yield f"{place}: {name} is missing"


def pods_are_restricted(rendering):
    """The restricted Pod Security profile, and what it does not ask for but we do."""
    for pod in rendering.pods():
        for field in ("automountServiceAccountToken", "enableServiceLinks"):
            if pod.spec.get(field) is not False:
                yield f"{pod.place}: {field} is not false"
        for field in ("hostNetwork", "hostPID", "hostIPC"):
            if pod.spec.get(field):
                yield f"{pod.place}: {field}"
        for volume in pod.volumes().values():
            for kind in volume.keys() - {"name"} - ALLOWED_VOLUMES:
                yield f"{pod.place}: a volume of the kind {kind}"
        for place, container in pod.containers():
            yield from (f"{place}: {mistake}" for mistake in not_restricted(pod, container))


def not_restricted(pod, container):
    whole = pod.spec.get("securityContext", {})
    own = container.get("securityContext", {})
    both = {**whole, **own}
    if both.get("runAsNonRoot") is not True or both.get("runAsUser", 0) == 0:
        yield "it may run as root"
    if both.get("seccompProfile", {}).get("type") not in ("RuntimeDefault", "Localhost"):
        yield "it has no seccompProfile"
    if own.get("allowPrivilegeEscalation") is not False:
        yield "allowPrivilegeEscalation is not false"
    if own.get("capabilities") != {"drop": ["ALL"]}:
        yield "it does not drop all capabilities, or it adds some"
    if own.get("readOnlyRootFilesystem") is not True:
        yield "its root file system can be written to"
    if own.get("privileged") or "procMount" in own or "sysctls" in whole:
        yield "it is privileged"
    if any("hostPort" in port for port in container.get("ports", [])):
        yield "it takes a port of the node"


# No schema of KEDA's objects is at hand, so these are the fields in use.
KEDA_FIELDS = {
    "ScaledJob": {"minReplicaCount", "maxReplicaCount", "pollingInterval", "jobTargetRef",
                  "successfulJobsHistoryLimit", "failedJobsHistoryLimit", "triggers"},
    "TriggerAuthentication": {"secretTargetRef"}}
KEDA_TRIGGER = {"address", "username", "listName", "listLength"}
# What KEDA's trigger does to a list: a script of its own that asks for type and length.
KEDA_COMMANDS = {"+eval", "+type", "+llen"}


def keda_fits(rendering):
    queue = rendering.data("ConfigMap", "wq-run")["queue"]
    for kind, known in KEDA_FIELDS.items():
        for each in rendering.of(kind):
            for field in each["spec"].keys() - known:
                yield f"{place_of(each)}: no such field as {field}"
            if each["apiVersion"] != "keda.sh/v1alpha1":
                yield f"{place_of(each)}: apiVersion is not keda.sh/v1alpha1"
    for each in rendering.of("ScaledJob"):
        place, spec = place_of(each), each["spec"]
        for trigger in spec["triggers"]:
            data = trigger["metadata"]
            if trigger.keys() != {"type", "metadata", "authenticationRef"}:
                yield f"{place}: a trigger has type, metadata and authenticationRef"
            if data.keys() != KEDA_TRIGGER or any(not isinstance(x, str) for x in data.values()):
                yield f"{place}: a trigger's metadata are texts: {sorted(KEDA_TRIGGER)}"
            if data.get("listName") != queue:
                yield f"{place}: it counts {data.get('listName')}, and the queue is {queue}"
            host, _, port = data.get("address", "").partition(":")
            service = rendering.find("Service", host)
            if not service or int(port) not in [x["port"] for x in service["spec"]["ports"]]:
                yield f"{place}: no Service is at {data.get('address')}"
            missing = KEDA_COMMANDS - set(acl_lines(rendering.users_acl()).get(
                data.get("username"), []))
            if missing:
                yield f"{place}: the user {data.get('username')} lacks {sorted(missing)}"
            reference = trigger.get("authenticationRef", {}).get("name", "")
            login = rendering.find("TriggerAuthentication", reference)
            if not login:
                yield f"{place}: there is no TriggerAuthentication {reference}"
            elif [x["key"] for x in login["spec"]["secretTargetRef"]] != [data.get("username")]:
                yield f"{place}: the password is not that of {data.get('username')}"
        if rendering.find("Job", "wq-worker"):
            yield f"{place}: the Job that it replaces is there too"
