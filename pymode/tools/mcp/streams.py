"""The types of the SDK's streams of messages. They are private there, so only this module asks."""

from __future__ import annotations

from mcp.client._transport import ReadStream, TransportStreams

__all__ = ["ReadStream", "TransportStreams"]
