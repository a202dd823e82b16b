"""Code that runs before each step of a smolagents agent in the sandbox; it packs variables.

Its text is copied there from `# In the sandbox`, so it obeys the sandbox's policy. All names begin
with `pymode_`, which no step is expected to use.
"""

# ruff: noqa: D101, D103, F821 - nothing here is an interface; `pymode_calls` comes from `memory`
# ruff: noqa: B009 - the sandbox's policy refuses these attributes where they are written plainly
# mypy: ignore-errors

# In the sandbox
import base64 as pymode_base64
import collections as pymode_collections
import datetime as pymode_datetime
import json as pymode_json
import types as pymode_types

pymode_last = None


class PymodeFinal(BaseException):
    pass


def pymode_pack(value: object) -> object:
    kind = type(value)
    if value is None or kind in (bool, int, float, str):
        return value
    if kind is list:
        return [pymode_pack(item) for item in value]
    if kind in (dict, pymode_collections.Counter, pymode_collections.OrderedDict):
        return {kind.__name__: [[pymode_pack(k), pymode_pack(v)] for k, v in value.items()]}
    if kind in (tuple, set, frozenset, pymode_collections.deque):
        return {kind.__name__: [pymode_pack(item) for item in value]}
    if kind in (bytes, bytearray):
        return {kind.__name__: pymode_base64.b64encode(value).decode()}
    if kind in (pymode_datetime.datetime, pymode_datetime.date, pymode_datetime.time):
        return {kind.__name__: value.isoformat()}
    raise TypeError(f"a value of type {kind.__name__}")


def pymode_unpack(packed):
    if type(packed) is list:
        return [pymode_unpack(item) for item in packed]
    if type(packed) is not dict:
        return packed
    [(kind, content)] = packed.items()
    if kind in ("bytes", "bytearray"):
        content = pymode_base64.b64decode(content)
        return content if kind == "bytes" else bytearray(content)
    if kind in ("datetime", "date", "time"):
        return getattr(pymode_datetime, kind).fromisoformat(content)
    items = [pymode_unpack(item) for item in content]
    if kind in ("dict", "Counter", "OrderedDict"):
        items = dict(items)
    makers = {"dict": dict, "tuple": tuple, "set": set, "frozenset": frozenset}
    return (makers.get(kind) or getattr(pymode_collections, kind))(items)


def pymode_ask(tool, **arguments):
    def write(value):
        if isinstance(value, bytes):
            return {"$bytes": pymode_base64.b64encode(value).decode()}
        raise TypeError(f"a tool takes JSON values, not {type(value).__name__}")

    payload = pymode_json.dumps({"tool": tool, "arguments": arguments}, default=write)
    return pymode_calls.run_now(payload)


def pymode_call(name):
    def call(*args, **keywords):
        value = pymode_ask("call", name=name, positional=args, keywords=keywords)
        if name == "final_answer":
            raise PymodeFinal
        return value

    return call


def pymode_find(function):
    """Return the first and the last line of a function, also of those inside it."""
    waiting = [getattr(function, "__code__")]
    lines = []
    while waiting:
        code = waiting.pop()
        lines += [place[1] for place in code.co_positions() if place[1]]
        lines.append(getattr(code, "co_firstlineno"))
        waiting += [each for each in code.co_consts if isinstance(each, pymode_types.CodeType)]
    return [getattr(getattr(function, "__code__"), "co_firstlineno"), max(lines)]


def pymode_keep(found, own):
    values, defined, lost = {}, {}, []
    for name, value in found.items():
        if name in own or name.startswith(("pymode_", "Pymode")):
            continue
        here = getattr(value, "__module__", None) == "__main__"
        if here and isinstance(value, pymode_types.FunctionType):
            defined[name] = pymode_find(value)
        elif here and isinstance(value, type):
            methods = [each for each in vars(value).values() if hasattr(each, "__code__")]
            first = getattr(value, "__firstlineno__")
            defined[name] = [first, max([first, *(pymode_find(each)[1] for each in methods)])]
        elif isinstance(value, pymode_types.ModuleType) or (callable(value) and not here):
            continue
        else:
            try:
                values[name] = pymode_json.dumps(pymode_pack(value))
            except (TypeError, ValueError, RecursionError):
                lost.append(f"{name} ({type(value).__name__})")
    pymode_ask("keep", values=values, defined=defined, names=[*found], lost=lost)


def pymode_show(value):
    try:
        pymode_json.dumps(value)
        return value
    except (TypeError, ValueError, RecursionError):
        return repr(value)
