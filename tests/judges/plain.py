"""Says how RabbitMQ reads rabbitmq.conf.

    plain.py FOLDER

FOLDER is what setup.sh made: Erlang, and cuttlefish as RabbitMQ brings it along. The folder
$ETCSTACK_TEST_CUTTLEFISH may hold the compiled modules of another version. Reads JSON lines
{"text": ...} and answers each with {"values": [[section, option, value], ...]} or {"error": ...};
"effective" has each option once, with the value that RabbitMQ takes. The section is always null.
"""

import base64
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent


def start(folder, config):
    """Starts Erlang without its shell scripts, which know only the place it is installed to."""
    root = folder / "usr" / "lib" / "erlang"
    programs = next(root.glob("erts-*/bin"))
    cuttlefish = os.environ.get("ETCSTACK_TEST_CUTTLEFISH")
    if not cuttlefish:
        cuttlefish = next((folder / "usr" / "lib" / "rabbitmq").glob("**/cuttlefish_conf.beam")).parent
    environment = {
        "ROOTDIR": str(root),
        "BINDIR": str(programs),
        "EMU": "beam",
        "PROGNAME": "erl",
        "HOME": str(config.parent),
        "PATH": os.environ["PATH"],
    }
    source = json.dumps(str(HERE / "plain.erl"))
    run = (
        f"{{ok, M, B}} = compile:file({source}, [binary]), "
        f"{{module, M}} = code:load_binary(M, {source}, B), M:main({json.dumps(str(config))})."
    )
    return subprocess.Popen(
        [programs / "erlexec", "-boot", "start_clean", "-noshell", "-pa", cuttlefish, "-eval", run],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def pairs(text):
    decoded = []
    for pair in text.split():
        key, value = (base64.b64decode(part).decode() for part in pair.split(":"))
        decoded.append([None, key, value])
    return decoded


def answer(line):
    kind, _, rest = line.strip("\n").partition(" ")
    if kind != "ok":
        return {"error": base64.b64decode(rest).decode() or line}
    raw, _, final = rest.partition("|")
    return {"values": pairs(raw), "effective": pairs(final)}


def main():
    with tempfile.TemporaryDirectory() as folder:
        erlang = start(Path(sys.argv[1]), Path(folder) / "rabbitmq.conf")
        for line in sys.stdin:
            text = json.loads(line)["text"].encode()
            erlang.stdin.write(base64.b64encode(text).decode() + "\n")
            erlang.stdin.flush()
            print(json.dumps(answer(erlang.stdout.readline())), flush=True)
        erlang.stdin.close()
        erlang.wait()


main()
