"""The command line: once, or again and again."""

import argparse
import re
import sys
import time

from provision.document import Problem


class NotYet(Exception):
    """The server is not there, or does not know us yet: to be tried again."""


def say(text):
    print(text, flush=True)


def seconds(text):
    """A time such as 90s, 5m or 1h."""
    match = re.fullmatch(r"([0-9]+)(s|m|h)", text)
    if not match:
        raise argparse.ArgumentTypeError("write a time as 90s, 5m or 1h")
    return int(match[1]) * {"s": 1, "m": 60, "h": 3600}[match[2]]


def main(program, what, reconcile):
    """Runs `reconcile(path)`, which says what it changes and returns how many things it has."""
    parser = argparse.ArgumentParser(
        prog=program,
        description=f"Makes {what} be as FILE says, and tells each change. What FILE does not name "
        "stays as it is. Exit codes: 0 done; 64 wrong usage; 65 a mistake in FILE, or something "
        "that is refused; 75 no answer within --timeout.",
    )
    parser.add_argument("file", metavar="FILE")
    parser.add_argument("--timeout", type=seconds, default="5m", metavar="TIME",
                        help="how long to wait for a server that does not answer yet (default: 5m)")
    parser.add_argument("--every", type=seconds, metavar="TIME",
                        help="do not end: look again and again, and mend what others have changed")
    parser.error = lambda message: (print(f"{program}: {message}", file=sys.stderr), sys.exit(64))
    arguments = parser.parse_args()
    if arguments.every:
        _again_and_again(arguments, reconcile)
    sys.exit(_once(arguments, reconcile))


def _once(arguments, reconcile):
    end = time.monotonic() + arguments.timeout
    pause, said = 0.5, None
    while True:
        try:
            changes = reconcile(arguments.file)
            say("nothing to do" if not changes else f"{changes} changes")
            return 0
        except Problem as problem:
            say(f"error: {problem}")
            return 65
        except NotYet as reason:
            if time.monotonic() > end:
                say(f"error: given up: {reason}")
                return 75
            if str(reason) != said:
                said = str(reason)
                say(f"waiting: {reason}")
        # Neither MariaDB nor keystone tells when it comes to be there: asked with growing pauses,
        # until --timeout.
        time.sleep(pause)
        pause = min(pause * 1.5, 5)


def _again_and_again(arguments, reconcile):
    said = None
    while True:
        # What somebody changes in the server itself, nobody tells. The first look was that of the
        # step which has just been here; a change of the list is a step of its own, at once.
        time.sleep(arguments.every)
        try:
            changes = reconcile(arguments.file)
            text = f"{changes} changes" if changes else None
        except (Problem, NotYet) as error:
            text = f"error: {error}"
        if text and (text != said or not text.startswith("error")):
            say(text)
        said = text
