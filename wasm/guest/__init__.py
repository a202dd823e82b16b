"""The program inside the sandbox; see `wasm/README.md`."""
