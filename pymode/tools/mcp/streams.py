"""The types of the SDK's message streams.

They are private in the SDK, so only this module imports them: one place to change if they move.
"""

from __future__ import annotations

from mcp.client._transport import ReadStream, TransportStreams

__all__ = ["ReadStream", "TransportStreams"]
