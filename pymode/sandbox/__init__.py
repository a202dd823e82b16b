"""The sandbox: an image of CPython on WASI, and worker processes that run it."""
