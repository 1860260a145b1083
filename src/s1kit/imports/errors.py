"""The one exception of importing.

Knows how a refusal is told: file and line, then what to do. Refuses to know any kind of file.
"""

from __future__ import annotations

from s1kit.errors import UserError


class ImportRefused(UserError):
    """A file that is not what it was taken for, or that nothing can be made of."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(f"{message}\nhint: {hint}" if hint else message)
