"""Says which values oslo.config takes for the options of a real service.

    python values.py RAW

RAW is what bootstrap-data/catalog/options.py printed. Reads one JSON list of [GROUP, NAME, VALUE] per
line on stdin, and answers each with a list on stdout: whether a service that has VALUE in its file
reads NAME without an error; null for an option that it does not have.
"""

import json
import logging
import os
import sys
import tempfile

from oslo_config import cfg, generator

logging.disable(logging.CRITICAL)


def registered(path, namespaces):
    """A service with all options of its namespaces, and their names."""
    conf, known = cfg.ConfigOpts(), set()
    conf([], project="judge", default_config_files=[path], default_config_dirs=[])
    for _, listing in generator._list_opts(namespaces):
        for group, opts in listing:
            if getattr(group, "dynamic_group_owner", ""):
                continue
            name = str(getattr(group, "name", group) or "DEFAULT")
            for opt in opts:
                try:
                    conf.register_opt(opt, group=None if name == "DEFAULT" else group)
                except cfg.DuplicateOptError:
                    # Two libraries that do not agree: nobody can say which one counts.
                    known.discard((name, opt.dest))
                    continue
                known.add((name, opt.dest))
    return conf, known


def takes(conf, group, name):
    try:
        (conf if group == "DEFAULT" else conf[group])[name]
    # A class of the service's own may fail in any way.
    except Exception:
        return False
    return True


def read(conf, path):
    """Has the service read the file anew. Its own way gives up at the first bad value of those
    options that may stand on a command line."""
    namespace = cfg._Namespace(conf)
    cfg.ConfigParser._parse_file(path, namespace)
    conf._namespace = namespace
    conf._ConfigOpts__cache.clear()


def judge(path, conf, known, pairs):
    """Each option once in a file."""
    rounds, seen = [], {}
    for index, (group, name, value) in enumerate(pairs):
        number = seen[group, name] = seen.get((group, name), -1) + 1
        if number == len(rounds):
            rounds.append([])
        rounds[number].append((index, group, name, value))
    answers = [None] * len(pairs)
    for each in rounds:
        with open(path, "w", encoding="utf-8", newline="") as file:
            for _, group, name, value in each:
                file.write(f"[{group}]\n{name} = {value}\n")
        read(conf, path)
        for index, group, name, _ in each:
            if (group, name) in known:
                answers[index] = takes(conf, group, name)
    return answers


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        namespaces = json.load(file)["generator_options"]["namespace"]
    stdin = open(sys.stdin.fileno(), encoding="utf-8", newline="\n", closefd=False)
    # What is imported prints, too.
    output = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "judge.conf")
        open(path, "w").close()
        conf, known = registered(path, namespaces)
        for line in stdin:
            json.dump(judge(path, conf, known, json.loads(line)), output)
            output.write("\n")
            output.flush()


if __name__ == "__main__":
    main()
