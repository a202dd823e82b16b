"""Never answers one of its tools, and never starts where the arguments say so."""

import sys

from lines import receive, say, serve, tool

if sys.argv[1:] == ["at_start"]:
    while receive() is not None:
        pass


def call(message, name):
    if name == "greet":
        say(message, "hello")


serve([tool("hang"), tool("greet")], call)
