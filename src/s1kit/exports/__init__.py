"""A run's rows in the forms that other tools read: Inspect logs, lm-evaluation-harness samples, a dataset folder.

Knows those forms as their current versions write them. Refuses to grade, to generate, and to be read back by guessing:
the run stays the record. Import the part you need.
"""
