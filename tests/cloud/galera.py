#!/usr/bin/env python3
"""Ends three nodes of Galera in all the ways they can end, and sees them come back: `make galera-test`.

    tests/cloud/galera.py [--release 2026.2] [--keep] [STEP...]

Each node runs under its agent, with the data of bootstrap-data, in a container of its own. Who begins the
cluster after that is what `start-galera` in the image settles. Needs root, to cut nodes off.
"""

import argparse
import os
import sys
import tempfile
import time
import traceback
from pathlib import Path

from cloud import DATA, Cloud
from docker import docker
from nodes import EARLY, NODES, STATE, Failed, Nodes

SERVICE = {"name": "mariadb", "image": "mariadb", "replicas": 3, "volumes": ["mariadb-{n}:/var/lib/mysql"],
           # As Kubernetes does.
           "options": ["--restart", "on-failure"],
           # Seconds; five minutes else.
           "environment": {"GALERA_PATIENCE": "30"}}  # fmt: skip
GENERAL = {"GALERA": "ON", "GALERA_NODES": ",".join(NODES), "MYSQL_BUFFER_POOL_SIZE": "64M"}
COPY = "/var/lib/mysql/data/sst_in_progress"


class Steps(Nodes):
    """Each method is a step; its first line of documentation is what the table says."""

    def form(self):
        """three empty nodes become one cluster, the first of all started among the others"""
        self.cloud.make_network()
        self.cloud.start_etcd()
        self.cloud.load()
        for number in [3, 1, 2]:
            self.cloud.start_replica(SERVICE, number)
        with self.tables_are_made():
            self.whole()
        self.never_restarted()
        early = "SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA = 'early'"
        for node in NODES:
            self.wait(f"the early tables on {node}", lambda on=node: self.on(on, early) == str(EARLY), 30)
        self.on(NODES[0], "CREATE DATABASE seen; CREATE TABLE seen.numbers (number INT PRIMARY KEY)")
        self.write(NODES[1])
        self.whole()

    def one(self):
        """one is killed, another one stops: each comes back with what it has missed"""
        for node, end in [(NODES[0], self.kill), (NODES[1], self.stop)]:
            end(node)
            self.write(NODES[2])
            self.start(node)
            self.whole()

    def stopped_in_a_row(self):
        """the last one to stop begins, also if it is started after the others"""
        for node in NODES:
            self.stop(node)
        self.start(NODES[0], NODES[1])
        self.said(NODES[0], "waits for all nodes")
        self.start(NODES[2])
        self.whole()
        self.said(NODES[2], "begins the cluster")

    def stopped_at_once(self):
        """all stop at once, so that maybe none is the last one: they begin when all are there"""
        self.stop(*NODES)
        self.start(*NODES)
        self.whole()

    def killed_at_once(self):
        """all are killed at once, and begin when all are there"""
        self.kill(*NODES)
        self.start(NODES[0], NODES[1])
        self.waits(NODES[0], NODES[1])
        self.start(NODES[2])
        self.whole()

    def newest(self):
        """all are killed, one before the others: who begins is none that lacks something"""
        self.kill(NODES[0])
        self.write(NODES[1])
        self.kill(NODES[1], NODES[2])
        self.start(*NODES)
        self.whole()
        began = [node for node in NODES if "begins the cluster" in self.log(node)]
        if began not in ([NODES[1]], [NODES[2]]):
            raise Failed(f"begun by {began}")

    def one_lives(self):
        """two are killed: the one that lives has no majority until they are back"""
        self.kill(NODES[0], NODES[2])
        self.wait("no majority", lambda: self.status(NODES[1])["wsrep_cluster_status"] == "non-Primary")
        self.start(NODES[0], NODES[2])
        self.whole()

    def wrong_file(self):
        """one that takes itself for the last one joins the others, who have gone on"""
        self.kill(NODES[0])
        self.write(NODES[1])
        self.say_last(NODES[0])
        self.start(NODES[0])
        self.whole()
        self.said(NODES[0], "joins mariadb-")

    def cut_off(self):
        """one that takes itself for the last one, and can ask nobody, waits"""
        self.kill(NODES[0])
        self.write(NODES[1])
        self.say_last(NODES[0])
        with self.nobody_answers(NODES[1], NODES[2]):
            self.start(NODES[0])
            self.waits(NODES[0])
        self.whole()

    def lost_join(self):
        """the cluster goes away while a node joins it: that one does not wait for ever"""
        self.kill(NODES[0], NODES[1])
        self.start(NODES[0])
        self.said(NODES[0], "joins mariadb-3")
        self.kill(NODES[2])
        self.start(NODES[1], NODES[2])
        self.whole()

    def empty(self):
        """one has lost its volume, and gets all of it from the others"""
        self.kill(NODES[0])
        self.in_volume(NODES[0], "rm -rf /var/lib/mysql/data")
        self.start(NODES[0])
        self.whole()

    def empty_after_all(self):
        """all are killed, and one has lost its volume"""
        self.kill(*NODES)
        self.in_volume(NODES[0], "rm -rf /var/lib/mysql/data")
        # As if the store had been lost as well: the steps that are done once would be done again.
        self.in_volume(NODES[0], "touch /var/lib/mysql/first-node")
        self.start(*NODES)
        self.whole()

    def gone(self):
        """all are killed, and one does not come back: a person says who begins"""
        self.kill(*NODES)
        self.start(NODES[0], NODES[1])
        self.said(NODES[1], "waits for all nodes")
        self.begin(NODES[1])
        self.whole(NODES[0], NODES[1])
        self.write(NODES[0])
        self.start(NODES[2])
        self.whole()

    def nobody_answers_at_all(self):
        """one that was the last cannot ask anybody: it waits, until a person says that it begins"""
        self.kill(NODES[1])
        self.kill(NODES[2])
        self.kill(NODES[0])
        self.say_last(NODES[0])
        self.start(NODES[1], NODES[2])
        self.said(NODES[1], "waits for all nodes")
        with self.nobody_answers(NODES[1], NODES[2]):
            self.start(NODES[0])
            self.waits(NODES[0])
            self.begin(NODES[0])
            self.said(NODES[0], "begins the cluster")
        self.whole()

    def no_longer_last(self):
        """one that was the last comes back when the others, who have gone on since, are down as well"""
        self.last_of_before()
        self.start(NODES[0])
        self.waits(NODES[0])
        self.start(NODES[1], NODES[2])
        self.whole()

    def given_up(self):
        """a person has one begin that has less: the others do not join it, and nothing is lost"""
        self.kill(NODES[0])
        for _ in range(5):
            self.write(NODES[2])
        self.kill(NODES[1], NODES[2])
        self.start(NODES[0])
        self.said(NODES[0], "waits for all nodes")
        self.begin(NODES[0])
        self.wait("it serves", lambda: self.status(NODES[0])["wsrep_ready"] == "ON")
        self.start(NODES[1], NODES[2])
        self.said(NODES[1], "does not join mariadb-1")
        self.said(NODES[2], "does not join mariadb-1")
        # What a person has to do who wants that of the other two.
        self.kill(NODES[0])
        self.in_volume(NODES[0], "rm -rf /var/lib/mysql/data")
        self.start(NODES[0])
        self.whole()

    def old_word(self):
        """what a person has said is not meant for a later start"""
        self.begin(NODES[0])
        self.kill(*NODES)
        self.start(NODES[0])
        self.waits(NODES[0])
        self.start(NODES[1], NODES[2])
        self.whole()

    def last_of_before(self):
        """All are down; the first says that it was the last one, and the other two have more."""
        for node in reversed(NODES):
            self.stop(node)
        self.start(NODES[1], NODES[2])
        self.said(NODES[2], "waits for all nodes")
        self.begin(NODES[1])
        self.whole(NODES[1], NODES[2])
        for _ in range(3):
            self.write(NODES[2])
        self.whole(NODES[1], NODES[2])
        self.kill(NODES[1], NODES[2])

    def no_majority(self):
        """the others have gone on without one that was cut off, and stopped: it lets them begin"""
        docker("network", "disconnect", self.cloud.name, self.container(NODES[2]))
        self.wait("no majority", lambda: self.status(NODES[2])["wsrep_cluster_status"] == "non-Primary")
        self.write(NODES[0])
        self.stop(NODES[0])
        self.write(NODES[1])
        self.stop(NODES[1])
        docker("network", "connect", "--alias", NODES[2], self.cloud.name, self.container(NODES[2]))
        self.start(NODES[0], NODES[1])
        self.whole()

    def half_a_copy(self):
        """one is killed while it gets its first copy, and then all are"""
        self.kill(NODES[0])
        self.in_volume(NODES[0], "rm -rf /var/lib/mysql/data")
        self.start(NODES[0])
        self.wait("a copy under way", lambda: self.in_container(NODES[0], f"test -e {COPY}") is not None)
        self.kill(*NODES)
        self.in_volume(NODES[0], f"test -e {COPY}")
        self.start(*NODES)
        self.whole()

    def first_start(self):
        """the first of all is killed while it begins, before anybody has anything"""
        self.kill(*NODES)
        for node in NODES:
            self.in_volume(node, "rm -rf /var/lib/mysql/data")
        self.in_volume(NODES[1], "touch /var/lib/mysql/first-node")
        self.written = 0
        self.start(NODES[1])
        self.wait("its state", lambda: self.in_container(NODES[1], f"test -s {STATE}") is not None)
        self.kill(NODES[1])
        self.start(*NODES)
        self.whole()

    def alone(self):
        """one has data of a server without Galera: it gives it up for nobody, and may begin as the first of all"""
        self.kill(NODES[0])
        self.in_volume(NODES[0], f"rm {STATE}")
        self.start(NODES[0])
        self.said(NODES[0], "does not join mariadb-")
        self.kill(*NODES)
        for node in NODES[1:]:
            self.in_volume(node, "rm -rf /var/lib/mysql/data")
        self.in_volume(NODES[0], "touch /var/lib/mysql/first-node")
        self.start(*NODES)
        self.whole()

    def waiting_stops(self):
        """a node that waits stops when it is told to"""
        self.kill(*NODES)
        self.start(NODES[0])
        self.said(NODES[0], "waits for all nodes")
        began = time.monotonic()
        self.stop(NODES[0])
        took = time.monotonic() - began
        if took > 30:
            raise Failed(f"after {took:.0f} s")
        self.start(*NODES)
        self.whole()


