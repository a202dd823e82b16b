"""Ends in the middle of a call; counts its starts in a file that the arguments name."""

import os
import sys
from pathlib import Path

from lines import say, serve, tool

starts = Path(sys.argv[1])
with starts.open("a") as file:
    file.write("x")


def call(message, name):
    if name == "crash":
        os._exit(3)
    if name == "count_starts":
        say(message, starts.read_text())


serve([tool("crash"), tool("count_starts"), tool("hang")], call)
