"""Says what oslo.config reads from a text.

Reads one JSON object per line on stdin and answers each with one on stdout:

    {"text": TEXT}
        {"sections": {SECTION: {KEY: [VALUE, ...]}}}     with names as oslo.config compares them
        {"error": {"kind": CLASS, "line": LINE or null, "message": MESSAGE}}

    {"text": TEXT, "options": [[SECTION, KEY], ...]}
        the same, and in "options" what a service gets that has registered these: for each of them
        {"single": VALUE, "multi": [VALUE, ...]}, with oslo.config's own "$" filled in; where that
        fails, {"error": ...}
"""

import json
import os
import re
import sys
import tempfile

from oslo_config import cfg


def write(text):
    """Writes the text to a file, byte for byte."""
    file = tempfile.NamedTemporaryFile(suffix=".conf", delete=False)
    with file:
        file.write(text.encode("utf-8"))
    return file.name


def failure(error):
    line = re.search(r":(\d+), ", str(error))
    return {
        "kind": type(error).__name__,
        "line": int(line.group(1)) if line else None,
        "message": str(error),
    }


def parse(path):
    """What is in the file, by the way that every service takes."""
    namespace = cfg._Namespace(cfg.ConfigOpts())
    cfg.ConfigParser._parse_file(path, namespace)
    if namespace._files_not_found or namespace._files_permission_denied:
        raise RuntimeError(f"{path} cannot be read")
    (sections,) = namespace._normalized
    return sections


def registered(path, kind, options):
    """A service's configuration, with these options registered."""
    conf = cfg.ConfigOpts()
    for group, name in options:
        group = None if group == "DEFAULT" else group
        # The name of an option is where it is found in Python; "dest" is what a file calls it.
        conf.register_opt(kind(name, dest=name), group=group)
    conf([], project="judge", default_config_files=[path], default_config_dirs=[])
    return conf


def read(conf, group, name):
    return conf[name] if group == "DEFAULT" else conf[group][name]


def read_options(path, options):
    single = registered(path, cfg.StrOpt, options)
    multi = registered(path, cfg.MultiStrOpt, options)
    found = []
    for group, name in options:
        try:
            found.append({
                "single": read(single, group, name),
                "multi": read(multi, group, name),
            })
        except Exception as error:
            found.append({"error": failure(error)})
    return found


def judge(request):
    path = write(request["text"])
    try:
        answer = {"sections": parse(path)}
        if "options" in request:
            answer["options"] = read_options(path, request["options"])
        return answer
    except cfg.Error as error:
        return {"error": failure(error)}
    finally:
        os.unlink(path)


def main():
    # JSON is UTF-8, whatever the locale says.
    stdin = open(sys.stdin.fileno(), encoding="utf-8", newline="\n", closefd=False)
    for line in stdin:
        print(json.dumps(judge(json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
