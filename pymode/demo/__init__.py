"""`pymode demo`: a real MCP client and real servers over stdio, with a simulated API."""

from pymode.demo.play import run_demo

__all__ = ["run_demo"]
