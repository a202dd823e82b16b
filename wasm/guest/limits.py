"""The limits that the guest itself keeps; the host keeps every one of them again."""


class LimitExceeded(Exception):
    """A limit of the call was hit.

    Args:
        limit: its field in `Limits`.
        message: what was hit and what to do less of.
    """

    def __init__(self, limit: str, message: str) -> None:
        super().__init__(message)
        self.limit = limit


def find(failure: BaseException) -> str | None:
    """Return the limit that was hit, also from inside exception groups, or None."""
    # A loop, because groups may be nested by the thousand.
    waiting = [failure]
    while waiting:
        failure = waiting.pop()
        if type(failure) is LimitExceeded and isinstance(failure.limit, str):
            return failure.limit
        if isinstance(failure, MemoryError):
            return "memory_bytes"
        if isinstance(failure, BaseExceptionGroup):
            # Not `failure.exceptions`, which a subclass may answer with anything.
            waiting += BaseExceptionGroup.exceptions.__get__(failure)
    return None
