"""Every exception of pymode.

    PymodeError
    ├── ConfigError               an option or a setting cannot be used        → the operator
    ├── SpecError                 a spec cannot be found, fetched or read      → the operator
    ├── ImageError                the sandbox image cannot be made or opened   → the operator
    ├── SimulatorError            the simulated API did not come up            → the operator
    ├── LogError                  the log cannot be opened, read or written    → the operator
    ├── ApprovalError             a person cannot be asked, or the answer cannot be used
    │   └── ReplayDiverged        the code ran differently after the answer    → run the call again
    ├── SandboxError              the sandbox failed, not the code
    │   ├── WorkerDied            the process that ran the call ended          → try again
    │   └── Busy                  too many callers wait for a worker           → try again later
    ├── CodeError                 the code cannot be run, or it failed         → who wrote it
    │   ├── CodeRejected          syntax or policy, before anything ran
    │   ├── CodeRaised            an exception left the code
    │   ├── ResultRejected        the returned value cannot be written as JSON
    │   └── LimitExceeded         one limit was hit; `limit` names it
    └── HostCallError             a host call failed; the code may catch it
        ├── RequestRefused        a request that is never sent
        │   └── RuleRefused       a rule of the operator is against it
        └── HttpError             it was tried, and no usable answer came; `kind` says why

Messages speak to the one who can act on them and say what to do.
"""

from __future__ import annotations


class PymodeError(Exception):
    """Base of every error that pymode raises on purpose."""


class ConfigError(PymodeError):
    """An option or a setting cannot be used."""


class SpecError(PymodeError):
    """A spec cannot be found, fetched, read or understood."""


class ImageError(PymodeError):
    """The sandbox image cannot be made or opened."""


class SimulatorError(PymodeError):
    """The simulated API did not come up."""


class LogError(PymodeError):
    """The log, or the results kept beside it, cannot be opened, read or written."""


class ApprovalError(PymodeError):
    """A person cannot be asked, or the answer cannot be used; nothing more was sent."""


class ReplayDiverged(ApprovalError):
    """The code, run again after an approval, asked for something else; nothing more was sent."""


class SandboxError(PymodeError):
    """The sandbox failed; the code is not to blame."""


class WorkerDied(SandboxError):
    """The worker process ended during the call."""


class Busy(SandboxError):
    """Too many callers wait for a worker; nothing was run."""


class CodeError(PymodeError):
    """The code cannot be run, or it failed.

    Args:
        message: what the author of the code should read.
        logs: what the code had printed until then.
    """

    def __init__(self, message: str, *, logs: str = "") -> None:
        super().__init__(message)
        self.logs = logs


class CodeRejected(CodeError):
    """The code does not pass the grammar or the policy; nothing was run."""


class CodeRaised(CodeError):
    """An exception left the code; the message holds its traceback."""


class ResultRejected(CodeError):
    """The code ran, but its return value cannot be written as JSON."""


class LimitExceeded(CodeError):
    """One limit of the call was hit.

    Args:
        message: what was hit and what to do less of.
        limit: the field of `Limits` that was hit.
        logs: what the code had printed until then.
    """

    def __init__(self, message: str, *, limit: str, logs: str = "") -> None:
        super().__init__(message, logs=logs)
        self.limit = limit


class HostCallError(PymodeError):
    """A host call failed; in the guest it is an exception that the code may catch."""


class RequestRefused(HostCallError):
    """A request breaks a rule of the host and was not sent."""


class RuleRefused(RequestRefused):
    """A rule of the operator is against a request; it was not sent."""


class HttpError(HostCallError):
    """A request was tried, and no usable answer came back.

    Args:
        message: what happened and what to do.
        kind: "connection", "timeout", "too_large", "encoding" or "broken".
        arrived: False only when surely nothing was sent; True when it may have taken effect.
        status: the HTTP status, when the answer came at least that far.
    """

    def __init__(
        self, message: str, *, kind: str, arrived: bool = True, status: int | None = None
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.arrived = arrived
        self.status = status
