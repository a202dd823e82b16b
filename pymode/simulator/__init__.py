"""A simulated Cloudflare API on loopback: for the demo, the tests and the benchmarks.

state.py       what the simulated accounts hold      seed.py       what they hold at first
gate.py        tokens, rate limit, latency, records  envelope.py   the form of every answer
routes.py      routes, written above their handlers
accounts.py zones.py dns.py rulesets.py workers.py kv.py graphql.py      the products
faults.py      hostile and broken answers for tests, under /client/v4/simulator/
app.py         joins all of them in one application  process.py    runs it as a child process

Only `pymode demo`, the tests and the benchmarks import it, and it imports nothing of pymode but
`errors`: `docs/architecture.md` says why it is in the package at all.
"""

from __future__ import annotations

from pymode.simulator.app import create_app
from pymode.simulator.process import running
from pymode.simulator.state import State

__all__ = ["State", "create_app", "running"]
