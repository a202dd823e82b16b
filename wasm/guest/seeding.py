"""A cheaper `random.seed()`: from 16 random bytes, not from the 2,496 of the generator's state.

componentize-py's runtime calls it in the first call of every instance. The host hands random
bytes over one WebAssembly value at a time, so that all of them took 5 ms of a cold call's 10.
The runtime keeps the method itself, so its code is replaced and not its name.
"""

import random
import types


def install() -> None:
    """Replace the code of `random.Random.seed`; with an argument it does what it always did."""
    seed = random.Random.seed
    full = types.FunctionType(
        seed.__code__, seed.__globals__, seed.__name__, seed.__defaults__, seed.__closure__
    )

    class Cheap(random.Random):
        def seed(self, a=None, version=2) -> None:
            __class__  # noqa: B018 - a free variable, as the code that this replaces has it
            if a is None:
                a = int.from_bytes(_urandom(16))  # noqa: F821 - runs in the module random
            _seed_fully(self, a, version)  # noqa: F821 - put there below

    random._seed_fully = full  # noqa: SLF001 - the replaced code reads its module's names
    seed.__code__ = Cheap.seed.__code__
