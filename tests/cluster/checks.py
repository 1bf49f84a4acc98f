"""What a step finds."""


class Failed(Exception):
    """What is wrong."""


def check(true, text):
    if not true:
        raise Failed(text)
