"""How a page gets its style: one sheet inside it, allowed by its hash, and nothing else at all.

Knows the content security policy of a page without script. Refuses to know what the page says.
"""

from __future__ import annotations

import base64
import hashlib
from typing import Any

from markupsafe import Markup

from s1kit import __version__
from s1kit.report.shell import environment

SHEET = "report.css"


def render(template: str, context: dict[str, Any]) -> str:
    """The page. No script, no picture, no address may be loaded from it, and no style but its own sheet applies."""
    made = environment()
    sheet = made.get_template(SHEET).render()
    allowed = base64.b64encode(hashlib.sha256(sheet.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{allowed}'; base-uri 'none'; form-action 'none'"
    return made.get_template(template).render(
        # escaped by hand: the sheet is ours, and a style element knows no escapes
        {**context, "style": Markup(sheet), "policy": Markup(policy), "version": __version__}
    )
