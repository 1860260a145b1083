"""Which rows of two runs are the same question, policy and sample, and where each pair parts.

Knows that only one run's tokens need to be held. Refuses to compare the ids of two tokenizers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from s1kit.store.diff_rows import Light, ids_part, light_rows, texts, texts_part
from s1kit.store.layout import Key
from s1kit.store.run import RunDir
from s1kit.types import RunManifest


@dataclass(slots=True)
class Pairs:
    """One policy's pairs, keyed as the first run has them.

    ``thinking`` are the tokens of both sides; ``tokens`` and ``text`` say where a pair parts (None: nowhere), each pair
    in one of them; ``shown`` holds the texts of those compared by text, and of one example.
    """

    both: list[Key]
    only_a: int
    only_b: int
    thinking: list[tuple[int, int]]
    tokens: dict[Key, int | None]
    text: dict[Key, int | None]
    shown: dict[Key, tuple[str, str]]


def pair_rows(a: RunDir, b: RunDir, by_id: Mapping[str, str]) -> dict[str, Pairs]:
    """The pairs of every matched policy. Only the first run's tokens are held; the second's are read past them."""
    found = {mine: Pairs([], 0, 0, [], {}, {}, {}) for mine in by_id}
    back = {other: mine for mine, other in by_id.items()}
    held: dict[Key, Light] = {row.key: row for row in light_rows(a.path) if row.key[1] in by_id}
    by_text = tokenizers_differ(a.manifest, b.manifest)
    for row in light_rows(b.path):
        if row.key[1] not in back:
            continue
        key = (row.key[0], back[row.key[1]], row.key[2])
        rows, first = found[key[1]], held.pop(key, None)
        if first is None:
            rows.only_b += 1
            continue
        rows.both.append(key)
        rows.thinking.append((first.n_thinking, row.n_thinking))
        if by_text or first.ids is None or row.ids is None:
            rows.text[key] = None
        else:
            rows.tokens[key] = ids_part(first.ids, row.ids)
    for key in held:
        found[key[1]].only_a += 1
    _read_texts(a, b, by_id, found)
    return found


def _read_texts(a: RunDir, b: RunDir, by_id: Mapping[str, str], found: Mapping[str, Pairs]) -> None:
    """The texts of what is compared by text, and of one pair per policy that parts: its example."""
    wanted = {key for rows in found.values() for key in (*rows.text, *_median(rows.tokens))}
    left = texts(a.path, wanted)
    right = texts(b.path, {(key[0], by_id[key[1]], key[2]) for key in wanted})
    for key in wanted:
        pair = left[key], right[key[0], by_id[key[1]], key[2]]
        rows = found[key[1]]
        rows.shown[key] = pair
        if key in rows.text:
            rows.text[key] = texts_part(*pair)


def _median(parts: Mapping[Key, int | None]) -> list[Key]:
    ordered = sorted((at, key) for key, at in parts.items() if at is not None)
    return [ordered[(len(ordered) - 1) // 2][1]] if ordered else []


def tokenizers_differ(a: RunManifest, b: RunManifest) -> bool:
    """Whether both runs say which tokenizer they had, and say different ones: then one id means two things."""
    hashes = [m.inputs.get("tokenizer") or (m.engine.tokenizer_hash if m.engine else None) for m in (a, b)]
    return None not in hashes and hashes[0] != hashes[1]
