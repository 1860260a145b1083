"""What a verification found.

Knows how findings are collected by rule, so that a rule without any can be reported as holding. Refuses to know rules.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

Level = Literal["ok", "warning", "error", "unverifiable"]
MAX_SHOWN = 20
"""Findings listed per rule; more of the same are counted in one line."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One result: ``where`` is a file, a row (``question/policy/sample``) or the rule that held everywhere."""

    level: Level
    where: str
    message: str


@dataclass(slots=True)
class Findings:
    """Findings by rule, so that a rule without any can be reported as holding."""

    found: dict[str, list[Finding]] = field(default_factory=dict)
    checked: dict[str, str] = field(default_factory=dict)

    def ran(self, rule: str, what: str) -> None:
        """The rule was checked; ``what`` it says where it holds."""
        self.checked[rule] = what

    def add(self, rule: str, level: Level, where: str, message: str) -> None:
        """Something that the rule has to say."""
        self.found.setdefault(rule, []).append(Finding(level, where, f"{rule}: {message}"))

    def findings(self) -> list[Finding]:
        """Everything that was found, problems first; ``ok`` for the rules without any."""
        result: list[Finding] = []
        for found in self.found.values():
            result += found[:MAX_SHOWN]
            if len(found) > MAX_SHOWN:
                rule = found[0].message.partition(":")[0]
                more = f"{rule}: {len(found) - MAX_SHOWN} more of the same rule"
                result.append(Finding(found[-1].level, "more", more))
        result += [Finding("ok", rule, what) for rule, what in self.checked.items() if rule not in self.found]
        return result


def passed(findings: Iterable[Finding]) -> bool:
    """Whether nothing is wrong: no errors. Unverifiable parts and warnings are for a person to weigh."""
    return all(finding.level != "error" for finding in findings)
