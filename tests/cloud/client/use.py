"""What a user of the cloud does, by openstacksdk: python use.py STEP...

Runs in the image `client`, with the credentials in the environment. Each step leaves what it made, by
name, and finds what earlier ones have made; a step that fails says why and ends with 1.
"""

import hashlib
import os
import sys
import time

import openstack

NAME = "cloud-test"
# The disk of a guest that says on its console what it has found.
DISK = "/guest/guest.qcow2"


def until(what, check, seconds=180):
    """Waits until a check gives something, and returns it."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := check():
            return found
        # OpenStack's interfaces have no way to wait: its own clients ask again as well.
        time.sleep(1)
    raise SystemExit(f"{what}: not within {seconds} s")


def token(cloud):
    assert cloud.authorize(), "no token"
    names = {service.name for service in cloud.identity.services()}
    assert {"keystone", "glance", "nova", "neutron", "placement"} <= names, names


def long_token(cloud):
    """Both replicas give tokens that last two hours: each time a new connection asks."""
    for _ in range(6):
        auth = openstack.connect().session.auth.get_access(cloud.session)
        lasts = (auth.expires - auth.issued).total_seconds()
        assert lasts == 7200, f"a token lasts {lasts} s"


def image(cloud):
    if found := cloud.image.find_image(NAME):
        cloud.image.delete_image(found)
    with open(DISK, "rb") as file:
        data = file.read()
    made = cloud.image.create_image(
        name=NAME, data=data, disk_format="qcow2", container_format="bare", validate_checksum=True
    )
    # Several times: each replica has to have it.
    for _ in range(4):
        got = cloud.image.download_image(made).content
        assert hashlib.sha256(got).digest() == hashlib.sha256(data).digest(), "other bytes"


def network(cloud):
    net = cloud.network
    made = net.find_network(NAME) or net.create_network(name=NAME)
    subnet = net.find_subnet(NAME) or net.create_subnet(
        name=NAME, network_id=made.id, ip_version=4, cidr="10.77.0.0/24"
    )
    router = net.find_router(NAME) or net.create_router(name=NAME)
    if not list(net.ports(device_id=router.id)):
        net.add_interface_to_router(router, subnet_id=subnet.id)
    group = net.find_security_group(NAME)
    if group is None:
        group = net.create_security_group(name=NAME)
        net.create_security_group_rule(
            security_group_id=group.id, direction="ingress", protocol="tcp",
            port_range_min=22, port_range_max=22,
        )  # fmt: skip


def flavor(cloud):
    if cloud.compute.find_flavor(NAME) is None:
        cloud.compute.create_flavor(name=NAME, ram=192, vcpus=1, disk=1)


def server(cloud):
    """A server comes to be ACTIVE, and its guest gets an address and its metadata."""
    compute = cloud.compute
    until("a compute host", lambda: [h for h in compute.hypervisors() if h.state == "up"])
    for old in compute.servers(name=NAME):
        compute.delete_server(old, force=True)
        compute.wait_for_delete(old)
    made = compute.create_server(
        name=NAME, image_id=cloud.image.find_image(NAME).id,
        flavor_id=compute.find_flavor(NAME).id,
        networks=[{"uuid": cloud.network.find_network(NAME).id}],
        security_groups=[{"name": NAME}],
    )  # fmt: skip
    made = compute.wait_for_server(made, wait=300)
    assert made.status == "ACTIVE", made.status
    ports = list(cloud.network.ports(device_id=made.id))
    assert ports, "no port"
    address = made.addresses[NAME][0]["addr"]
    assert address.startswith("10.77.0."), address

    def console():
        lines = compute.get_server_console_output(made)["output"].splitlines()
        return [line for line in lines if line.startswith("guest:")]

    # Without KVM a guest needs a minute to boot.
    until("the guest", lambda: any("ready" in line for line in console()), seconds=600)
    said = "\n".join(console())
    assert f"address {address}/24" in said and f"metadata says {NAME}" in said, said


def volume(cloud):
    """A volume is made, attached to the server, and detached."""
    storage = cloud.block_storage
    made = storage.create_volume(name=NAME, size=1)
    storage.wait_for_status(made, "available", ["error"], wait=120)
    machine = next(cloud.compute.servers(name=NAME))
    cloud.compute.create_volume_attachment(machine, volume_id=made.id)
    storage.wait_for_status(made, "in-use", ["error"], wait=120)
    cloud.compute.delete_volume_attachment(machine, made)
    storage.wait_for_status(made, "available", ["error"], wait=120)
    storage.delete_volume(made)
    storage.wait_for_delete(made, wait=120)


def stack(cloud):
    """A stack with a network in it is made and removed."""
    template = {
        "heat_template_version": "2018-08-31",
        "resources": {
            "net": {"type": "OS::Neutron::Net", "properties": {"name": f"{NAME}-stack"}},
            "word": {"type": "OS::Heat::RandomString"},
        },
        "outputs": {"word": {"value": {"get_attr": ["word", "value"]}}},
    }
    orchestration = cloud.orchestration
    if found := orchestration.find_stack(NAME):
        orchestration.delete_stack(found)
        orchestration.wait_for_delete(found, wait=120)
    made = orchestration.create_stack(name=NAME, template=template, timeout_mins=5)
    orchestration.wait_for_status(
        orchestration.get_stack(made.id), "CREATE_COMPLETE", ["CREATE_FAILED"], wait=180
    )
    assert cloud.network.find_network(f"{NAME}-stack"), "the stack has no network"
    orchestration.delete_stack(made)
    until("the stack is gone", lambda: orchestration.find_stack(NAME) is None)


def objects(cloud):
    """An object goes into Swift and comes back."""
    store = cloud.object_store
    data = os.urandom(1 << 20)
    store.create_container(NAME)
    store.upload_object(container=NAME, name="bytes", data=data)
    assert store.download_object("bytes", container=NAME) == data, "other bytes"
    store.delete_object("bytes", container=NAME)


def zone(cloud):
    """A DNS zone with a record comes to be ACTIVE."""
    dns = cloud.dns
    for old in list(dns.zones(name="cloud-test.example.")):
        dns.delete_zone(old)
        until("the old zone is gone", lambda: not list(dns.zones(name="cloud-test.example.")))
    made = dns.create_zone(name="cloud-test.example.", email="hostmaster@cloud-test.example")
    dns.create_recordset(made, name="www.cloud-test.example.", type="A", records=["192.0.2.7"])
    until("the zone is active", lambda: dns.get_zone(made.id).status == "ACTIVE")


def secret(cloud):
    """A secret is kept by barbican and comes back."""
    manager = cloud.key_manager
    made = manager.create_secret(name=NAME, payload="not for everybody", payload_content_type="text/plain")
    got = manager.get_secret(made.secret_id)
    assert got.payload == "not for everybody", "another secret"
    manager.delete_secret(made.secret_id)


def kept(cloud):
    """What the other steps have made is still there."""
    assert cloud.image.find_image(NAME), "no image"
    assert cloud.network.find_network(NAME), "no network"
    assert [s.status for s in cloud.compute.servers(name=NAME)] == ["ACTIVE"], "no server"


STEPS = {
    step.__name__: step
    for step in [token, long_token, image, network, flavor, server, volume, stack, objects, zone, secret, kept]
}

if __name__ == "__main__":
    connection = openstack.connect()
    for name in sys.argv[1:]:
        STEPS[name](connection)
