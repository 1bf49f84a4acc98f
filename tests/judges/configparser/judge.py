"""Says what PasteDeploy and Swift read from a text.

Reads one JSON object per line on stdin and answers each with one on stdout:

    {"text": TEXT, "dialect": DIALECT}
        {"values": [[SECTION, OPTION, VALUE], ...], "filled": [[FIRST, SECOND], ...]}
        {"error": MESSAGE}

A dialect has two readers. "configparser": PasteDeploy's loader, and the three places where Swift
reads its swift.conf. "swift": the loader of Swift's servers, and readconf(), which its daemons read
their files with. What one of them refuses, or the two read differently, is an error.

"values" is the text as configparser holds it; "filled" is what each of the two readers gives the
program for it, with "%" filled in; null where it gives an error instead.

swift.conf is read with names in lower case; that alone does not count as a difference.
"""

import configparser
import json
import os
import sys
import tempfile

from paste.deploy import loadwsgi

# Swift puts its own class in the place of this one.
PasteLoader = loadwsgi.ConfigLoader

from swift.common import constraints, storage_policy, utils, wsgi  # noqa: E402
from swift.common.utils import config  # noqa: E402

# What a loader of PasteDeploy knows without the file.
GIVEN = ("here", "__file__")

noted = []


class Noted(configparser.ConfigParser):
    """Swift's functions keep their parser for themselves; this one can be looked at."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        noted.append(self)


for module in (constraints, storage_policy, utils, config):
    module.ConfigParser = Noted


class Difference(Exception):
    """Two readers that do not agree."""


def paste(path):
    return PasteLoader(path).parser


def server(path):
    loader = wsgi.NamedConfigLoader(path)
    try:
        # This puts Swift's interpolation in place, before it looks for the section.
        loader.get_context(loadwsgi.APP, "no such section")
    except LookupError:
        pass
    # Raised where [DEFAULT] is filled in.
    except configparser.InterpolationError:
        pass
    return loader.parser


def daemon(path):
    noted.clear()
    try:
        config.readconf(path)
    except configparser.InterpolationError:
        pass
    (parser,) = noted
    return parser


def swift_conf(path):
    """What all that read swift.conf read alike."""
    utils.SWIFT_CONF_FILE = path
    utils.HASH_PATH_PREFIX = utils.HASH_PATH_SUFFIX = b""
    noted.clear()
    for read in (
        constraints.reload_constraints,
        storage_policy.reload_storage_policies,
        utils.validate_hash_conf,
    ):
        try:
            read()
        except configparser.InterpolationError:
            pass
        except configparser.Error:
            raise
        # What Swift does not like about the values is not the question here.
        except (Exception, SystemExit):
            pass
    first, second, hashes = noted
    if raw(first) != raw(second):
        raise Difference("swift.conf's readers differ")
    # This one reads bytes, and takes one of them for a blank that is part of a letter.
    def utf8(value):
        return value.encode("latin1").decode("utf-8", "replace")

    if hashed(first) != hashed(hashes, utf8):
        raise Difference("swift.conf's hashes are read differently")
    return first


def hashed(parser, text=str):
    """What Swift hashes with; it asks for ASCII names only."""
    return {
        option: text(value)
        for (section, option), value in raw(parser).items()
        if section == "swift-hash" and option.isascii()
    }


def raw(parser):
    """What stands where, as in the file."""
    sections = {"DEFAULT": parser._defaults, **parser._sections}
    return {
        (section, option): value
        for section, options in sections.items()
        for option, value in options.items()
    }


def filled(parser, section, option):
    try:
        return parser.get(section, option)
    except configparser.InterpolationError:
        return None


READERS = {"configparser": (paste, swift_conf), "swift": (server, daemon)}


def judge(path, dialect):
    first, second = (reader(path) for reader in READERS[dialect])
    names = {(section, second.optionxform(option)) for section, option in raw(first)}
    ours, theirs = raw(first), raw(second)
    values, both = [], []
    for (section, option), value in ours.items():
        name = (section, second.optionxform(option))
        if name not in theirs and section == "DEFAULT" and option in GIVEN:
            names.discard(name)
            continue
        if theirs.get(name) != value:
            raise Difference(f"[{section}] {option} is read differently")
        values.append([section, option, value])
        both.append([filled(parser, section, name) for parser, name in
                     ((first, option), (second, name[1]))])
    if names != set(theirs):
        raise Difference("the readers find different options")
    return {"values": values, "filled": both}


def main():
    # JSON is UTF-8, whatever the locale says.
    stdin = open(sys.stdin.fileno(), encoding="utf-8", newline="\n", closefd=False)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "judge.conf")
        for line in stdin:
            request = json.loads(line)
            with open(path, "wb") as file:
                file.write(request["text"].encode("utf-8"))
            try:
                answer = judge(path, request.get("dialect", "configparser"))
            except (configparser.Error, Difference) as error:
                answer = {"error": f"{type(error).__name__}: {error}"}
            print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
