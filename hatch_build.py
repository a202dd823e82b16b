"""Makes what belongs in an installed pymode and is not kept in the repository.

That is the vocabulary of the token estimate and, in a wheel, the compiled runtime of the sandbox,
so that the first call after `pip install` has no wait. `PYMODE_TARGET` names another platform to
build the runtime for; see `CONTRIBUTING.md`.
"""

import os
import subprocess
import sys
import sysconfig
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

VOCABULARY = "pymode/answers/vocabulary.xz"
# The oldest platforms that wasmtime's own wheels are for.
TAGS = {
    "x86_64-unknown-linux-gnu": "manylinux1_x86_64",
    "aarch64-unknown-linux-gnu": "manylinux2014_aarch64",
    "x86_64-apple-darwin": "macosx_10_13_x86_64",
    "aarch64-apple-darwin": "macosx_11_0_arm64",
    "any": "any",
}


class BuildHook(BuildHookInterface):  # type: ignore[type-arg]
    """Writes the vocabulary, and builds the runtime for wheels."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Make the files, and name the platform that the wheel is for."""
        self._write_vocabulary(build_data)
        # An editable install builds the runtime at its first use; a source distribution has none.
        if self.target_name == "wheel" and version != "editable":
            self._build_runtime(build_data)

    def finalize(self, version: str, _build_data: dict[str, Any], _artifact_path: str) -> None:
        """Remove what is in the wheel by now."""
        if self.target_name == "wheel" and version != "editable":
            self._scratch.cleanup()

    def _write_vocabulary(self, build_data: dict[str, Any]) -> None:
        """Write the vocabulary, unless it is there already."""
        if not (Path(self.root) / VOCABULARY).exists():
            # Without the tokenizer, an installed pymode estimates tokens by bytes.
            if find_spec("bpe_openai") is None:
                self.app.display_warning("no vocabulary for the token estimate: no bpe-openai here")
                return
            command = [sys.executable, "-m", "pymode.answers.build_vocabulary", VOCABULARY]
            subprocess.run(command, check=True, cwd=self.root)  # noqa: S603 - its own command
        build_data["artifacts"].append(VOCABULARY)

    def _build_runtime(self, build_data: dict[str, Any]) -> None:
        target = os.environ.get("PYMODE_TARGET", "")
        self._scratch = tempfile.TemporaryDirectory(prefix="pymode-runtime-")
        folder = Path(self._scratch.name) / "runtime"
        command = [sys.executable, "-m", "pymode.sandbox.build_runtime", str(folder)]
        command += [target] if target else []
        subprocess.run(command, check=True, cwd=self.root)  # noqa: S603 - its own command
        build_data["force_include"][str(folder)] = "pymode/_data/runtime"
        build_data["pure_python"] = False
        platform = TAGS[target] if target else sysconfig.get_platform()
        build_data["tag"] = f"py3-none-{platform.replace('-', '_').replace('.', '_')}"
