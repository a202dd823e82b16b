"""The exports of the component. Importing this module at build time makes the snapshot."""

import gc
import importlib
import json
import sys
import time
import warnings
from typing import Any, NoReturn

from guest import call, heap, printed, rehearsal, seeding
from guest import spec as spec_module
from guest.policy import ALLOWED_MODULES
from wit_world import WitWorld as World
from wit_world.imports import host

# What the standard library imports only when it is used, by strptime, ast.unparse, as_string …
LATE_MODULES = (
    *("_ast_unparse", "_strptime", "email.generator"),
    *("encodings.ascii", "encodings.base64_codec", "encodings.cp1252", "encodings.hex_codec"),
    *("encodings.idna", "encodings.latin_1", "encodings.punycode", "encodings.raw_unicode_escape"),
    *("encodings.rot_13", "encodings.unicode_escape", "encodings.utf_16", "encodings.utf_16_be"),
    *("encodings.utf_16_le", "encodings.utf_32", "encodings.utf_8_sig"),
)

# "\\d" in a plain string is a warning, and no reason to print. A filter for each compilation would
# cost as many instructions as the compilation.
warnings.filterwarnings("ignore", category=SyntaxWarning)

# After the snapshot there is no file system to import from.
for _name in (*ALLOWED_MODULES, *LATE_MODULES):
    importlib.import_module(_name)

# An instance runs one call, which is too short for a collection to pay off.
gc.disable()
SPECS: list[dict[str, Any]] = []
POINTERS: dict[int, str] = {}


def _no_sleep(_seconds: object) -> NoReturn:
    msg = "time.sleep would stop every request under way; write `await asyncio.sleep(seconds)`"
    raise RuntimeError(msg)


# The host grants no blocking clock, so the real one would be a trap.
time.sleep = _no_sleep
seeding.install()

PRINTED = printed.Printed()
largest_chars = 0
sys.stdout = sys.stderr = PRINTED

# The objects that exist now stay for good. Without holes between them, the objects of a call lie
# together and touch fewer pages.
gc.collect()
heap.fill_holes()
gc.freeze()


class WitWorld(World):
    """What the host calls."""

    def load(self, document: str) -> str:
        """Read one document; return "memory" when that is too short, else nothing."""
        global largest_chars
        largest_chars = max(largest_chars, len(document))
        try:
            spec, found = spec_module.lay_out(json.loads(document), host.progress)
        except MemoryError:
            return "memory"
        SPECS.append(spec)
        POINTERS.update(found)
        return ""

    def settle(self) -> None:
        """Rehearse, and make memory ready for the snapshot."""
        for request in rehearsal.write_requests(len(SPECS)):
            call.run(request, SPECS, POINTERS, PRINTED)
        call.make_ready()
        heap.settle(largest_chars, host.keep_forever)

    def rehearse(self) -> None:
        """Run a call that does nothing, so that a real one meets fewer page faults."""
        call.rehearse(SPECS, POINTERS, PRINTED)

    def run(self, request: str) -> str:
        """Run one call; see `call.run`."""
        return call.run(request, SPECS, POINTERS, PRINTED)
