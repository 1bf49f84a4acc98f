"""Steps that use the cloud as its users do: those of tests/cloud/client/use.py, in a pod."""

import os
import subprocess

from checks import check
from cluster import GUEST, ROOT, ClusterError, run

CLOUD = ROOT / "tests" / "cloud"


class Uses:
    """A part of the steps of test.py."""

    def image(self):
        """an image is uploaded, and comes back as it was"""
        self.put_disk()
        self.use("image")

    def network_of_servers(self):
        """a network, a router and a security group"""
        self.use("network")

    def server(self):
        """a server boots, gets its address and its metadata"""
        self.use("flavor", "server")

    def volume(self):
        """a volume is made, attached to the server, and detached"""
        self.use("volume")

    def stack(self):
        """a stack with a network in it is made and removed"""
        self.use("stack")

    def objects(self):
        """an object goes into Swift and comes back"""
        self.use("objects")

    def zone(self):
        """a zone with a record comes to be ACTIVE"""
        self.use("zone")

    def secret(self):
        """a secret is kept by barbican and comes back"""
        self.use("secret")

    def dashboard(self):
        """the dashboard shows its login"""
        page = self.cloud.client("python3", "-c", "import urllib.request as r; "
                                 "print(r.urlopen('http://horizon:8080/', timeout=60).read().decode())")  # fmt: skip
        check("csrfmiddlewaretoken" in page, page[:300])

    # --- helpers -------------------------------------------------------------------

    def use(self, *steps):
        """Runs steps of the client's script, which says on stderr what it has found wrong."""
        script = (CLOUD / "client" / "use.py").read_text()
        self.cloud.client("python3", "-W", "ignore", "-", *steps, input=script)

    def put_disk(self):
        """Gives the client's pod the disk of a guest, as tests/cloud makes it."""
        base = os.environ.get("BASE_IMAGE") or "debian:trixie-slim"
        run("docker", "build", "--quiet", "--network", "host", "--tag", GUEST, "--build-arg", f"BASE_IMAGE={base}",
            CLOUD / "guest", env=os.environ | {"DOCKER_BUILDKIT": "0"})  # fmt: skip
        container = run("docker", "create", GUEST, "none").strip()
        try:
            copy = ["docker", "cp", f"{container}:/guest.qcow2", "-"]
            # As a tar of the one file.
            command = self.cloud.cluster.kubectl_command(
                "--namespace", "openstack", "exec", "--stdin", "client", "--", "tar", "-x", "-C", "/guest"
            )
            with subprocess.Popen(copy, stdout=subprocess.PIPE) as archive:
                done = subprocess.run(command, stdin=archive.stdout, capture_output=True, text=True)
            if done.returncode != 0:
                raise ClusterError(f"the guest's disk: {done.stderr}")
        finally:
            run("docker", "rm", container)
