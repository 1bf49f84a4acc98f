"""What a failed step leaves for whoever looks for the reason: target/cluster/log/STEP."""

from cluster import ClusterError


def keep_logs(cloud, folder):
    """Writes what all pods have said, also before their last restart, the events, and how the pods are."""
    folder.mkdir(parents=True, exist_ok=True)
    keep(folder / "pods", cloud, "get", "pods", "--output=wide")
    keep(folder / "events", cloud, "get", "events", "--sort-by=.lastTimestamp")
    for pod in cloud.pods():
        name = pod["metadata"]["name"]
        for container in pod["status"].get("containerStatuses", []):
            which = [name, f"--container={container['name']}", "--timestamps"]
            keep(folder / f"{name}.{container['name']}", cloud, "logs", *which)
            if container["restartCount"]:
                keep(folder / f"{name}.{container['name']}.before", cloud, "logs", "--previous", *which)


def keep(file, cloud, *command):
    try:
        file.write_text(cloud.kubectl(*command))
    except ClusterError as error:
        file.write_text(f"{error}\n")
