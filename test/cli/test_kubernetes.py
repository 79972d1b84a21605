# SPDX-License-Identifier: Apache-2.0
"""The manifests of container/kubernetes: complete, hardened, understood by fluxpod, and, where the
published schemas are at hand, valid.

KUBERNETES_SCHEMAS names a directory with Kubernetes' OpenAPI files (api_v1.json and
apis_apps_v1.json, as api/openapi-spec/v3 has them) and the CRDs of JobSet, LeaderWorkerSet and
MPIJob (jobset.yaml, lws.yaml, mpijob.yaml)."""

import copy
import itertools
import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

yaml = pytest.importorskip("yaml")

KUBERNETES = Path(__file__).resolve().parents[2] / "container/kubernetes"
OVERLAYS = sorted(path.name for path in (KUBERNETES / "overlays").iterdir())
# By which key the items of a list are merged, as Kubernetes' patchMergeKey has it.
MERGE_KEYS = {"containers": "name", "initContainers": "name", "volumes": "name", "env": "name",
              "volumeMounts": "mountPath", "ports": "containerPort"}  # fmt: skip


# ---- as kustomize builds it ----------------------------------------------------------------------


def merge(base, patch, name=""):
    if isinstance(base, dict) and isinstance(patch, dict):
        if patch.get("$patch") == "replace":
            return {key: value for key, value in patch.items() if key != "$patch"}
        merged = dict(base)
        for key, value in patch.items():
            merged[key] = merge(base[key], value, key) if key in base else copy.deepcopy(value)
        return merged
    if isinstance(base, list) and name in MERGE_KEYS:
        key = MERGE_KEYS[name]
        items = {item[key]: item for item in base}
        for item in patch:
            items[item[key]] = merge(items.get(item[key], {}), item)
        return list(items.values())
    return patch


def build(directory):
    """All objects of a kustomization, by kind and name."""
    words = yaml.safe_load((directory / "kustomization.yaml").read_text())
    assert set(words) <= {"apiVersion", "kind", "resources", "patches"}
    objects = {}
    for resource in words["resources"]:
        path = directory / resource
        if path.is_dir():
            found = build(path.resolve())
        else:
            document = yaml.safe_load(path.read_text())
            found = {(document["kind"], document["metadata"]["name"]): document}
        assert not found.keys() & objects.keys()
        objects.update(found)
    for patch in words.get("patches", []):
        document = yaml.safe_load((directory / patch["path"]).read_text())
        if "target" in patch:
            append(objects[patch["target"]["kind"], patch["target"]["name"]], document)
            continue
        key = (document["kind"], document["metadata"]["name"])
        objects[key] = merge(objects[key], document)
    return objects


def append(target, operations):
    """The one operation of a JSON patch that is used: an item at the end of a list."""
    for operation in operations:
        *path, last = operation["path"].strip("/").split("/")
        assert (operation["op"], last) == ("add", "-")
        for key in path:
            target = target[key]
        target.append(operation["value"])


@pytest.fixture(params=OVERLAYS)
def objects(request):
    return build(KUBERNETES / "overlays" / request.param)


def workload(objects):
    ((kind, name), found) = next(
        item for item in objects.items() if item[0][0] not in ("Service", "Secret", "ConfigMap")
    )
    return kind, name, found["spec"]


def pods(objects):
    """(host name, what the platform puts into the environment, template) of every pod, by rank."""
    kind, name, spec = workload(objects)
    if kind == "Job":
        for index in range(spec["completions"]):
            yield f"{name}-{index}", {"JOB_COMPLETION_INDEX": str(index)}, spec["template"]
    elif kind == "StatefulSet":
        for index in range(spec["replicas"]):
            yield f"{name}-{index}", {}, spec["template"]
    elif kind == "JobSet":
        for group in spec["replicatedJobs"]:
            job = group["template"]["spec"]
            for index in range(job["completions"]):
                env = {"JOB_COMPLETION_INDEX": str(index)}
                yield f"{name}-{group['name']}-0-{index}", env, job["template"]
    elif kind == "LeaderWorkerSet":
        group = spec["leaderWorkerTemplate"]
        for index in range(group["size"]):
            env = {"LWS_WORKER_INDEX": str(index), "LWS_GROUP_SIZE": str(group["size"]),
                   "LWS_LEADER_ADDRESS": f"{name}-0.{name}.default"}  # fmt: skip
            host = f"{name}-0" + (f"-{index}" if index else "")
            yield host, env, group["workerTemplate"]
    else:
        assert kind == "MPIJob"
        roles = spec["mpiReplicaSpecs"]
        yield f"{name}-launcher", {"K_MPI_JOB_ROLE": "launcher"}, roles["Launcher"]["template"]
        for index in range(roles["Worker"]["replicas"]):
            env = {"K_MPI_JOB_ROLE": "worker"}
            yield f"{name}-worker-{index}", env, roles["Worker"]["template"]


