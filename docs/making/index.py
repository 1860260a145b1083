"""The index of the documentation: every page, in reading order, with a line on whom it is for.

Knows the order. Refuses to leave a page out: one that has no line here is an error.
"""

from __future__ import annotations

from pathlib import Path

DOCS = Path(__file__).resolve().parent.parent
PARTS: dict[str, dict[str, tuple[str, str]]] = {
    "To begin with": {
        "../README.md": ("README", "what it is, the first minute, install"),
        "concepts.md": (
            "Concepts",
            "what forcing does, exactly; why tokens are the record; control, scaling, performance",
        ),
    },
    "Guides": {
        "model.md": ("Use my model", "formats, engines, one budget, a curve, a report"),
        "engines.md": ("Engines", "hf, vLLM, servers, chat: what each honours, and how to see it"),
        "benchmarks.md": ("Benchmarks", "AIME, MATH500, GPQA Diamond and your own questions, with prompts and grading"),
        "compare.md": ("Compare methods", "every way of spending test-time compute at equal tokens and seconds"),
        "report.md": ("Read the report", "what each part of a report answers"),
        "query.md": ("Ask with SQL", "runs as tables, with examples"),
        "serve.md": ("Budgets on my server", "thinking budgets for every OpenAI client"),
        "curate.md": ("Curate my data", "from a pool of questions to a training set"),
        "train.md": ("Fine-tune", "on a training set, on one device or many"),
        "extending.md": ("Extend", "an engine, a format, a policy, a benchmark: one file each, with its test"),
    },
    "What of the paper holds": {
        "reproduction.md": ("The matrix", "every table and figure of the paper: command, result, cost at 32B"),
        "sources.md": ("Sources", "where the paper's pool of questions comes from, and how far each is verified"),
        "selection-by-hand.md": ("A selection by hand", "the paper's selection of rows on nine rows"),
    },
    "Reference, from the code": {
        "reference/cli.md": ("Command line", "every verb and flag, exit codes"),
        "reference/recipes.md": ("Recipes", "every setting of every verb"),
        "reference/policies.md": ("Policies", "fields and refusals"),
        "reference/formats.md": ("Think formats", "delimiters, and what resolves"),
        "reference/records.md": ("Records", "every row on disk, and the views of SQL"),
        "reference/metrics.md": ("Metrics", "function, formula and source of every number"),
        "reference/python.md": ("Python", "entry points for a program of your own"),
        "reference/errors.md": ("Errors", "what is refused, by which class"),
        "../conformance/README.md": ("Conformance", "the forcing rules as vectors, for other implementations"),
    },
    "For who works on it": {
        "../CONTRIBUTING.md": ("Contributing", "how to change it"),
        "mutation-survivors.md": ("Surviving mutants", "changes to the forcing machine that no test notices, and why"),
        "LOG.md": ("Log", "experiments, dated, negatives included"),
    },
}


def page() -> str:
    """The index of the pages that there are. ValueError for a page without a line."""
    told = {DOCS / name for pages in PARTS.values() for name in pages}
    left_out = sorted(str(path.relative_to(DOCS)) for path in {*DOCS.rglob("*.md")} - told - {DOCS / "README.md"})
    if left_out:
        raise ValueError(f"docs/making/index.py has no line for {', '.join(left_out)}")
    run = "Every console and Python block of these pages is run, and its output compared, or says why not."
    parts = ["# Documentation", run]
    for head, pages in PARTS.items():
        lines = [f"- [{title}]({name}): {line}" for name, (title, line) in pages.items() if _exists(name)]
        parts += [f"## {head}", "\n".join(lines)]
    return "\n\n".join(parts)


def _exists(name: str) -> bool:
    return name.startswith("reference/") or (DOCS / name).exists()
