"""Says what a service does that has read one text and finds another one.

Reads one JSON object per line on stdin and answers each with one on stdout:

    {"generator": true}
        what oslo-config-generator prints for the options below

    {"old": TEXT, "new": TEXT}
        for a service with these options that was started on OLD:
        {"before": STATE, "told": STATE, "fresh": STATE}     as it was started, after it was told to
        read NEW, and as it would be started on NEW; STATE is null where oslo.config gives up, else
        {"values": {"[GROUP] NAME": VALUE, ...}, "raw": {SECTION: {KEY: [VALUE, ...]}},
         "sections": [SECTION, ...]}

    {"catalog": PATH}
        for a file of oslo-config-generator: the real options of its namespaces, and what a service
        with all of them does when every single one is changed:
        {"options": [[GROUP, NAME, MUTABLE, SECRET, MULTI], ...], "taken": [[GROUP, NAME], ...]}
"""

import contextlib
import io
import json
import logging
import os
import sys
import tempfile

from oslo_config import cfg, generator, types

# The answers to questions are all that it should print.
logging.disable(logging.CRITICAL)


def options():
    """A service's options: of each group, those that it has."""
    old_debug = [cfg.DeprecatedOpt("debug", group="old"), cfg.DeprecatedOpt("verbose")]
    return [
        (None, [
            cfg.BoolOpt("debug", default=False, mutable=True, deprecated_opts=old_debug),
            cfg.StrOpt("level", default="info", mutable=True),
            cfg.StrOpt("log-file", mutable=True, deprecated_name="logfile"),
            cfg.StrOpt("path", default="/var"),
            cfg.StrOpt("dir", default="$path/dir"),
            cfg.IntOpt("rate", default=1, mutable=True),
            cfg.MultiStrOpt("many", mutable=True),
            cfg.MultiOpt("ports", item_type=types.Integer(), mutable=True),
            cfg.MultiOpt("hosts", item_type=types.String(), default=["${log_file}"]),
            cfg.ListOpt("tags", default=["a", "$rate"], mutable=True),
        ]),
        ("net", [
            cfg.StrOpt("near", mutable=True, secret=True),
            cfg.StrOpt("far", default="$near", mutable=True),
            cfg.StrOpt("dir", default="$level/dir"),
            cfg.DictOpt("map", default={"a": "$far", "b": "$logfile"}),
        ]),
        ("Store", [
            cfg.StrOpt("limit", deprecated_name="rate", deprecated_group="DEFAULT"),
            cfg.StrOpt("size", deprecated_group="kept", mutable=True),
        ]),
    ]


def generated():
    groups = generator._get_groups([("judge", options())])
    return generator._generate_machine_readable_data(groups, {})


def started(path):
    """A service that has been started on a file."""
    conf = cfg.ConfigOpts()
    for group, opts in options():
        for opt in opts:
            # oslo.log has its own on the command line, too.
            register = conf.register_cli_opt if opt.name == "debug" else conf.register_opt
            register(opt, group=group)
    conf([], project="judge", default_config_files=[path], default_config_dirs=[])
    return conf


def value(conf, group, opt):
    try:
        return (conf[group] if group else conf)[opt.dest]
    except Exception:
        return {"error": True}


def state(conf):
    (raw,) = (conf._mutable_ns or conf._namespace)._normalized
    return {
        "values": {
            f"[{group or 'DEFAULT'}] {opt.dest}": value(conf, group, opt)
            for group, opts in options()
            for opt in opts
        },
        "raw": raw,
        "sections": conf.list_all_sections(),
    }


def write(path, text):
    with open(path, "w", encoding="utf-8", newline="") as file:
        file.write(text)


def attempt(action):
    try:
        with contextlib.redirect_stderr(io.StringIO()):
            return action()
    # What is parsed for the command line fails as a command line does.
    except (Exception, SystemExit):
        return None


def compare(path, old, new):
    write(path, old)
    conf = attempt(lambda: started(path))
    before = state(conf) if conf else None
    write(path, new)
    told = None
    if conf and attempt(lambda: (conf.mutate_config_files(),)):
        told = state(conf)
    fresh = attempt(lambda: started(path))
    return {"before": before, "told": told, "fresh": state(fresh) if fresh else None}


def real(path, catalog):
    with open(catalog, encoding="utf-8") as file:
        namespaces = json.load(file)["generator_options"]["namespace"]
    write(path, "")
    conf, found, text = cfg.ConfigOpts(), [], []
    # First, since it has options of its own, which one of the namespaces lists as well.
    conf([], project="judge", default_config_files=[path], default_config_dirs=[])
    for _, listing in generator._list_opts(namespaces):
        for group, opts in listing:
            for opt in opts:
                if getattr(group, "dynamic_group_owner", ""):
                    continue
                name = str(getattr(group, "name", group) or "DEFAULT")
                try:
                    conf.register_opt(opt, group=None if name == "DEFAULT" else group)
                except cfg.DuplicateOptError:
                    pass
                found.append([name, opt.dest, opt.mutable, opt.secret, opt.multi])
                text.append(f"[{name}]\n{opt.dest} = x\n")
    write(path, "".join(text))
    taken = [(group or "DEFAULT", name) for group, name in conf.mutate_config_files()]
    return {"options": found, "taken": [(g, n.replace("-", "_")) for g, n in taken]}


def judge(path, request):
    if "generator" in request:
        return generated()
    if "catalog" in request:
        return real(path, request["catalog"])
    return compare(path, request["old"], request["new"])


def main():
    # JSON is UTF-8, whatever the locale says; and what is imported prints, too.
    stdin = open(sys.stdin.fileno(), encoding="utf-8", newline="\n", closefd=False)
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "judge.conf")
        for line in stdin:
            json.dump(judge(path, json.loads(line)), answers)
            answers.write("\n")
            answers.flush()


if __name__ == "__main__":
    main()
