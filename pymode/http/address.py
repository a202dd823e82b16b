"""An address to listen on."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

from pymode.errors import ConfigError


@dataclass(frozen=True, slots=True)
class ListenAddress:
    """A host and a port to listen on; port 0 is any free one.

    Args:
        host: an IP address or a name, without brackets.
        port: 0 to 65535.
    """

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> ListenAddress:
        """Return the address that `HOST:PORT` names; an IPv6 host is in brackets.

        Raises:
            ConfigError: the text is anything else.
        """
        match = re.fullmatch(r"(?:\[([0-9A-Fa-f:.]+)\]|([^\s:/\[\]]+)):([0-9]{1,5})", text)
        if match is None or int(match[3]) > 65_535:
            msg = f"--http needs HOST:PORT, such as 127.0.0.1:8000, not {text!r}"
            raise ConfigError(msg)
        return cls(match[1] or match[2], int(match[3]))

    @property
    def is_everywhere(self) -> bool:
        """Whether it stands for each interface of the machine."""
        try:
            return ipaddress.ip_address(self.host).is_unspecified
        except ValueError:
            return False

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach it."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host.lower() == "localhost"

    @property
    def authority(self) -> str:
        """The host as it stands in a URL."""
        return f"[{self.host}]" if ":" in self.host else self.host
