"""The benchmarks that people know by name.

Knows which there are. Refuses to know anything about them: one file each.
"""

from __future__ import annotations

from s1kit.benchmarks.aime24 import AIME24
from s1kit.benchmarks.aime24_nofigures import AIME24_NOFIGURES
from s1kit.benchmarks.aime25 import AIME25
from s1kit.benchmarks.gpqa_diamond import GPQA_DIAMOND
from s1kit.benchmarks.math500 import MATH500
from s1kit.benchmarks.spec import Benchmark

NAMED: dict[str, Benchmark] = {b.name: b for b in (AIME24, AIME24_NOFIGURES, AIME25, MATH500, GPQA_DIAMOND)}
