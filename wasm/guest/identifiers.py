"""Which names and attributes the code may use, and what to write instead of the others."""

from guest.modules import NO_FILES


def words(text: str) -> frozenset[str]:
    """Return the words of a text."""
    return frozenset(text.split())


def is_dunder(name: str) -> bool:
    """Say whether a name belongs to the language; `__private` and `__` do not."""
    return name.startswith("__") and name.endswith("__") and len(name) > 4


_ARITHMETIC = words("add sub mul matmul truediv floordiv mod divmod pow lshift rshift and xor or")

# Methods that classes define and call on their bases.
DATA_MODEL = frozenset(
    f"__{name}__"
    for name in words("""
        init new post_init init_subclass class_getitem set_name call len length_hint bool hash
        repr str format bytes eq ne lt le gt ge iter next reversed contains getitem setitem
        delitem missing getattr setattr delattr get set delete dir copy deepcopy neg pos abs
        invert int float complex index round trunc floor ceil enter exit aenter aexit await
        aiter anext replace instancecheck subclasscheck
    """)
    | {prefix + name for name in _ARITHMETIC for prefix in ("", "r", "i")}
)

# What describes a module, a class, a function or an exception and leads nowhere else.
DESCRIPTIVE = words("""
    __all__ __annotations__ __author__ __cause__ __context__ __dataclass_fields__ __debug__
    __doc__ __match_args__ __members__ __module__ __name__ __notes__ __optional_keys__
    __qualname__ __required_keys__ __slots__ __suppress_context__ __traceback__
    __type_params__ __version__
""")

DUNDERS = DATA_MODEL | DESCRIPTIVE

DUNDER_HINTS = {
    "__class__": "write type(x)",
    "__dict__": "write vars(x)",
    "__import__": "write a plain import at the top",
    "__builtins__": "builtins are in scope by their names",
    "__file__": NO_FILES,
}

# Builtins that have no use here.
BUILTINS = {
    "exec": "write the code itself",
    "eval": "use json.loads for data, or write the expression itself",
    "compile": "write the code itself; regular expressions are re.compile",
    "open": NO_FILES,
    "breakpoint": "there is no debugger; print what you need",
    "input": "nobody answers; put the value into the code",
    "globals": "use the names themselves",
    "locals": "use the names themselves",
    "exit": "use `return`",
    "quit": "use `return`",
    "help": "print what you need",
}
# Whoever gives one of the others a meaning of their own may use it, as in `input = {…}`.
ALWAYS_REFUSED = words("exec eval compile")