def templates(objects):
    seen = []
    for _, _, template in pods(objects):
        if template not in seen:
            seen.append(template)
    return seen


def containers(template):
    return template["spec"].get("initContainers", []) + template["spec"]["containers"]


def flux_of(template):
    return next(each for each in template["spec"]["containers"] if each["name"] == "flux")


@pytest.mark.parametrize("name", OVERLAYS)
def test_kubectl_builds_the_same(name):
    if shutil.which("kubectl") is None:
        pytest.skip("there is no kubectl")
    done = subprocess.run(["kubectl", "kustomize", KUBERNETES / "overlays" / name], check=True,
                          text=True, stdout=subprocess.PIPE)  # fmt: skip
    built = {
        (each["kind"], each["metadata"]["name"]): each for each in yaml.safe_load_all(done.stdout)
    }
    expected = build(KUBERNETES / "overlays" / name)
    assert in_any_order(built) == in_any_order(expected)
    for key, document in expected.items():
        if key[0] == "Job":
            assert names_in_order(built[key]) == names_in_order(document)


def in_any_order(value):
    """Lists of which the items have keys of their own, sorted by them."""
    if isinstance(value, dict):
        return {key: in_any_order(each) for key, each in value.items()}
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return sorted(map(in_any_order, value), key=lambda each: json.dumps(each, sort_keys=True))
    return value


def names_in_order(job):
    """Init containers are run in this order."""
    return [each["name"] for each in job["spec"]["template"]["spec"].get("initContainers", [])]


# ---- what they say -------------------------------------------------------------------------------


def test_there_is_an_overlay_for_each_platform():
    assert set(OVERLAYS) == {"entrypoint", "injection", "sidecar", "jobset", "statefulset",
                             "leaderworkerset", "mpijob", "rootless"}  # fmt: skip


def test_pods_resolve_before_they_are_ready(objects):
    service = objects["Service", "flux-service"]["spec"]
    assert service["clusterIP"] == "None"
    assert service["publishNotReadyAddresses"] is True
    for template in templates(objects):
        assert service["selector"].items() <= template["metadata"]["labels"].items()


def test_every_volume_is_declared_and_every_source_exists(objects):
    for template in templates(objects):
        volumes = {volume["name"]: volume for volume in template["spec"]["volumes"]}
        claims = workload(objects)[2].get("volumeClaimTemplates", [])
        volumes.update({claim["metadata"]["name"]: claim for claim in claims})
        used = {mount["name"] for each in containers(template) for mount in each["volumeMounts"]}
        assert used == set(volumes)
        for volume in volumes.values():
            if "configMap" in volume:
                assert ("ConfigMap", volume["configMap"]["name"]) in objects
            if "secret" in volume:
                assert ("Secret", volume["secret"]["secretName"]) in objects


def test_no_pod_may_do_more_than_it_must(objects):
    for template in templates(objects):
        spec = template["spec"]
        assert spec["automountServiceAccountToken"] is False
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["runAsUser"] > 0
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert not {"hostNetwork", "hostPID", "hostIPC"} & spec.keys()
        for container in containers(template):
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }


def test_one_pod_a_node(objects):
    for template in templates(objects):
        (rule,) = template["spec"]["affinity"]["podAntiAffinity"][
            "requiredDuringSchedulingIgnoredDuringExecution"]  # fmt: skip
        assert rule["topologyKey"] == "kubernetes.io/hostname"
        labels = template["metadata"]["labels"].items()
        assert rule["labelSelector"]["matchLabels"].items() <= labels


@pytest.mark.parametrize("name", sorted(set(OVERLAYS) - {"rootless"}))
def test_quality_of_service_is_guaranteed(name):
    for template in templates(build(KUBERNETES / "overlays" / name)):
        for container in containers(template):
            resources = container["resources"]
            assert resources["requests"] == resources["limits"]
            assert resources["limits"]["cpu"].isdigit()


