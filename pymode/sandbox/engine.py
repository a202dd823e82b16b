"""The settings of wasmtime that decide about compiled code; importing them needs no wasmtime."""

# 2 MiB of WebAssembly stack on a thread of 16 MiB turn deep recursion and deep source into
# errors; with 4 MiB wasmtime aborts the process.
WASM_STACK_BYTES = 2 * 1024 * 1024
THREAD_STACK_BYTES = 16 * 1024 * 1024

# Besides wasmtime's version; part of the image's cache key.
ENGINE = f"fuel, epochs, stack {WASM_STACK_BYTES}"
