"""Namespaces of tools: the Python functions and MCP servers that code in the sandbox can call.

tool.py       the description of one tool, and the protocol that every source of tools follows
sources.py    makes the sources from the functions and MCP servers that a user gives
naming.py     Python names for tools and namespaces, without collisions
signature.py  a Python signature from a JSON Schema
functions.py  a source of Python functions
mcp/          a source for each MCP server
toolbox.py    the tools of all sources, and their descriptions
namespace.py  a namespace of tools: reads, judges, carries out and answers its calls
wire.py       the JSON form of arguments and results, with a form for bytes
"""