def test_probes_ask_fluxpod(objects):
    for template in templates(objects):
        flux = flux_of(template)
        for kind in ("startup", "readiness", "liveness"):
            probe = flux[f"{kind}Probe"]
            assert probe["exec"]["command"][1:] == ["probe", kind]
            assert probe["exec"]["command"][0] == flux.get("command", ["/usr/local/bin/fluxpod"])[0]
            assert probe["periodSeconds"] * probe["failureThreshold"] > 20


@pytest.mark.parametrize("name", OVERLAYS)
def test_a_pod_may_start_for_as_long_as_it_waits_for_its_parent(name):
    objects = build(KUBERNETES / "overlays" / name)
    config = objects["ConfigMap", "flux-config"]["data"]["fluxpod.conf"]
    minutes = int(re.search(r"^wait-timeout = (\d+)m$", config, re.M)[1])
    for template in templates(objects):
        probe = flux_of(template)["startupProbe"]
        assert probe["periodSeconds"] * probe["failureThreshold"] > 60 * minutes


def settings_of(objects, template):
    """What the config file says, and over it the flags before "--", as {option: value}."""
    text = objects["ConfigMap", "flux-config"]["data"]["fluxpod.conf"]
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    settings = dict(line.split(" = ") for line in lines)
    args = flux_of(template)["args"][1:]
    for option, value in itertools.pairwise([*args, "--"]):
        if option == "--":
            break
        if option.startswith("--"):
            settings[option[2:]] = "true" if value.startswith("--") else value
    return settings


def seconds(duration):
    number, unit = re.fullmatch(r"(\d+)([ms])", duration).groups()
    return int(number) * {"m": 60, "s": 1}[unit]


def test_fluxpod_stays_above_every_broker_and_ends_before_it_is_killed(objects):
    for template in templates(objects):
        settings = settings_of(objects, template)
        assert settings["supervise"] == "true"
        # Enough for a kubelet that is late; what is left is of use to the broker.
        assert seconds(settings["grace"]) + 10 <= template["spec"]["terminationGracePeriodSeconds"]


def test_where_pods_are_made_again_the_others_join_again(objects):
    kind = workload(objects)[0]
    for template in templates(objects):
        stays = kind in ("StatefulSet", "LeaderWorkerSet")
        assert (settings_of(objects, template).get("when-parent-leaves") == "rejoin") == stays
        if stays:
            arguments = flux_of(template)["args"]
            assert "--" not in arguments, "a lead that finishes would be started again"


# What Flux and its jobs write to (plan/scratch.hpp): the root is read-only.
SCRATCH = {"/run/fluxpod", "/tmp", "/var/tmp"}


def test_flux_and_its_jobs_can_write_where_they_do(objects):
    for template in templates(objects):
        volumes = {volume["name"]: volume for volume in template["spec"]["volumes"]}
        flux = flux_of(template)
        mounts = {mount["mountPath"]: mount for mount in flux["volumeMounts"]}
        assert SCRATCH <= mounts.keys()
        for path in SCRATCH:
            assert not mounts[path].get("readOnly") and "subPath" not in mounts[path]
            assert "emptyDir" in volumes[mounts[path]["name"]]  # which a kubelet mounts exec
        assert len({mounts[path]["name"] for path in SCRATCH}) == len(SCRATCH)
        assert flux["workingDir"] == "/tmp"


def test_a_job_that_is_submitted_from_outside_is_started_as_the_leads_own(objects):
    for template in templates(objects):
        variables = {each["name"]: each.get("value") for each in flux_of(template)["env"]}
        root = settings_of(objects, template).get("root", "/run/fluxpod")
        assert variables["FLUX_SHELL_RC_PATH"] == f"{root}/etc/flux/shell"


def test_an_archive_outlives_the_pods(objects):
    for template in templates(objects):
        flux = flux_of(template)
        if "--archive" in flux["args"]:
            archive = Path(flux["args"][flux["args"].index("--archive") + 1])
            (mount,) = [
                each for each in flux["volumeMounts"] if each["mountPath"] == str(archive.parent)
            ]
            claims = workload(objects)[2]["volumeClaimTemplates"]
            assert mount["name"] in [claim["metadata"]["name"] for claim in claims]


def test_what_is_beside_the_broker_does_not_keep_a_job_from_its_end(objects):
    for template in templates(objects):
        assert [each["name"] for each in template["spec"]["containers"]] == ["flux"]


