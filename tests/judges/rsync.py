"""Says how rsync's daemon reads its configuration file.

Reads JSON lines {"text": ...} and answers each with {"values": [[section, option, value], ...]}
or {"error": ...}. The daemon runs on a pipe and is asked for its modules, so the values are those
of the option "comment" of every module: its own, or the global one where it has none. "unknown" has
the names of the options that rsync does not know, in the order of the file, and "ignored" counts
the lines that it could not read.
"""

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ASK = b"@RSYNCD: 31.0\n#list\n"
ENVIRONMENT = {"LC_ALL": "C.UTF-8"}


def read(folder, text):
    config = folder / "rsyncd.conf"
    log = folder / "log"
    config.write_bytes(text.encode())
    log.write_bytes(b"")
    command = ["rsync", "--server", "--daemon", f"--config={config}", f"--log-file={log}", "."]
    done = subprocess.run(command, input=ASK, env=ENVIRONMENT, capture_output=True, check=False)
    greeting, *modules = done.stdout.decode(errors="replace").split("\n") or [""]
    messages = re.findall(r"^\S+ \S+ \[\d+\] (.*)$", log.read_text(errors="replace"), re.M)
    if not greeting.startswith("@RSYNCD: ") or "@RSYNCD: EXIT" not in modules:
        return {"error": " ".join([*messages, done.stderr.decode(errors="replace"), greeting, *modules]).strip()}
    end = len(modules) - 1 - modules[::-1].index("@RSYNCD: EXIT")
    values = []
    for module in modules[:end]:
        name, comment = module.split("\t", 1)
        values.append([name.rstrip(" "), "comment", comment])
    unknown = [re.fullmatch(r'IGNORING unknown parameter "(.*)"', m) for m in messages]
    bad = ("Ignoring badly formed line", "Unexpected end-of-file at")
    return {
        "values": values,
        "unknown": [match[1] for match in unknown if match],
        "ignored": sum(any(text in message for text in bad) for message in messages),
    }


def main():
    with tempfile.TemporaryDirectory() as folder:
        for line in sys.stdin:
            print(json.dumps(read(Path(folder), json.loads(line)["text"])), flush=True)


main()
