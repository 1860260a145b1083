"""The models that ship with s1kit, by short name.

Knows where their folders are inside the package. Refuses to load them: engines do.
"""

from __future__ import annotations

from pathlib import Path

from s1kit.errors import UserError

WEIGHTS = Path(__file__).parent / "weights"
SHIPPED = {"nano": "s1", "nano-base": "base", "nano-prm": "prm", "nano-token": "token", "nano-step": "step"}


def resolve_model(name: str) -> str:
    """The folder of a shipped model, or ``name`` itself (a folder, or a hub id). Raises UserError if it is missing."""
    if name not in SHIPPED:
        return str(Path(name).expanduser()) if name.startswith("~") else name
    folder = WEIGHTS / SHIPPED[name]
    if not (folder / "config.json").is_file():
        raise UserError(f"the shipped model {name!r} is missing from this installation\nhint: install s1kit again")
    return str(folder)
