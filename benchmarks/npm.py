"""Files of published npm packages, fetched with npm as it is set up on this machine."""

from __future__ import annotations

import shutil
import subprocess
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

# The package of GitHub's document has 28 MB.
FETCH_SECONDS = 120.0
MAX_SHOWN_CHARS = 200


class PackageError(Exception):
    """A package cannot be had on this machine; the message says why."""


@dataclass(frozen=True)
class NpmPackage:
    """One version of a package.

    Args:
        name: with its scope, `@octokit/openapi`.
        version: exactly one, because results name it.
    """

    name: str
    version: str

    def __str__(self) -> str:
        return f"{self.name} {self.version} from npm"

    def read(self, member: str) -> bytes:
        """Return one file of the package.

        Args:
            member: its path inside the package, such as `generated/api.json`.

        Raises:
            PackageError: npm is not installed or fails, or the package has no such file.
        """
        npm = shutil.which("npm")
        if npm is None:
            raise PackageError("npm is not installed; it comes with Node.js")
        with tempfile.TemporaryDirectory() as folder:
            # npm itself, because it knows the registry, the proxy and the login of this machine.
            command = [
                npm,
                "pack",
                "--loglevel=error",
                "--ignore-scripts",
                f"{self.name}@{self.version}",
            ]
            try:
                subprocess.run(
                    [*command, "--pack-destination", folder],
                    stdin=subprocess.DEVNULL,
                    capture_output=True,
                    text=True,
                    timeout=FETCH_SECONDS,
                    check=True,
                )
            except subprocess.CalledProcessError as error:
                said = " ".join(error.stderr.split())[:MAX_SHOWN_CHARS] or "nothing"
                raise PackageError(f"npm pack failed and said: {said}") from None
            except (OSError, subprocess.TimeoutExpired) as error:
                raise PackageError(f"npm pack failed: {error}"[:MAX_SHOWN_CHARS]) from None
            return _read_member(folder, member)


def _read_member(folder: str, member: str) -> bytes:
    (archive,) = Path(folder).glob("*.tgz")
    try:
        with tarfile.open(archive) as files:
            # Every npm package keeps its files under this one folder.
            file = files.extractfile(f"package/{member}")
            if file is None:
                raise KeyError(member)
            return file.read()
    except (KeyError, tarfile.TarError) as error:
        raise PackageError(f"the package has no file {member}: {error}") from None