STEPS = [
    "one", "stopped_in_a_row", "stopped_at_once", "killed_at_once", "newest", "one_lives", "wrong_file",
    "cut_off", "lost_join", "empty", "empty_after_all", "gone", "nobody_answers_at_all", "no_longer_last",
    "given_up", "old_word", "no_majority", "half_a_copy", "alone", "waiting_stops", "first_start",
]  # fmt: skip


def run(steps, name):
    """Does a step: its name, its seconds, and what failed."""
    print(f"galera-test: {name} …", file=sys.stderr, flush=True)
    began, failure = time.monotonic(), ""
    try:
        getattr(steps, name)()
    except Failed as error:
        failure = str(error)
    except Exception:
        failure = traceback.format_exc()
    if failure:
        print(f"galera-test: {name}: {failure}", file=sys.stderr, flush=True)
    return name, time.monotonic() - began, failure and "failed: " + failure.strip().splitlines()[-1][:100]


def parse():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--release", default=os.environ.get("RELEASE", "2026.2"))
    parser.add_argument("--prefix", default=os.environ.get("PREFIX", "etcstack"), help="of the images")
    parser.add_argument("--keep", action="store_true", help="the nodes, for a look at them")
    parser.add_argument("steps", nargs="*", help="only these, after `form`")
    arguments = parser.parse_args()
    arguments.name = "etcstack-galera"
    return arguments


def main():
    arguments = parse()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "general").mkdir()
        for name, value in GENERAL.items():
            (Path(folder) / "general" / name).write_text(value)
        arguments.data = [*DATA, folder]
        steps = Steps(Cloud(arguments))
        try:
            for name in ["form", *(arguments.steps or STEPS)]:
                rows.append(run(steps, name))
                if rows[-1][2]:
                    # What is there is not what the next step begins with.
                    break
        finally:
            if not arguments.keep:
                steps.cloud.down()
    print(f"\n{'STEP':<20}{'SECONDS':>8}  RESULT")
    for name, seconds, failure in rows:
        print(f"{name:<20}{seconds:>8.1f}  {failure or 'ok'}")
    return 1 if any(row[2] for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
