"""Answers with as many bytes as it is asked for."""

from lines import say, serve, tool


def call(message, name):
    say(message, "x" * message["params"]["arguments"]["size"])


serve([tool("give")], call)
