"""The step that brings a cloud from one release to the next, as docs/kubernetes.md says it."""

import json
import os
import subprocess
import tomllib

import yaml
from checks import Failed, check
from cluster import HERE, ROOT, ClusterError, run, say

# docs/kubernetes.md, "Upgrade": what the pods of the release before would not have borne.
NEUTRON = [
    "--config-file",
    "/etc/neutron/neutron.conf",
    "--config-file",
    "/etc/neutron/plugins/ml2/ml2_conf.ini",
]
FINISH = {
    "keystone": ["keystone-manage", "db_sync", "--contract"],
    "glance": ["sh", "-ec", "glance-manage db migrate; glance-manage db contract"],
    "nova": ["nova-manage", "db", "online_data_migrations"],
    "cinder": ["cinder-manage", "db", "online_data_migrations"],
    "neutron": ["neutron-db-manage", *(f"--config-file={file}" for file in NEUTRON), "upgrade", "--contract"],
}


def older_overlay(overlay, release, folder):
    """An overlay around this one, with the images of another release: as an operator's own was before."""
    component = yaml.safe_load((ROOT / "k8s/components/images/kustomization.yaml").read_text())
    images = [{"name": image["name"], "newTag": release} for image in component["images"]]
    folder.mkdir(parents=True, exist_ok=True)
    kustomization = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": [os.path.relpath(overlay, folder)],
        "images": images,
    }
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(kustomization, sort_keys=False))
    return folder


def check_images(images):
    """Ends with a clear error where this machine has not got them."""
    there = run("docker", "image", "ls", "--format", "{{.Repository}}:{{.Tag}}").split()
    lacking = sorted(set(images) - set(there))
    if lacking:
        releases = " and ".join(sorted({f"RELEASE={image.partition(':')[2]}" for image in lacking}))
        raise ClusterError(f"no images {', '.join(lacking)}: build them by `make images`, {releases}")


class Upgrade:
    """A part of the steps of test.py."""

    def upgrade(self):
        """a new image is a normal rollout, with the schema steps done once before; no token fails"""
        older = {name: self.images_of(name) for name in self.schema_steps()}
        with Tokens(self.cloud) as tokens:
            # docs/kubernetes.md: steps 3 and 4.
            self.kubectl("delete", "job", "load", "--ignore-not-found")
            self.cloud.applied = self.cloud.overlay
            self.cloud.apply()
            self.kubectl("wait", "--for=condition=complete", "job/load", f"--timeout={self.timeout}s")
            self.cloud.wait_ready(self.timeout)
            # Step 5.
            for service in [name for name in FINISH if name in older]:
                say(f"finishes the upgrade of {service}")
                self.cloud.exec(f"deployment/{service}", *FINISH[service])
        newer = {image for image in self.cloud.images() if not image.startswith("etcstack/client:")}
        for pod in self.cloud.pods():
            if pod["status"]["phase"] == "Running" and pod["metadata"]["name"] != "client":
                found = {container["image"] for container in pod["spec"]["containers"]}
                check(found <= newer, f"{pod['metadata']['name']} has still {found - newer}")
        done = [self.done_once(service, before) for service, before in older.items()]
        self.token()
        return f"{tokens.none_failed()}; once each: {', '.join(done)}"

    # --- helpers -------------------------------------------------------------------

    def schema_steps(self):
        """By service, the steps that are done once for each image, of the services that run here."""
        found = {}
        for deployment in self.cloud.get("deployments")["items"]:
            name = deployment["metadata"]["name"]
            manifest = ROOT / "dockerfiles" / name / "agent.toml"
            if not manifest.exists():
                continue
            steps = tomllib.loads(manifest.read_text()).get("bootstrap", [])
            if once := [step["name"] for step in steps if step.get("once_per") == "image"]:
                found[name] = once
        return found

    def runs(self, service, step):
        """What the agents have noted of a step."""
        record = self.etcdctl("get", "--print-value-only", f"_etcstack/bootstrap/{service}/{step}")
        return json.loads(record)["runs"]

    def images_of(self, service):
        return {run["image"] for step in self.schema_steps()[service] for run in self.runs(service, step)}

    def done_once(self, service, before):
        """Whether one pod alone has done each step for the new image, by its records and by the logs."""
        for step in self.schema_steps()[service]:
            new = [run for run in self.runs(service, step) if run["image"] not in before]
            outcomes = [run["outcome"] for run in new]
            check(outcomes == ["done"], f"{service}/{step} with the new image: {outcomes}")
            logs = "".join(self.kubectl("logs", pod["metadata"]["name"]) for pod in self.cloud.pods(service))
            begun = [
                line for line in logs.splitlines() if '"the step begins"' in line and f'"{step}"' in line
            ]
            check(len(begun) == 1, f"{service}/{step} was begun {len(begun)} times, by the logs")
        return f"{service} ({new[0]['image']})"


class Tokens:
    """Tokens are asked for, in the client's pod, for as long as the block takes."""

    def __init__(self, cloud):
        script = (HERE / "tokens.py").read_text()
        self.command = cloud.cluster.kubectl_command(
            "--namespace", "openstack", "exec", "--stdin", "client", "--", "python3", "-c", script
        )

    def __enter__(self):
        log = open(HERE.parent.parent / "target" / "cluster" / "log" / "tokens.log", "w")
        self.process = subprocess.Popen(
            self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True
        )
        log.close()
        if self.process.stdout.readline().strip() != "begun":
            self.process.kill()
            self.process.communicate()
            raise Failed(f"tokens are not asked for: see {log.name}")
        return self

    def __exit__(self, *_):
        self.last = self.process.communicate()[0].split(None, 4)

    def none_failed(self):
        """A note of them, unless one failed."""
        asked, failed, slowest, seconds, *first = self.last
        check(int(failed) == 0 and int(asked) > 20, f"{failed} of {asked} tokens failed; {' '.join(first)}")
        return f"{asked} tokens in {seconds} s, none failed, the slowest took {slowest} s"
