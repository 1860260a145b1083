"""The one kind of exception that the command line shows as a message instead of a traceback.

Knows how an error speaks: what is wrong and where, then ``hint:`` lines with what to do. Refuses to know causes: each
module that can refuse its input derives its own error from ``UserError``.
"""

from __future__ import annotations


class UserError(Exception):
    """Something the user can put right. The first lines say what and where; lines starting ``hint:`` say what to do."""

    exit_code = 2
