"""What may never enter a pool because it is evaluated on.

Knows the two rules of the paper that are rules about a source: AIME from 2022 on is the development set and the
evaluation set, and of GPQA only what is not in the Diamond set is taken. Shared n-grams are another step's business.
"""

from __future__ import annotations

import re
from typing import Any

from s1kit.curate.source_draft import Left

FIRST_HELD_OUT_YEAR = 2022
_YEAR = re.compile(r"(?:19|20)\d\d")


def aime_held_out(year: Any) -> Left | None:
    """Why an AIME row of this year stays out, or None. ``year`` may be a number or an id such as ``2022-I-3``.

    A row whose year nobody knows stays out too: it may be one of the evaluation's.
    """
    found = _YEAR.search(str(year))
    if found is None:
        return Left("held_out", f"an AIME row without a year ({str(year)[:40]!r}) may be evaluation data")
    if int(found[0]) >= FIRST_HELD_OUT_YEAR:
        return Left("held_out", f"AIME {found[0]}: AIME {FIRST_HELD_OUT_YEAR} and later is kept for evaluation (paper)")
    return None


def diamond_held_out() -> Left:
    """Why a GPQA row that is in the Diamond set stays out."""
    return Left("held_out", "in GPQA Diamond, which is kept for evaluation (paper)")
