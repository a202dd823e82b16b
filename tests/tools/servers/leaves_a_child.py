"""Starts a child that ignores SIGTERM and outlives it; writes the child's id to a file."""

import subprocess
import sys
from pathlib import Path

from lines import say, serve, tool

CHILD = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("ready", flush=True)
time.sleep(600)
"""

child = subprocess.Popen(
    [sys.executable, "-c", CHILD], stdout=subprocess.PIPE, stdin=subprocess.DEVNULL
)
child.stdout.readline()
Path(sys.argv[1]).write_text(str(child.pid))
serve([tool("greet")], lambda message, name: say(message, "hello"))
