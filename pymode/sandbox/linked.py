"""The runtime on disk: core modules, compiled, and a manifest that says how they are linked.

Compiled code is trusted like a library: it is part of the package, or lies in a folder of the
user's own. The manifest holds a digest of each file, because wasmtime crashes on a damaged one.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from wasmtime import Config, Engine, FuncType, Module, WasmtimeError, wat2wasm

from pymode.sandbox.component import Lifted, Linked
from pymode.sandbox.engine import ENGINE, MANIFEST, WASM_STACK_BYTES
from pymode.sandbox.outline import HOST, Item

# An address of a guest has 32 bits. With all of them reserved a memory never moves, so it can be
# mapped, and an access needs no check.
MEMORY_RESERVATION_BYTES: Final = 1 << 32
MEMORY_PAGE_BYTES: Final = 64 * 1024

GLOBALS: Final = "globals"
SLOT_BYTES: Final = 8
_NUMBERS = {0x7F: "i32", 0x7E: "i64", 0x7D: "f32", 0x7C: "f64"}


class RuntimeDamaged(Exception):
    """The files are not a runtime that this machine can run."""


@dataclass(frozen=True, slots=True)
class Runtime:
    """The compiled core modules, ready to be linked.

    Args:
        engine: the engine that they were opened with.
        modules: in the order in which they are instantiated, by name.
        functions: what the guest exports.
        memory: the memory of the guest.
        allocate: its allocator.
        allocators: the allocators for the host's functions that return lists, by name.
        globals_module: the module that saves and restores the mutable globals.
        host_functions: what the modules import from the host, by name.
    """

    engine: Engine
    modules: dict[str, Module]
    functions: dict[str, Lifted]
    memory: Item
    allocate: Item
    allocators: dict[str, Item]
    globals_module: Module
    host_functions: dict[str, FuncType]


def make_engine(target: str | None = None) -> Engine:
    """Return an engine with everything that bounds a guest.

    Args:
        target: compile for the least processor of this platform, such as
            `x86_64-unknown-linux-gnu`; an engine that runs code has none.
    """
    config = Config()
    config.consume_fuel = True
    config.epoch_interruption = True
    config.max_wasm_stack = WASM_STACK_BYTES
    config.memory_reservation = MEMORY_RESERVATION_BYTES
    config.memory_may_move = False
    # They would keep state that no snapshot holds.
    config.wasm_threads = False
    config.wasm_gc = False
    config.wasm_function_references = False
    config.wasm_stack_switching = False
    if target is not None:
        config.target = target
    return Engine(config)


def write(linked: Linked, folder: Path, target: str) -> None:
    """Compile core modules into an empty folder.

    Args:
        linked: the modules.
        folder: where the files go.
        target: the platform to compile for, see `make_engine`.

    Raises:
        RuntimeDamaged: a module is not valid, or the target is not known.
    """
    modules = {part.name: part.content for part in linked.parts}
    modules[GLOBALS] = bytes(wat2wasm(write_globals_module(linked)))
    digests = {}
    for name, content in modules.items():
        try:
            compiled = bytes(Module(make_engine(target), content).serialize())
        except WasmtimeError as error:
            msg = f"{name} cannot be compiled for {target}: {error}"
            raise RuntimeDamaged(msg) from None
        (folder / name).write_bytes(compiled)
        digests[name] = hashlib.sha256(compiled).hexdigest()
    manifest = {
        "wasmtime": version("wasmtime"),
        "engine": ENGINE,
        "target": target,
        "modules": digests,
        "functions": {name: asdict(lifted) for name, lifted in linked.functions.items()},
        "memory": asdict(linked.memory),
        "allocate": asdict(linked.allocate),
        "allocators": {name: asdict(item) for name, item in linked.allocators.items()},
    }
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=1))


def read(folder: Path) -> Runtime:
    """Open a compiled runtime.

    Raises:
        RuntimeDamaged: a file is missing, damaged or compiled for another machine or version.
    """
    try:
        manifest = json.loads((folder / MANIFEST).read_bytes())
        engine = make_engine()
        modules = {}
        for name, digest in manifest["modules"].items():
            path = folder / name
            with path.open("rb") as file:
                if hashlib.file_digest(file, "sha256").hexdigest() != digest:
                    msg = f"{path} is damaged"
                    raise RuntimeDamaged(msg)
            modules[name] = Module.deserialize_file(engine, str(path))
        return Runtime(
            engine=engine,
            globals_module=modules.pop(GLOBALS),
            modules=modules,
            functions={name: _lifted(found) for name, found in manifest["functions"].items()},
            memory=Item(**manifest["memory"]),
            allocate=Item(**manifest["allocate"]),
            allocators={name: Item(**found) for name, found in manifest["allocators"].items()},
            host_functions={
                each.name: each.type
                for module in modules.values()
                for each in module.imports
                if each.module == HOST and each.name and isinstance(each.type, FuncType)
            },
        )
    except (OSError, ValueError, TypeError, KeyError, AttributeError, WasmtimeError) as error:
        msg = f"the runtime in {folder} cannot be opened: {error}"
        raise RuntimeDamaged(msg) from None


def _lifted(found: dict[str, Any]) -> Lifted:
    post_return = found["post_return"]
    return Lifted(Item(**found["function"]), Item(**post_return) if post_return else None)


def write_globals_module(linked: Linked) -> str:
    """Return a module, as text, that saves and restores all mutable globals of the others.

    It has a memory of its own, which the guest cannot reach: `save` writes each global into its
    slot, `restore` sets each one from there. A call of the host for each of some 500 globals would
    take longer than all the rest of restoring an instance.
    """
    imports, save, restore = [], [], []
    found = [
        (part.name, name, kind) for part in linked.parts for name, kind in part.globals.items()
    ]
    for slot, (module, name, kind) in enumerate(found):
        number, offset = _NUMBERS[kind], slot * SLOT_BYTES
        imports.append(f'(import "{module}" "{name}" (global $g{slot} (mut {number})))')
        save.append(f"({number}.store offset={offset} (i32.const 0) (global.get $g{slot}))")
        restore.append(f"(global.set $g{slot} ({number}.load offset={offset} (i32.const 0)))")
    pages = max(1, -(-len(found) * SLOT_BYTES // MEMORY_PAGE_BYTES))
    return "\n".join(
        [
            "(module",
            *imports,
            f'(memory (export "memory") {pages} {pages})',
            f'(func (export "save") {" ".join(save)})',
            f'(func (export "restore") {" ".join(restore)}))',
        ]
    )
