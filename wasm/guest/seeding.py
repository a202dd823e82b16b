"""A cheaper `random.seed()`: from 16 random bytes, not from the 2,496 of the generator's state.

componentize-py's runtime calls it in the first call of every instance. The host hands random
bytes over one WebAssembly value at a time, so that all of them took 5 ms of a cold call's 10.
The runtime keeps the method itself, so its code is replaced and not its name.
"""

import random
import types
from typing import Any


def install() -> None:
    """Replace the code of `random.Random.seed`; with an argument it does what it always did."""
    seed = random.Random.seed
    full = types.FunctionType(
        seed.__code__, seed.__globals__, seed.__name__, seed.__defaults__, seed.__closure__
    )

    class Cheap(random.Random):
        def seed(self, a: Any = None, version: int = 2) -> None:
            # A free variable: the code that is replaced has one, so this must have one, too.
            __class__  # type: ignore[name-defined]  # noqa: B018
            # The names of the module random: this code runs with its globals.
            if a is None:
                a = int.from_bytes(_urandom(16))  # type: ignore[name-defined]  # noqa: F821
            _seed_fully(self, a, version)  # type: ignore[name-defined]  # noqa: F821

    vars(random)["_seed_fully"] = full
    seed.__code__ = Cheap.seed.__code__
