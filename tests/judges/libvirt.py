"""Says how libvirt reads a configuration file.

Reads JSON lines {"text": ...} and answers each with {"values": [[section, option, value], ...]}
or {"error": ...}; "effective" has each option once, with the value that libvirt takes. The section
is always null. A value is written in one way, whatever way the file has: 1, "text", ["a", 1]. The
reader is libvirt's own library; libvirtd and virtqemud read their files with the same functions.
"""

import ctypes
import json
import sys
import tempfile

NUMBERS = {1, 2}
TEXT = 3
LIST = 4


class Value(ctypes.Structure):
    """`virConfValue`, which has been like this since libvirt 1.3."""


Value._fields_ = [
    ("type", ctypes.c_int),
    ("next", ctypes.POINTER(Value)),
    ("number", ctypes.c_longlong),
    ("text", ctypes.c_char_p),
    ("list", ctypes.POINTER(Value)),
]

WALKER = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_char_p, ctypes.POINTER(Value), ctypes.c_void_p)
ERROR = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p)


def load():
    library = ctypes.CDLL("libvirt.so.0")
    library.virInitialize()
    library.virConfReadFile.restype = ctypes.c_void_p
    library.virConfReadFile.argtypes = [ctypes.c_char_p, ctypes.c_uint]
    library.virConfWalk.argtypes = [ctypes.c_void_p, WALKER, ctypes.c_void_p]
    library.virConfGetValue.restype = ctypes.POINTER(Value)
    library.virConfGetValue.argtypes = [ctypes.c_void_p, ctypes.c_char_p]
    library.virConfFree.argtypes = [ctypes.c_void_p]
    library.virGetLastErrorMessage.restype = ctypes.c_char_p
    library.virSetErrorFunc.argtypes = [ctypes.c_void_p, ERROR]
    return library


def said(value):
    if value.type in NUMBERS:
        return str(value.number)
    if value.type == TEXT:
        text = value.text.decode()
        if "\n" in text or ('"' in text and "'" in text):
            return f'"""{text}"""'
        return f"'{text}'" if '"' in text else f'"{text}"'
    assert value.type == LIST, value.type
    items = []
    item = value.list
    while item:
        items.append(said(item.contents))
        item = item.contents.next
    return "[" + ", ".join(items) + "]"


def read(library, path):
    conf = library.virConfReadFile(path, 0)
    if not conf:
        return {"error": library.virGetLastErrorMessage().decode()}
    values = []
    effective = {}

    def visit(name, value, _):
        values.append([None, name.decode(), said(value.contents)])
        effective[name.decode()] = said(library.virConfGetValue(conf, name).contents)
        return 0

    library.virConfWalk(conf, WALKER(visit), None)
    library.virConfFree(conf)
    return {"values": values, "effective": [[None, *pair] for pair in effective.items()]}


def main():
    library = load()
    silent = ERROR(lambda *_: None)
    library.virSetErrorFunc(None, silent)
    with tempfile.NamedTemporaryFile() as file:
        for line in sys.stdin:
            file.seek(0)
            file.truncate()
            file.write(json.loads(line)["text"].encode())
            file.flush()
            print(json.dumps(read(library, file.name.encode())), flush=True)


main()
