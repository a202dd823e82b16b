"""The program inside the sandbox image; see `wasm/README.md`."""
