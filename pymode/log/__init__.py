"""The log of calls and actions, kept results, and approvals, in one SQLite database."""

from pymode.log.database import Database
from pymode.log.place import default_path
from pymode.log.recording import Log
from pymode.log.records import (
    CallRecord,
    RequestRecord,
    find_call,
    iterate_calls,
    list_calls,
    list_requests,
)
from pymode.log.results import Kept, Results
from pymode.log.retention import Retention
from pymode.log.rows import OpenCall, OpenRequest
from pymode.log.schema import open_to_read

__all__ = [
    "CallRecord",
    "Database",
    "Kept",
    "Log",
    "OpenCall",
    "OpenRequest",
    "RequestRecord",
    "Results",
    "Retention",
    "default_path",
    "find_call",
    "iterate_calls",
    "list_calls",
    "list_requests",
    "open_to_read",
]
