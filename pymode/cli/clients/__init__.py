"""The configuration files of MCP clients, and an entry for pymode in them.

client.py     which clients there are: where their files lie, what an entry looks like
entry.py      the entry: how the client starts pymode, and what it must hand over
jsontext.py   one member of a JSON file changed in its text
tomltext.py   one table of a TOML file changed in its text
file.py       a backup, and a file replaced as a whole
difference.py what changed, shown without other people's secrets
"""

from pymode.cli.clients.client import CLIENTS, Client
from pymode.cli.clients.difference import compare
from pymode.cli.clients.entry import Entry, spell_strings, write_entry
from pymode.cli.clients.file import read_file, replace_file

__all__ = [
    "CLIENTS",
    "Client",
    "Entry",
    "compare",
    "read_file",
    "replace_file",
    "spell_strings",
    "write_entry",
]
