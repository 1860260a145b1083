"""What the server counts, as Prometheus reads it.

Knows counters, gauges and two histograms. Refuses to know where the numbers come from. Increments come from two
threads, so each takes a lock; nothing here grows with the number of requests.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Mapping

from s1kit.types import Generation

_HELP = {
    "s1_requests_total": "HTTP requests by endpoint and status",
    "s1_rejected_total": "requests refused because the queue was full",
    "s1_disconnects_total": "clients that left before their reply was complete",
    "s1_stalled_total": "streams cut because their reader took nothing for too long",
    "s1_rows_total": "choices generated, by how their thinking ended",
    "s1_thinking_tokens_total": "thinking tokens, nudges included",
    "s1_answer_tokens_total": "answer tokens",
    "s1_engine_tokens_total": "tokens that the engine handed over",
    "s1_engine_failures_total": "times the engine failed with everything in it",
    "s1_extensions_total": "ends of thinking that were suppressed",
    "s1_first_token_seconds": "from a request's arrival to its first text",
    "s1_request_seconds": "from a request's arrival to its last byte",
    "s1_rows_open": "choices accepted and not yet over",
    "s1_rows_running": "choices in the engine",
    "s1_rows_waiting": "choices waiting for a slot",
    "s1_rows_paused": "choices taken out of the engine because their reader is behind",
    "s1_engine_requests": "requests that the engine holds, cancelled ones included",
}
_BUCKETS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0)
_TYPICAL = 0.2  # weight of the newest request in the moving average


class Metrics:
    """Counts, and a moving average of how long a request takes."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: dict[tuple[str, str], float] = {}
        self._histograms: dict[str, list[int]] = {}
        self._sums: dict[str, float] = {}
        self._usual: float | None = None

    def count(self, name: str, by: float = 1, labels: str = "") -> None:
        """Add to a counter. ``labels`` as Prometheus writes them, without braces."""
        with self._lock:
            self._counts[name, labels] = self._counts.get((name, labels), 0) + by

    def observe(self, name: str, seconds: float) -> None:
        """One measurement of a histogram."""
        with self._lock:
            buckets = self._histograms.setdefault(name, [0] * (len(_BUCKETS) + 1))
            buckets[next((i for i, edge in enumerate(_BUCKETS) if seconds <= edge), len(_BUCKETS))] += 1
            self._sums[name] = self._sums.get(name, 0.0) + seconds
            if name == "s1_request_seconds":
                self._usual = seconds if self._usual is None else self._usual + _TYPICAL * (seconds - self._usual)

    def row_done(self, generation: Generation) -> None:
        """Count what one choice cost."""
        self.count("s1_rows_total", labels=f'ended="{generation.ended}"')
        self.count("s1_thinking_tokens_total", generation.n_thinking)
        self.count("s1_answer_tokens_total", generation.n_answer)
        self.count("s1_extensions_total", generation.extensions)

    def seconds_until_free(self, rows: int, at_once: int) -> int:
        """A guess at when the queue has room, whole seconds from 1 to 60."""
        return min(60, max(1, math.ceil((self._usual or 1.0) * max(1, rows - at_once) / max(1, at_once) / 2)))

    def text(self, gauges: Mapping[str, float]) -> str:
        """Everything in Prometheus' text format, version 0.0.4."""
        with self._lock:
            counts = dict(self._counts)
            histograms = {name: list(buckets) for name, buckets in self._histograms.items()}
            sums = dict(self._sums)
        lines: list[str] = []
        for name in sorted({name for name, _ in counts}):
            lines += [f"# HELP {name} {_HELP[name]}", f"# TYPE {name} counter"]
            same = sorted((labels, value) for (other, labels), value in counts.items() if other == name)
            lines += [f"{name}{{{labels}}} {value:g}" if labels else f"{name} {value:.17g}" for labels, value in same]
        for name, value in sorted(gauges.items()):
            lines += [f"# HELP {name} {_HELP[name]}", f"# TYPE {name} gauge", f"{name} {value:g}"]
        for name, buckets in sorted(histograms.items()):
            lines += [f"# HELP {name} {_HELP[name]}", f"# TYPE {name} histogram"]
            total = 0
            for edge, number in zip((*_BUCKETS, math.inf), buckets, strict=True):
                total += number
                shown = "+Inf" if edge == math.inf else f"{edge:g}"
                lines.append(f'{name}_bucket{{le="{shown}"}} {total}')
            lines += [f"{name}_sum {sums[name]:.6f}", f"{name}_count {total}"]
        return "\n".join(lines) + "\n"
