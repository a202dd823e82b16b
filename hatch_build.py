"""Makes what belongs in an installed pymode and is not kept in the repository."""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

VOCABULARY = "pymode/answers/vocabulary.xz"


class BuildHook(BuildHookInterface):  # type: ignore[type-arg]
    """Writes the vocabulary of the token estimate, for wheels and editable installs."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Write the vocabulary, unless it is there already."""
        if not (Path(self.root) / VOCABULARY).exists():
            # Without the tokenizer, an installed pymode estimates tokens by bytes.
            if find_spec("bpe_openai") is None:
                self.app.display_warning("no vocabulary for the token estimate: no bpe-openai here")
                return
            command = [sys.executable, "-m", "pymode.answers.build_vocabulary", VOCABULARY]
            subprocess.run(command, check=True, cwd=self.root)  # noqa: S603 - its own command
        build_data["artifacts"].append(VOCABULARY)
