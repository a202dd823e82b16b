"""How the guest refuses code: what is wrong, where, and the line itself."""

MAX_SHOWN_CHARS = 160
MAX_MESSAGE_CHARS = 4_000


class Rejected(Exception):
    """The code will not be run.

    Args:
        message: complete and ready for the author of the code.
        kind: "syntax", "policy" or "shape".
    """

    def __init__(self, message: str, kind: str) -> None:
        # A name in the message can be as long as the code.
        self.message = message[:MAX_MESSAGE_CHARS]
        super().__init__(self.message)
        self.kind = kind


def line_of(source: str, number: int) -> str:
    """Return line `number` (from 1) of the source without its line break, or ""."""
    # Not splitlines: for the compiler a form feed or U+2028 ends no line.
    lines = source.split("\n")
    return lines[number - 1] if 0 < number <= len(lines) else ""


def chars_before(line: str, column_bytes: int) -> int:
    """Return how many characters the first `column_bytes` UTF-8 bytes of a line are."""
    return len(line.encode("utf-8", "replace")[:column_bytes].decode("utf-8", "ignore"))


def point(source: str, number: int, column: int) -> str:
    """Return the line `number` (from 1) with a caret under its character `column` (from 0)."""
    line = line_of(source, number)
    if not line or line.isspace():
        return ""
    column = max(0, min(column, len(line)))
    start = max(0, column - MAX_SHOWN_CHARS + 40) if len(line) > MAX_SHOWN_CHARS else 0
    shown = _printable(line[start : start + MAX_SHOWN_CHARS])
    # Tabs stay tabs, so that the caret stands where the line shows it.
    lead = "".join("\t" if char == "\t" else " " for char in shown[: column - start])
    return f"\n  {shown}\n  {lead}^"


def locate(source: str, number: int, column: int, message: str) -> str:
    """Return the message with its line and column in front and the line itself below."""
    return f"line {number}, column {column + 1}: {message}{point(source, number, column)}"


def _printable(text: str) -> str:
    return "".join(char if char.isprintable() or char == "\t" else "\ufffd" for char in text)
