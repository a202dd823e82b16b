"""`pymode demo`: a real MCP client, real servers over stdio, a simulated API."""

from pymode.demo.play import run_demo

__all__ = ["run_demo"]
