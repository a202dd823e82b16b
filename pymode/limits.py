"""What one call may use; no dependencies, because each worker process imports it."""

from __future__ import annotations

from dataclasses import dataclass, fields

from pymode.errors import ConfigError

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one call may use. Every limit has its own error, a `LimitExceeded` with its name.

    Args:
        fuel: WebAssembly instructions; 10^10 are about 1.2 s of a busy CPU.
        memory_bytes: linear memory that a call may add to that of its image; a smaller limit than
            16 MiB is taken as 16 MiB, which each call has at hand.
        wall_seconds: from the start of the call in its worker to its result.
        source_bytes: UTF-8 bytes of the code.
        result_bytes: UTF-8 bytes of the returned value as JSON.
        printed_chars: characters that the code may print.
        host_calls: requests that the code may start.
        host_calls_in_flight: requests on the way at once; further ones wait in the guest.
        request_bytes: one request as the guest hands it to the host, body included.
        response_bytes: body of one response, after decompression.
        traffic_bytes: bodies of all requests and responses of a call together.
        state_bytes: what `state` may hold from one call of a session to the next, as JSON.
        waiting_callers: calls that may wait for a worker; one more is refused.
        load_memory_bytes: linear memory that loading the documents may take, once for all calls.

    Raises:
        ConfigError: a value is not a positive number (`waiting_callers` may be 0).
    """

    fuel: int = 20_000_000_000
    memory_bytes: int = 256 * MIB
    wall_seconds: float = 30.0
    source_bytes: int = 64 * 1024
    result_bytes: int = 4 * MIB
    printed_chars: int = 100_000
    host_calls: int = 200
    host_calls_in_flight: int = 20
    request_bytes: int = 16 * MIB
    response_bytes: int = 32 * MIB
    traffic_bytes: int = 256 * MIB
    state_bytes: int = MIB
    waiting_callers: int = 64
    load_memory_bytes: int = 1536 * MIB

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            least = 0 if field.name == "waiting_callers" else 1e-3
            kinds = (int, float) if field.name == "wall_seconds" else (int,)
            if isinstance(value, bool) or not isinstance(value, kinds) or not value >= least:
                msg = f"limit {field.name} must be a positive number, not {value!r}"
                raise ConfigError(msg)
