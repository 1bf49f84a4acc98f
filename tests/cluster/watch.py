"""Waiting for changes in the cluster."""

import queue
import threading
import time

from kubernetes import watch


def changes(*listings):
    """Yields at once, and then whenever something of these listings has changed."""
    wake = queue.Queue()
    for listing in listings:
        threading.Thread(target=follow, args=[listing, wake], daemon=True).start()
    while True:
        yield
        wake.get()
        # What comes together is looked at together.
        time.sleep(0.1)
        while not wake.empty():
            wake.get()


def follow(listing, wake):
    while True:
        try:
            for _ in watch.Watch().stream(listing):
                wake.put(True)
        # Whatever it was: what there is now is looked at, and followed again.
        except Exception as error:
            print(f"{listing.__name__}: {error}", flush=True)
            # The API may be starting, and would be asked without an end.
            time.sleep(1)
        wake.put(True)
