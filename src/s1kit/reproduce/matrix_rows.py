"""One row of the reproduction matrix: an entry of the paper, what came out here, and whether it holds.

Knows the rule that turns verdicts on claims into a status. Refuses a status typed by hand: an entry says at most why it
cannot have one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from s1kit.reproduce.claims import Judged
from s1kit.reproduce.judging import Verdict
from s1kit.reproduce.matrix_catalogue import CATALOGUE, Entry
from s1kit.reproduce.matrix_claims import judged_rows
from s1kit.reproduce.matrix_cost import Cost, cost_of
from s1kit.reproduce.matrix_needs import NEEDS, Needs
from s1kit.reproduce.matrix_words import Told, told
from s1kit.types import Record

NANO = "s1 reproduce nano"
"""The command whose world the catalogue's remarks are about."""
Known = Sequence[tuple[str, str]]
"""Part and name of every cell."""
Status = Literal["holds", "does not hold", "partly", "not shown", "not run", "needs a real model", "not an experiment"]
MARKS: dict[Status, str] = {
    "holds": "✓", "partly": "◐", "does not hold": "✗", "not shown": "?", "not run": "○", "needs a real model": "△",
    "not an experiment": "·",
}  # fmt: skip
"""Beside the word, never instead of it."""
WHOLE: tuple[Status, ...] = ("holds",)
"""Not said while some cells of a part are missing."""
RULE = (
    "A status follows from the verdicts on the paper's claims, each judged by a rule on the measured questions. Chief "
    "claims are what the paper concludes from a table or figure. Holds: every claim was shown to hold. Does not hold: "
    "at least one chief claim was shown not to, and no chief claim to hold. Not shown: no chief claim could be told "
    "with so many questions. Partly: everything between. Not run: there is no result yet. Holds is not said "
    "while cells of a part are missing. Claims that are not the paper's do not count."
)


class Group(Record):
    """Claims judged on one comparison, or on the rows of one part."""

    name: str
    questions: int | None
    claims: tuple[Judged, ...]


class MatrixRow(Record):
    """One entry with everything that the page says of it."""

    key: str
    number: str
    section: str
    appendix: bool
    shows: str
    paper: str
    command: str
    status: Status
    why: str
    part: str | None
    """What of `s1 reproduce` was judged; None: nothing."""
    ours: tuple[Told, ...]
    groups: tuple[Group, ...]
    remark: str
    cost: Cost
    cost_note: str
    models: tuple[str, ...]
    """To be trained."""
    files: tuple[str, ...] = ()
    """Beside the page, relative to it."""

    @property
    def label(self) -> str:
        """The status in words, with the number of questions where they were too few."""
        most = max((group.questions or 0 for group in self.groups), default=0)
        return f"{self.status} with {most} questions" if self.status == "not shown" and most else self.status

    @property
    def mark(self) -> str:
        """The status as a sign."""
        return MARKS[self.status]


def matrix_rows(results: Mapping[str, Any], known: Known, command: str) -> tuple[MatrixRow, ...]:
    """Every entry of the catalogue.

    ``results``: as in `results.json`; ``known``: what ``command`` can make.
    """
    return tuple(_row(entry, results, known, command) for entry in CATALOGUE)


def _row(entry: Entry, results: Mapping[str, Any], known: Known, command: str) -> MatrixRow:
    part = next((part for part in entry.parts if results.get(part)), None)
    found = [] if part is None else results[part]
    numbers = part is not None and not entry.example
    groups = _groups(part, found, results) if part and numbers else ()
    lacking = " ".join(filter(None, (results.get("needs", {}).get(one) for one in entry.parts)))
    status, why = status_of(entry, groups, part is not None, lacking)
    cells = {name for one, name in known if one == part}
    undone = cells & set(results.get("missing", ()))
    if undone and len(undone) < len(cells) and groups and status in WHOLE:
        status, why = "partly", f"{why} {len(undone)} of {len(cells)} cells are not run yet."
    needs = NEEDS.get(entry.key, Needs())
    return MatrixRow(
        key=entry.key,
        number=entry.number,
        section=entry.section,
        appendix=entry.appendix,
        shows=entry.shows,
        paper=entry.paper,
        command=_command(entry, part, found, known, command),
        status=status,
        why=why,
        part=part,
        ours=told(part, found, results.get("scale", {})) if part and numbers else (),
        groups=groups,
        remark=entry.remark if command.startswith(NANO) else "",
        cost=cost_of(needs.trainings, needs.loads),
        cost_note=needs.note,
        models=tuple(training.name for training in needs.trainings),
    )


def status_of(entry: Entry, groups: Sequence[Group], was_run: bool, lacking: str = "") -> tuple[Status, str]:
    """The status and what it rests on, as `RULE` says. ``lacking``: what kept it from being run."""
    if entry.example:
        return "not an experiment", entry.example
    if entry.needs or (lacking and not was_run):
        return "needs a real model", entry.needs or lacking
    claims = [claim for group in groups for claim in group.claims if claim.standing != "beyond"]
    if not claims:
        return "not run", "What was run is nothing that a claim could be judged on." if was_run else "No result yet."
    chief = {claim.verdict for claim in claims if claim.standing == "chief"}
    why = _counted([claim.verdict for claim in claims])
    if all(claim.verdict == "holds" for claim in claims):
        return "holds", why
    if chief <= {"cannot be told"}:
        return "not shown", why
    return ("partly" if "holds" in chief else "does not hold"), why


def _counted(verdicts: Sequence[Verdict]) -> str:
    if len(verdicts) == 1:
        return f"Its one claim: {verdicts[0]}."
    holds, fails = verdicts.count("holds"), verdicts.count("does not hold")
    parts = [f"{holds} of {len(verdicts)} claims {'holds' if holds == 1 else 'hold'}"]
    parts += [f"{fails} {'does' if fails == 1 else 'do'} not"] if fails else []
    parts += [f"{rest} cannot be told"] if (rest := len(verdicts) - holds - fails) else []
    return ", ".join(parts) + "."


def _groups(part: str, found: Sequence[Mapping[str, Any]], results: Mapping[str, Any]) -> tuple[Group, ...]:
    """Claims judged already, comparison by comparison; or those of the rows."""
    if any("claims" in one for one in found):
        return tuple(
            Group(
                name=f"{one['recipe']}, {one['questions']} questions of {one['benchmark']}",
                questions=one["questions"],
                claims=tuple(map(Judged.model_validate, one["claims"])),
            )
            for one in found
            if one.get("claims")
        )
    claims = tuple(judged_rows(part, [dict(row) for row in found]))
    asked = results.get("scale", {}).get("curve" if part == "main" else "questions")
    return (Group(name=part, questions=asked, claims=claims),) if claims else ()


def _command(entry: Entry, part: str | None, found: Sequence[Mapping[str, Any]], known: Known, command: str) -> str:
    """What makes it: the recipe that was judged, wherever that is from; before anything was run, the first part."""
    if entry.command:
        return f"{command} {entry.command}" if entry.command.startswith("-") else entry.command
    recipe = next((str(one["recipe"]) for one in found if "recipe" in one), None)
    names = [part for part, _ in known]
    if part in names and (recipe is None or (part, recipe) in known):
        return f"{command} --only {part}"
    if recipe is not None:
        other = next((one for one, name in known if name == recipe), None)
        return f"{command} --only {other}" if other else f"s1 compare recipes/paper/{recipe}.yaml"
    first = next((one for one in entry.parts if one in names), None)
    return f"{command} --only {first}" if first else ""