def test_the_secret_of_the_base_is_refused(start, refuses, fluxpod, tmp_path):
    secret = build(KUBERNETES / "base")["Secret", "flux-secret"]
    (tmp_path / "key").write_text(secret["stringData"]["key"])
    process = start([fluxpod, "keygen", "--from-secret", str(tmp_path / "key"), "-"])
    refuses(process, 14, "16")


# ---- what fluxpod makes of them ------------------------------------------------------------------


def test_every_pod_finds_its_rank(objects, fluxpod, secret, tmp_path):
    config = tmp_path / "fluxpod.conf"
    text = objects["ConfigMap", "flux-config"]["data"]["fluxpod.conf"]
    config.write_text(text.replace("/etc/fluxpod-secret/key", secret))
    hosts = set()
    for rank, (host, platform, template) in enumerate(pods(objects)):
        flux = flux_of(template)
        assert flux["args"][0] == "run"
        env = {each["name"]: each.get("value", "default") for each in flux["env"]}
        done = subprocess.run(
            [fluxpod, "render", "--explain", "--format", "json", "--config", config, "--hostname",
             host, *flux["args"][1:]],
            # This machine is not the node that the overlay is for.
            env={"PATH": os.environ["PATH"], "FLUXPOD_NODE_RULE": "off", **platform, **env},
            text=True, capture_output=True,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        decided = json.loads(done.stdout)
        assert decided["pod"]["rank"] == rank
        hosts.add(decided["cluster"]["hosts"])
    assert rank == 3 and len(hosts) == 1


def test_the_words_of_the_other_containers_are_known(objects, fluxpod):
    for template in templates(objects):
        for container in containers(template):
            if container["name"] == "flux":
                continue
            words = container["args"]
            known = subprocess.run([fluxpod, "help", words[0]], text=True, capture_output=True)
            assert known.returncode == 0
            for word in words[: words.index("--") if "--" in words else None]:
                assert not word.startswith("--") or word in known.stdout


# ---- the published schemas -----------------------------------------------------------------------


@pytest.fixture(scope="module")
def schemas():
    directory = os.environ.get("KUBERNETES_SCHEMAS")
    if not directory:
        pytest.skip("KUBERNETES_SCHEMAS is not set: Kubernetes' schemas are not at hand")
    directory = Path(directory)
    found = {}
    for name in ("api_v1", "apis_apps_v1"):
        found.update(json.loads((directory / f"{name}.json").read_text())["components"]["schemas"])
    for name in ("jobset", "lws", "mpijob"):
        crd = yaml.safe_load((directory / f"{name}.yaml").read_text())["spec"]
        for version in crd["versions"]:
            name = f"{crd['names']['kind']} {version['name']}"
            found[name] = version["schema"]["openAPIV3Schema"]
    # A Job is a template in a JobSet.
    jobs = found["JobSet v1alpha2"]["properties"]["spec"]["properties"]["replicatedJobs"]
    found["Job v1"] = {"type": "object", "properties": {
        **dict.fromkeys(("apiVersion", "kind"), {"type": "string"}), "metadata": {"type": "object"},
        "spec": jobs["items"]["properties"]["template"]["properties"]["spec"],
    }}  # fmt: skip
    return strict({"components": {"schemas": found}})["components"]["schemas"]


def strict(schema):
    """Fields that are not in it are errors, as with kubectl --validate=strict."""
    if isinstance(schema, list):
        return [strict(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    made = {key: strict(value) for key, value in schema.items()}
    if isinstance(made.get("properties"), dict) and made.get("type") == "object":
        made.setdefault("additionalProperties", False)
    if made.get("x-kubernetes-int-or-string"):
        made.pop("type", None)
    return made


def test_they_are_valid(objects, schemas):
    jsonschema = pytest.importorskip("jsonschema")
    core = {"Service": "io.k8s.api.core.v1.Service", "Secret": "io.k8s.api.core.v1.Secret",
            "ConfigMap": "io.k8s.api.core.v1.ConfigMap",
            "StatefulSet": "io.k8s.api.apps.v1.StatefulSet"}  # fmt: skip
    for (kind, _), document in objects.items():
        name = core.get(kind, f"{kind} {document['apiVersion'].split('/')[-1]}")
        schema = {**schemas[name], "components": {"schemas": schemas}}
        jsonschema.validate(document, schema)
