"""``write_browser``: runs as a page in which every verdict can be followed down to the tokens that led to it.

Knows the folder: one page, its script and style, an index per run, and shards of about a megabyte that the page loads
when a question is opened and drops again. Refuses to draw: the page's script does. All of it is read with
``<script src>``, since a page opened from a disk may fetch nothing; every text is data there and reaches the page as
text alone.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from s1kit import __version__
from s1kit.benchmarks.publishing import is_gated
from s1kit.report.browser_question import Packed, closed_pack, pack
from s1kit.report.browser_rows import rows_by_question
from s1kit.report.gated import withheld
from s1kit.report.marks import PROBE
from s1kit.report.shelf import Listed, Shelf
from s1kit.report.shell import environment
from s1kit.report.text import visible
from s1kit.store.errors import StoreError
from s1kit.store.files import write_atomic

PAGE = "browse.html"
ASSETS = ("browse.css", "browse_data.js", "browse_index.js", "browse_trace.js", "browse_question.js", "browse.js")
SHARD = 1_000_000
"""Characters of a shard, about: read from a disk in the blink of an eye, and few enough files for a thousand questions.
A question is never divided."""
Tell = Callable[[int, int], None]


def write_browser(
    folder: Path, shelves: Sequence[Shelf], title: str, tell: Tell | None = None, *, with_gated: bool = False
) -> Path:
    """Write ``browse.html``, ``assets/browse*`` and ``data/browse*.js`` into ``folder``; the page's path.

    ``tell`` hears of questions done and in all. The probes of an anytime curve are left out where a run has anything
    else, and the words of questions that must not be published unless ``with_gated``. Raises StoreError for a run that
    cannot be read, or a folder that cannot be written.
    """
    (folder / "data").mkdir(parents=True, exist_ok=True)
    (folder / "assets").mkdir(exist_ok=True)
    for old in (folder / "data").glob("browse*.js"):
        old.unlink()
    total = sum(1 for shelf in shelves for _ in shelf.run.questions())
    done = 0

    def step() -> None:
        nonlocal done
        done += 1
        if tell is not None:
            tell(done, total)

    indexes = [_write_shelf(folder / "data", f"browse-{i}", shelf, step, with_gated) for i, shelf in enumerate(shelves)]
    _write(folder / "data" / "browse.js", {"title": visible(title), "runs": indexes})
    for name in ASSETS:
        write_atomic(folder / "assets" / name, (files("s1kit.report") / "templates" / name).read_text(encoding="utf-8"))
    scripts = [name for name in ASSETS if name.endswith(".js")]
    hides = withheld((shelf.run for shelf in shelves), with_gated)
    page = environment().get_template(f"{PAGE}.j2")
    said = page.render(title=title, scripts=scripts, version=__version__, withheld=hides)
    write_atomic(folder / PAGE, said)
    return folder / PAGE


def link(
    question_id: str, policy_id: str | Sequence[str] | None = None, sample: int = 0, run: str | None = None
) -> str:
    """The address of a question in the browser, from a page beside it; ``run`` is a shelf's name.

    Of several policies, shown side by side, the last is the one that a narrow window shows.
    """
    asked = {"q": question_id, "p": policy_id, "s": str(sample) if sample else None, "r": run}
    return f"{PAGE}#{urlencode({name: value for name, value in asked.items() if value}, doseq=True)}"


def shown(shelf: Shelf) -> tuple[Listed, ...]:
    """The policies of a run that the browser shows."""
    described = shelf.run.manifest.policies
    rest = tuple(p for p in shelf.policies if described.get(p.policy_id, {}).get("role") != PROBE)
    return rest or shelf.policies


def _write_shelf(folder: Path, name: str, shelf: Shelf, step: Callable[[], None], with_gated: bool) -> dict[str, Any]:
    """Shards and index of one run; what the page must know before it loads the index."""
    policies = shown(shelf)
    columns = {policy.policy_id: i for i, policy in enumerate(policies)}
    questions = {question.id: question for question in shelf.run.questions()}
    grades = {grade.key: grade for grade in shelf.run.grades(shelf.grader)} if shelf.grader else {}
    lines: list[dict[str, Any]] = []
    shard = _Shards(folder, name)
    seen: set[str] = set()
    for question_id, rows in rows_by_question(shelf.run, tuple(columns), tokens=shelf.decode is not None):
        if question_id in seen or question_id not in questions:
            hint = f"`s1 runs verify {shelf.run.path}` says what is wrong with it"
            raise StoreError(f"the generations of `{shelf.run.path}` are not ordered by its questions", hint)
        seen.add(question_id)
        question = questions[question_id]
        closed = not with_gated and is_gated(question, shelf.run.manifest)
        packed = (closed_pack if closed else pack)(question, rows, columns, grades, shelf.decode)
        lines.append({**packed.line, "shard": shard.add(question_id, packed)})
        step()
    shard.flush()
    described = [
        {"id": p.policy_id, "label": visible(p.label), "mark": p.mark, "budget": p.budget, "counted": p.counted}
        for p in policies
    ]
    head = {"name": shelf.name, "file": name, "run": visible(shelf.run.id), "grader": visible(shelf.grader)}
    _write(folder / f"{name}.js", {**head, "policies": described, "questions": lines})
    return {**head, "n": len(lines)}


class _Shards:
    """Questions, written together in files of about the same size."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder, self._name = folder, name
        self._waiting: list[str] = []
        self._size = self._number = 0

    def add(self, question_id: str, packed: Packed) -> int:
        """Take a question; the number of the shard that it will be in."""
        text = _json([question_id, packed.whole])
        if self._waiting and self._size + len(text) > SHARD:
            self.flush()
        self._waiting.append(text)
        self._size += len(text)
        return self._number

    def flush(self) -> None:
        """Write what waits."""
        if self._waiting:
            name = f"{self._name}-{self._number}"
            write_atomic(
                self._folder / f"{name}.js", f's1.deliver("{name}", [\n' + ",\n".join(self._waiting) + "\n]);\n"
            )
            self._waiting, self._size, self._number = [], 0, self._number + 1


def _write(path: Path, value: Any) -> None:
    write_atomic(path, f's1.deliver("{path.stem}", {_json(value)});\n')


def _json(value: Any) -> str:
    """JSON is JavaScript: the two characters that once were not are made visible with all others that hide."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
