"""What guest, worker and parent say to each other: typed messages, and no I/O.

The worker runs isolated from site-packages, so this room imports the standard library only. The
guest has its own side of it in `wasm/guest/protocol.py`; `tests/protocol` runs the two against
each other.
"""
