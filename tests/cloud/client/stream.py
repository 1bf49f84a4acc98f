"""Asks a URL again and again, each time by a new connection, until it is told to end.

    python stream.py URL TRIES      with a token of the credentials in the environment

A request has failed if so many tries have, one right after the other: a load balancer makes two.

Prints one line at its end: how many requests, how many failed, how many seconds the slowest took, and
the first failure.
"""

import signal
import sys
import time

import openstack
import requests

going = True


def ask(url, token):
    """Why a request fails, or nothing."""
    try:
        answer = requests.get(url, headers={"X-Auth-Token": token}, timeout=30)
    except requests.RequestException as error:
        return type(error).__name__ + ": " + str(error)[:200]
    return "" if answer.status_code < 400 else f"status {answer.status_code}"


def stop(*_):
    global going
    going = False


signal.signal(signal.SIGTERM, stop)
url, tries = sys.argv[1:]
token = openstack.connect().auth_token
asked, failed, slowest, first = 0, 0, 0, ""
print("begun", flush=True)
while going:
    asked += 1
    begun = time.monotonic()
    for _ in range(int(tries)):
        if not (problem := ask(url, token)):
            break
    slowest = max(slowest, time.monotonic() - begun)
    if problem:
        failed += 1
        first = first or f"request {asked}: {problem}"
    # The rhythm of the client: twenty requests a second are enough to meet each moment of a restart.
    time.sleep(0.05)
print(f"{asked} {failed} {slowest:.1f} {first}", flush=True)
