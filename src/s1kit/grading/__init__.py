"""Grading: from what a model answered to one of four verdicts, with the rule that decided.

Knows answers and references. Refuses to know tokens, budgets and engines. Nothing here imports Math-Verify or sympy
into the calling process; they are loaded by worker processes, on the first answer that needs them.
"""

from s1kit.grading.grader import GRADER_VERSION, GRADERS, GraderName, grade, grade_all

__all__ = ["GRADERS", "GRADER_VERSION", "GraderName", "grade", "grade_all"]
