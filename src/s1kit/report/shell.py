"""What every page shares: how text gets into a template, where the page is written, which command made the numbers.

Knows jinja and file names. Refuses to know what a page says.
"""

from __future__ import annotations

from pathlib import Path

import jinja2

from s1kit.report.text import number, one_line, percent, shorten, visible

PAGE = "index.html"


def environment() -> jinja2.Environment:
    """Everything that is printed is made visible, then escaped; there is no way around either but Markup."""
    made = jinja2.Environment(
        loader=jinja2.PackageLoader("s1kit.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=lambda value: visible(value) if type(value) is str else value,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {"number": number, "percent": percent, "one_line": one_line, "shorten": shorten}
    return made


def page_path(folder: Path, out: Path | None) -> Path:
    """``out`` if it is an HTML file, ``index.html`` in it if it is a folder, by default in the folder's ``report/``."""
    if out is None:
        return folder / "report" / PAGE
    return out if out.suffix.lower() in (".html", ".htm") else out / PAGE


def command(folder: Path) -> str:
    """The comment above ``config.yaml``: the command that made the folder; empty where there is none."""
    try:
        with (folder / "config.yaml").open(encoding="utf-8", errors="replace") as file:
            head = [line for line, _ in zip(file, range(20), strict=False)]
    except OSError:
        return ""
    lines = []
    for line in head:
        if not line.startswith("#"):
            break
        lines.append(line.lstrip("# ").rstrip())
    return "\n".join(lines).strip()
