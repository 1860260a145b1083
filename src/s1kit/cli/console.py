"""How the command line speaks: data on stdout, people on stderr, errors with hints, progress with rate and time left.

Knows terminals, colour and exit codes. Refuses to know what is said. Exit codes: 0 done, 1 the run or a check failed,
2 the input was refused (recipe, file, policy, engine), 130 interrupted (Ctrl-C), resumable.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from rich.console import Console

    from s1kit.evaluate import Progress

FAILED, REFUSED, INTERRUPTED = 1, 2, 130


def people() -> Console:
    """The console for everything that is not data."""
    from rich.console import Console

    wide = None if sys.stderr.isatty() else 120
    return Console(stderr=True, highlight=False, width=wide)


def data_console() -> Console:
    """The console for tables on stdout; plain where stdout is no terminal."""
    from rich.console import Console

    wide = None if sys.stdout.isatty() else 160
    return Console(highlight=False, width=wide)


def print_json(value: Any) -> None:
    """One JSON document on stdout."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=2, default=str) + "\n")


def say(text: str, style: str | None = None) -> None:
    """A line for people; never interpreted as markup, since it may hold a model's words."""
    people().print(text, style=style, markup=False, soft_wrap=True)


def hint(text: str) -> None:
    """What to do next, on its own line."""
    people().print(f"[bold cyan]hint:[/] {escape(text)}", soft_wrap=True)


def escape(text: str) -> str:
    """Text that rich prints as it stands."""
    from rich.markup import escape as rich_escape

    return rich_escape(text)


def visible(text: str) -> str:
    """Text with control characters shown as signs: a model's words must not steer a terminal."""
    return "".join(
        c if c in "\n\t" or (ord(c) >= 0x20 and ord(c) != 0x7F) else chr(0x2400 + ord(c) % 0x7F) for c in text
    )


def fail(message: str, code: int = REFUSED) -> NoReturn:
    """Print an error (first lines what and where, ``hint:`` lines what to do) and leave with ``code``."""
    console = people()
    first = True
    for line in message.splitlines() or [""]:
        if line.startswith("hint:"):
            hint(line.removeprefix("hint:").strip())
            continue
        console.print(f"[bold red]error:[/] {escape(line)}" if first else escape(line), soft_wrap=True)
        first = False
    raise SystemExit(code)


@contextmanager
def progress_bar(title: str, progress: Progress) -> Iterator[None]:
    """A bar over a run's rows with tokens per second and time left, on stderr; silent where stderr is no terminal."""
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    console = people()
    with Bar(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(title, total=progress.total, rate="")

        def tell(now: Progress) -> None:
            seconds = bar.tasks[task].elapsed or 0.0
            rate = f"{now.tokens / seconds:,.0f} tok/s" if seconds > 0.5 else ""
            bar.update(task, completed=now.done, rate=rate)

        progress.tell = tell
        yield
