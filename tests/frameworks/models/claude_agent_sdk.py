"""In place of the program `claude`, which needs a real model: one that follows the script.

The SDK starts it as it starts the real one, and both speak the SDK's protocol over its streams.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from claude_agent_sdk._internal.transport.subprocess_cli import SubprocessCLITransport

PROGRAM = Path(__file__).with_name("claude_program.py")


def supply() -> dict[str, object]:
    starter = Path(tempfile.mkdtemp()) / "claude"
    starter.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{PROGRAM}"\n')
    starter.chmod(0o700)
    SubprocessCLITransport._find_cli = lambda _: str(starter)
    return {}
