"""Inside gdb: the frames of the selected thread, as a line of JSON for guestk.py."""

import json

import gdb


def number(value):
    """A number or a pointer; of an array of characters what it holds."""
    return int(value.cast(gdb.lookup_type("unsigned long")))


def argument(value):
    if value.type.strip_typedefs().code == gdb.TYPE_CODE_PTR:
        target = value.type.strip_typedefs().target().strip_typedefs().unqualified()
        if target == gdb.lookup_type("char"):
            return value.string()
    return number(value) & (1 << 64) - 1


def register(frame, name):
    try:
        return number(frame.read_register(name)) & (1 << 64) - 1
    except (gdb.error, ValueError):
        return None


frames = []
frame = gdb.newest_frame()
while frame is not None and len(frames) < 64:
    arguments = {name: register(frame, name) for name in ("r32", "r33")}
    if frame.function() is not None:
        for symbol in frame.block():
            if symbol.is_argument:
                arguments[symbol.name] = argument(frame.read_var(symbol))
    frames.append({"function": frame.name(), "arguments": arguments})
    frame = frame.older()
print("FRAMES " + json.dumps(frames))
