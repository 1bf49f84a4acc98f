"""Says what MariaDB reads from an option file: asks its my_print_defaults, text after text.

Reads lines of JSON, {"text": ...}, and answers each with a line of JSON: {"values": [[group,
option, value], ...]}, where the value of an option that stands without "=" is null, or
{"error": ...}. The groups are in lower case and in the order in which the text names them.

my_print_defaults prints the options of given groups, a line each, and a value may hold line breaks
itself. Hence its output is unbuffered and goes into a socket that keeps each write apart: puts()
writes the option and then the end of its line. It tells no groups, so it is asked group by group.
"""

import json
import os
import re
import socket
import subprocess
import sys
import tempfile


def unbuffered():
    """The environment in which a program does not gather what it prints."""
    printed = subprocess.run(
        ["stdbuf", "-o0", "env"], stdout=subprocess.PIPE, check=True, text=True
    ).stdout
    variables = dict(line.split("=", 1) for line in printed.splitlines() if "=" in line)
    return {name: variables[name] for name in ("PATH", "LD_PRELOAD", "_STDBUF_O")}


def is_mariadb():
    """Whether my_print_defaults is MariaDB's: MySQL's takes longer lines and hides passwords."""
    version = ["my_print_defaults", "--version"]
    return " Ver 1." in subprocess.run(version, stdout=subprocess.PIPE, check=True, text=True).stdout


def options(path, group, environment):
    """The options of a group as they reach a program, or None and what the reader says."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours:
        with theirs:
            reader = subprocess.Popen(
                ["my_print_defaults", "--defaults-file=" + path, "--", group],
                stdin=subprocess.DEVNULL,
                stdout=theirs,
                stderr=subprocess.PIPE,
                env=environment,
            )
        with reader:
            writes = list(iter(lambda: ours.recv(1 << 16), b""))
            said = reader.stderr.read().decode(errors="replace")
    if reader.returncode:
        return None, said or f"my_print_defaults ended with {reader.returncode}"
    if writes[1::2] != [b"\n"] * (len(writes) // 2) or len(writes) % 2:
        return None, "the judge does not understand my_print_defaults"
    return writes[::2], said


def split(argument):
    """An argument, "--name" or "--name=value", as its two parts."""
    name, equals, value = argument.decode(errors="replace").removeprefix("--").partition("=")
    return name, value if equals else None


def groups(text):
    """All that may be a group, in lower case, in the order of the text."""
    found = re.findall(rb"^[^\[#;\w\n]*\[([^\]\n\0]*)\]", text, re.MULTILINE)
    names = (name.rstrip(b" \t\v\f\r\xa0").lower() for name in found)
    return [name for name in dict.fromkeys(names) if name]


def judge(text, path, environment):
    """The answer for a text."""
    with open(path, "wb") as file:
        file.write(text)
    values = []
    # The reader goes through the whole file whatever the group, and fails or not.
    for group in groups(text) or [b"none"]:
        arguments, said = options(path, group, environment)
        if arguments is None:
            return {"error": said}
        name = group.decode(errors="replace")
        values.extend([name, *split(argument)] for argument in arguments)
    return {"values": values}


def main():
    if not is_mariadb():
        sys.exit("my_print_defaults is not MariaDB's; see tests/install.sh")
    environment = unbuffered()
    with tempfile.TemporaryDirectory() as folder:
        # Those that everyone may write to are passed over by the reader.
        os.umask(0o077)
        path = os.path.join(folder, "my.cnf")
        for line in sys.stdin:
            text = json.loads(line)["text"].encode()
            print(json.dumps(judge(text, path, environment)), flush=True)


if __name__ == "__main__":
    main()
