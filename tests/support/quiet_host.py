"""A host that gives a guest nothing and keeps what it says."""

from __future__ import annotations


class QuietHost:
    def __init__(self) -> None:
        self.printed: list[str] = []
        self.started: list[tuple[str, str]] = []
        self.replies: list[tuple[int, bytes]] = []

    def begin(self) -> None:
        pass

    def start(self, target: str, payload: str) -> int:
        self.started.append((target, payload))
        return len(self.started)

    def wait(self, seconds: float) -> list[tuple[int, bytes]]:
        replies, self.replies = self.replies, []
        return replies

    def print(self, text: str) -> None:
        self.printed.append(text)
