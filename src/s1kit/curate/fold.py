"""Two texts that look the same, as one string.

Knows Unicode. Refuses to know mathematics, with one exception: a plain compatibility fold makes ``10²`` out to be
``102``, and two different problems would be one. Raised and lowered signs therefore keep a ``^`` or ``_``.
"""

from __future__ import annotations

import unicodedata

_MARKS = {"<super>": "^", "<sub>": "_", "<fraction>": " "}


def folded(text: str) -> str:
    """NFKC, without format characters (category Cf), white space folded to single blanks, stripped; case is kept.

    Full-width digits become digits; zero-width joiners, direction marks, byte order marks and soft hyphens go. ``x²``
    becomes ``x^2``, ``a₁`` ``a_1`` and ``3½`` ``3 1⁄2``. Half surrogates and control characters stay as they are.
    Linear in the length, and folding twice changes nothing more.
    """
    if not text.isascii():
        table = {ord(sign): change for sign in set(text) if (change := _change(sign)) is not None}
        text = unicodedata.normalize("NFKC", text.translate(table))
    return " ".join(text.split())


def folded_words(text: str) -> list[str]:
    """The words of the folded text, case folded too. Punctuation is part of a word."""
    return folded(text).casefold().split()


def _change(sign: str) -> str | None:
    """What takes the place of a sign before NFKC; None where it stays."""
    if unicodedata.category(sign) == "Cf":
        return ""
    mark = _MARKS.get(unicodedata.decomposition(sign).partition(" ")[0])
    return None if mark is None else mark + sign


def shown(text: str, start: int, end: int, *, around: int = 24, most: int = 80) -> str:
    """``text[start:end]`` (at most ``most`` characters of it) with ``around`` characters on either side, on one line.

    For evidence that people read: folded, so that no direction mark turns a table around, and every sign that cannot
    be printed becomes U+FFFD, so that no control sequence reaches a terminal.
    """
    left, right = max(0, start - around), min(end, start + most)
    cut = right < end
    piece = folded(text[left : right if cut else right + around])
    clean = "".join(sign if sign.isprintable() else "\ufffd" for sign in piece)
    return ("… " if left else "") + clean + (" …" if cut or right + around < len(text) else "")
