"""Asks a URL again and again, each time by a new connection, until it is told to end.

    python stream.py URL            with a token of the credentials in the environment

Prints one line at its end: how many requests, how many failed, and the first failure.
"""

import signal
import sys
import time

import openstack
import requests

going = True


def stop(*_):
    global going
    going = False


signal.signal(signal.SIGTERM, stop)
token = openstack.connect().auth_token
asked, failed, first = 0, 0, ""
print("begun", flush=True)
while going:
    asked += 1
    try:
        answer = requests.get(sys.argv[1], headers={"X-Auth-Token": token}, timeout=30)
        problem = "" if answer.status_code < 400 else f"status {answer.status_code}"
    except requests.RequestException as error:
        problem = type(error).__name__ + ": " + str(error)[:200]
    if problem:
        failed += 1
        first = first or f"request {asked}: {problem}"
    # The rhythm of the client: twenty requests a second are enough to meet each moment of a restart.
    time.sleep(0.05)
print(f"{asked} {failed} {first}", flush=True)
