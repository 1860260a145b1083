"""Greedy accuracy of a nano model while it is being made: direct answers and worked ones, per family.

Knows how to prompt and to read an answer of the nano world. A development gauge on fresh questions, not an evaluation:
that is what the evaluation verb is for.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from random import Random
from typing import Any

import torch
from tokenizers import Tokenizer

from s1kit.nano.family import Problem
from s1kit.nano.sets import held_out, problem_id
from s1kit.nano.tokenizer import chat, special_id
from s1kit.nano.world import FAMILIES, draw

_ANSWER = re.compile(r"Answer: *(\S+)")


def generate(
    model: Any, tokenizer: Tokenizer, prompts: Sequence[list[int]], limit: int, stops: set[int]
) -> list[list[int]]:
    """Greedy continuations, prompts of equal length batched together; the stop is left out."""
    done: list[list[int]] = [[] for _ in prompts]
    order = sorted(range(len(prompts)), key=lambda i: len(prompts[i]))
    pad = tokenizer.token_to_id("<|endoftext|>")
    batches = [order[i : i + 60] for i in range(0, len(order), 60)]
    for batch in batches:
        widest = max(len(prompts[i]) for i in batch)
        ids = torch.tensor([[pad] * (widest - len(prompts[i])) + prompts[i] for i in batch])
        mask = torch.tensor([[0] * (widest - len(prompts[i])) + [1] * len(prompts[i]) for i in batch])
        with torch.inference_mode():
            out = model.generate(
                input_ids=ids.to(model.device),
                attention_mask=mask.to(model.device),
                max_new_tokens=limit,
                do_sample=False,
                eos_token_id=sorted(stops),
                pad_token_id=pad,
            )
        for row, index in enumerate(batch):
            new = out[row, widest:].tolist()
            cut = next((k for k, token in enumerate(new) if token in stops or token == pad), len(new))
            done[index] = new[:cut]
    return done


def fresh(seed: int, per_family: int, levels: Sequence[int]) -> list[Problem]:
    """Questions of no evaluation set."""
    rng = Random(f"measure:{seed}")
    chosen: list[Problem] = []
    for family in FAMILIES:
        own: list[Problem] = []
        while len(own) < per_family:
            problem = draw(rng, rng.choice(levels), family)
            if problem_id(problem) not in held_out():
                own.append(problem)
        chosen.extend(own)
    return chosen


def read_answer(text: str) -> str | None:
    found = _ANSWER.findall(text)
    return found[-1].rstrip(".") if found else None


def by_family(model: Any, tokenizer: Tokenizer, seed: int, per_family: int = 5) -> dict[str, dict[str, float]]:
    """Share right per family: `direct` after "Final Answer:", `careful` after "Step by step:"."""
    problems = fresh(seed, per_family, (3, 4, 5))
    stops = {special_id(tokenizer, "<|im_end|>"), special_id(tokenizer, "<|endoftext|>")}
    result: dict[str, dict[str, float]] = {}
    for kind, lead, limit in (("direct", "Final Answer:", 6), ("careful", "Step by step:", 160)):
        prompts = [tokenizer.encode(chat(problem.text) + lead).ids for problem in problems]
        for problem, new in zip(problems, generate(model, tokenizer, prompts, limit, stops), strict=True):
            right = read_answer(lead + tokenizer.decode(new)) == problem.answer
            share = result.setdefault(problem.family.name, {})
            share[kind] = round(share.get(kind, 0.0) + right / per_family, 3)
    return result
