"""The names of the host calls that no namespace answers.

A namespace has no dot in its name, so none of them can be taken for one. `wasm/guest/protocol.py`
has the same names.
"""

RESULTS = "pymode.results"
"""Reads results of earlier calls."""

STATE = "pymode.state"
"""Reads and changes what a session keeps."""

TOOLS = "pymode.tools"
"""Describes tools."""


def account_id(api: str) -> str:
    """Return the target that finds the only account of an API.

    Args:
        api: the name of its namespace.
    """
    return f"{api}.account_id"
