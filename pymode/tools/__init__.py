"""Namespaces of tools: Python functions and MCP servers, as the code in the sandbox calls them.

tool.py       what is known of one tool, and the Protocol of whatever has tools
naming.py     Python names for tools and namespaces, without collisions
signature.py  a JSON Schema as a Python signature
functions.py  Python functions as tools
mcp/          MCP servers as tools
host.py       answers the calls of one run: rules, approvals, dry run, log, and then the source
wire.py       values on their way into the sandbox: JSON, and bytes
"""
