"""What an engine really honours, tried out: whole for ``s1 doctor``, in two rounds before every run.

Knows what follows from the findings: what is taken back of the claims, and when no policy can keep a budget at all.
Refuses to trust ``EngineInfo``, which is what the findings are held against, and to repair anything. Neighbours:
``probe_basic`` and ``probe_more`` (what is tried), ``probe_text`` (servers without ids), ``probe_server`` (what only a
server's own answer shows).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from s1kit.engines.base import Chunk, Engine
from s1kit.engines.probe_ask import Asker, Finding, Ids, Verdict, finding
from s1kit.engines.probe_basic import TRIALS, WARM, continued, exact, limit, vocabulary
from s1kit.engines.probe_more import PROBES
from s1kit.engines.probe_text import delimiters, ends_of
from s1kit.types import EngineInfo

__all__ = ["Finding", "Verdict", "corrected", "ends_of", "probe", "quick", "refusal"]

SHORT = 12
"""Tokens of the reference of the quick check."""
OWED = ("answers", "vocabulary", "max_tokens", "stop ids", "end of thinking")
"""Findings that no field of EngineInfo stands for, and without which no policy keeps a budget."""


def probe(
    engine: Engine, prompt: Ids, ends: Sequence[Ids] = (), *, tell: Callable[[str], None] = lambda _: None
) -> list[Finding]:
    """Every finding, the most basic first. An engine that does not answer at all gives one.

    ``ends``: what ends a thought in the format at hand (``ends_of``), looked for in the text of a server without ids.
    ``tell`` hears what is tried next.
    """
    asker, info = Asker(engine, prompt), engine.info
    tell("a greedy reference")
    reference = asker.ask()
    if (silent := _silent(reference)) is not None:
        return [silent]
    found = [exact(info, reference), *vocabulary(info, reference), limit(info, reference, asker.length)]
    if not info.exact and ends:
        tell("the end of thinking")
        found.append(delimiters(asker, info, ends))
    for trial in TRIALS:
        tell(trial.name)
        request = trial.ask(asker, reference)
        if request is None:
            found.append(trial.untried(info))
        else:
            found.append(trial.judge(info, reference, request, asker.together([request])[request.id]))
    for name, tried in PROBES:
        tell(name)
        found.append(tried(asker, info, reference))
    return found


def quick(engine: Engine, prompt_ids: Ids, ends: Sequence[Ids] = ()) -> list[Finding]:
    """Only what policies rest on, and only what is claimed: at most seven short requests in two rounds.

    Nothing of it stays in the engine but cached prompt positions, so a run generates what it would have generated.
    ``ends`` as for ``probe``; a server without ids then thinks once to the end.
    """
    asker, info = Asker(engine, prompt_ids, SHORT), engine.info
    greedy, warm = asker.request(), asker.request(sampling=WARM)
    first = asker.together([greedy, warm] if info.crn else [greedy])
    reference = first[greedy.id]
    if (silent := _silent(reference)) is not None:
        return [silent]
    found = [exact(info, reference), *vocabulary(info, reference), limit(info, reference, SHORT)]
    if any(f.probe == "vocabulary" for f in found):
        return found  # ids that the model does not have cannot be sent back to it
    trials = [(t, t.ask(asker, reference)) for t in TRIALS if t.claimed(info) is not False]
    requests = [request for _, request in trials if request is not None]
    whole = first.get(warm.id)
    cut = 0 if whole is None or whole.finish == "error" else len(whole.tokens) // 2
    rest = None
    if whole is not None and cut:
        rest = asker.request(len(whole.tokens) - cut, prompt_ids + whole.tokens[:cut], sampling=WARM)
        requests.append(rest)
    second = asker.together(requests)
    for trial, request in trials:
        if request is None:
            found.append(trial.untried(info))
        else:
            found.append(trial.judge(info, reference, request, second[request.id]))
    if whole is not None:
        found.append(continued(info, whole, cut, whole if rest is None else second[rest.id]))
    if not info.exact and ends:
        found.append(delimiters(asker, info, ends))
    return found


def corrected(info: EngineInfo, findings: Sequence[Finding]) -> EngineInfo:
    """``info`` without what was claimed and not found, so that a policy that needs it is refused."""
    gone = {f.probe: False for f in findings if f.verdict == "wrong" and f.probe in EngineInfo.model_fields}
    return info.model_copy(update=gone)


def refusal(findings: Sequence[Finding]) -> str | None:
    """Why no policy can keep a budget on this engine, with a hint; None where one can.

    What has a field in EngineInfo is no reason: ``corrected`` takes that back, and only the policies that need it are
    refused.
    """
    for f in findings:
        if f.verdict == "wrong" and f.probe in OWED:
            hint = f.hint or "s1 doctor tries everything and says what it means"
            return f"no budget can be kept on this engine: {f.probe.replace('_', ' ')}: {f.detail}\nhint: {hint}"
    return None


def _silent(reference: Chunk) -> Finding | None:
    if reference.finish == "error":
        hint = "is it running, is it this model, and does it speak the profile's dialect?"
        return finding("answers", None, False, reference.error or "an error", hint)
    if not reference.tokens:
        return finding("answers", None, False, "no tokens came back", "it may stop by itself at an end of turn")
    return None
