"""From a recipe to policies: every setting of every method, and the run that its rows belong to.

Knows what each method generates, and by which bound its control is judged (paper, section 6). Refuses to generate
and to count. Settings that read the same rows (votes over the same samples, a class prompt and its natural run) ask for
the same policy, so that these rows are generated once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from s1kit.compare.recipe import (
    ClassMethod,
    CompareConfig,
    ForcingMethod,
    Method,
    PoliciesMethod,
    RejectionMethod,
    StepMethod,
    TokenMethod,
    TreeMethod,
    VoteMethod,
    name_of,
)
from s1kit.errors import UserError
from s1kit.evaluate import Wanted, role_of
from s1kit.policies import (
    Ask,
    AskAmount,
    Bounded,
    BudgetForcing,
    Forced,
    Rejection,
    Sampling,
    SoftCutoff,
    TreeSearch,
    Unforced,
    policy_id,
)


class CompareError(UserError):
    """A comparison that cannot be made as it is asked for."""


CONFIDENCE_TOP = 20
"""Most likely ids that a token's confidence is taken over (DeepConf's)."""


@dataclass(frozen=True, slots=True)
class RunKey:
    """Which run holds a policy's rows. What is generated together is timed together."""

    model: str
    format: str
    phase: str
    """``greedy``, ``sampled``, or the name of a tree search."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One point of one method, before anything is generated."""

    method: Method
    label: str
    asked: float | None
    """In the method's own unit."""
    run: RunKey
    wanted: Wanted
    """The policy whose rows it reads."""
    maximum: float | None = None
    """a_max in thinking tokens."""
    minimum: float | None = None
    side: Literal["short", "long"] | None = None
    """The side of ``natural`` on which it is to stay."""
    natural: Wanted | None = None
    k: int | None = None
    """Samples that a vote takes."""

    @property
    def name(self) -> str:
        """The method's."""
        return name_of(self.method)


def settings(config: CompareConfig) -> list[Setting]:
    """Every setting of every method, in the recipe's order. CompareError for two that tables would call alike."""
    found: dict[tuple[str, str], Setting] = {}
    for setting in (setting for method in config.methods for setting in _Maker(config, method).made()):
        if (setting.name, setting.label) in found:
            raise CompareError(
                f"method {setting.name!r} has the setting {setting.label!r} twice\n"
                "hint: name it once; policies that differ in what their labels leave out need methods with other names"
            )
        found[setting.name, setting.label] = setting
    return list(found.values())


def policies(wanted: list[Setting]) -> dict[RunKey, list[Wanted]]:
    """What each run has to hold, longest thoughts first: the longest claims what is shared."""
    runs: dict[RunKey, list[Wanted]] = {}
    for setting in wanted:
        runs.setdefault(setting.run, []).extend(w for w in (setting.wanted, setting.natural) if w is not None)
    return {key: sorted(dict.fromkeys(own), key=_length, reverse=True) for key, own in runs.items()}


def identity(wanted: Wanted, format_spec: dict[str, Any]) -> str:
    """The policy id of what is wanted."""
    return policy_id(wanted.policy, format_spec, wanted.sampling)


def _length(wanted: Wanted) -> tuple[int, float]:
    policy = wanted.policy
    most = policy.most_thinking() if isinstance(policy, Bounded) else None
    return getattr(policy, "extensions", 0), float("inf") if most is None else most


def _heat(method: VoteMethod) -> float:
    return 1.0 if method.temperature is None else method.temperature


class _Maker:
    """The settings of one method."""

    def __init__(self, config: CompareConfig, method: Method) -> None:
        self.config, self.method = config, method
        self.model = method.model or config.model
        self.format = method.format or config.format
        self.bounds: dict[str, Any] = {"max_answer": config.max_answer, "on_overflow": config.on_overflow}

    def made(self) -> list[Setting]:
        """As the recipe lists them."""
        method = self.method
        if isinstance(method, ForcingMethod):
            return self._forcing(method)
        if isinstance(method, TokenMethod):
            return [self._asked_tokens(method, limit) for limit in method.limits]
        if isinstance(method, StepMethod):
            return [self._asked_steps(method, limit) for limit in method.limits]
        if isinstance(method, ClassMethod):
            return self._classes(method)
        if isinstance(method, RejectionMethod):
            return [self._rejected(method, limit) for limit in method.limits]
        if isinstance(method, VoteMethod):
            return [self._vote(method, k) for k in method.k]
        if isinstance(method, TreeMethod):
            return [self._tree(method, width) for width in method.widths]
        return self._plain(method)

    def _setting(self, policy: Forced, *, default: float = 0.0, penalty: float = 0.0, **more: Any) -> Setting:
        sampling, samples = self._draws(default, penalty, getattr(policy, "after_nudge", None))
        wanted = Wanted(policy, role_of(policy), sampling, more.pop("samples", samples), None)
        more.setdefault("label", policy.label())
        more.setdefault("asked", None)
        return Setting(method=self.method, run=self._run(policy, sampling), wanted=wanted, **more)

    def _draws(self, default: float, penalty: float, later: Sampling | None) -> tuple[Sampling, int]:
        given = self.method.temperature
        temperature = default if given is None else given
        sampling = Sampling(temperature=temperature, frequency_penalty=penalty)
        drawn = temperature > 0 or (later is not None and later.temperature > 0)
        return sampling, (self.method.seeds or self.config.seeds) if drawn else 1

    def _run(self, policy: Forced, sampling: Sampling) -> RunKey:
        later = getattr(policy, "after_nudge", None)
        sampled = sampling.temperature > 0 or (later is not None and later.temperature > 0)
        phase = name_of(self.method) if isinstance(policy, TreeSearch) else "sampled" if sampled else "greedy"
        return RunKey(self.model, self.format, phase)

    def _forcing(self, method: ForcingMethod) -> list[Setting]:
        base = {**self.bounds, "max_thinking": method.max_thinking}
        own = {"nudges": method.nudges, "after_nudge": method.after_nudge}
        # a sampled thought after the nudge needs a run of its own draws, as any sampled method
        found = [
            self._setting(
                BudgetForcing(**{**base, "max_thinking": b}), penalty=method.frequency_penalty, asked=b, maximum=b
            )
            for b in method.budgets
        ]
        if method.natural:
            found.append(self._setting(BudgetForcing(**base), penalty=method.frequency_penalty))
        for n in method.extensions:
            found.append(
                self._setting(BudgetForcing(**base, extensions=n, **own), penalty=method.frequency_penalty, asked=n)
            )
        return found

    def _asked_tokens(self, method: TokenMethod, limit: int) -> Setting:
        most = limit if method.forced else method.max_thinking
        policy = BudgetForcing(**self.bounds, max_thinking=most, ask=Ask(unit="tokens", limit=limit))
        return self._setting(policy, label=f"{limit} tokens", asked=limit, maximum=limit)

    def _asked_steps(self, method: StepMethod, limit: int) -> Setting:
        policy = BudgetForcing(
            **self.bounds,
            max_thinking=method.max_thinking,
            max_steps=limit if method.forced else None,
            ask=Ask(unit="steps", limit=limit),
        )
        return self._setting(policy, label=f"{limit} steps", asked=limit, maximum=limit * method.step_tokens)

    def _classes(self, method: ClassMethod) -> list[Setting]:
        natural = self._setting(BudgetForcing(**self.bounds, max_thinking=method.max_thinking)).wanted
        sides: tuple[Literal["short", "long"], ...] = ("short", "long")
        return [
            self._setting(
                BudgetForcing(**self.bounds, max_thinking=method.max_thinking, ask=AskAmount(amount=side)),
                label=side,
                side=side,
                natural=natural,
            )
            for side in sides
        ]

    def _rejected(self, method: RejectionMethod, limit: int) -> Setting:
        policy = Rejection(**self.bounds, max_thinking=limit, tries=method.tries)
        return self._setting(policy, default=1.0, label=f"at most {limit}", asked=limit, maximum=limit)

    def _vote(self, method: VoteMethod, k: int) -> Setting:
        policy: Forced = (
            Unforced(max_tokens=method.unforced)
            if method.unforced is not None
            else BudgetForcing(**self.bounds, max_thinking=method.max_thinking, logprobs=self._logprobs(method))
        )
        stored = method.samples or (method.seeds or self.config.seeds) * max(method.k)
        return self._setting(policy, default=1.0, label=f"k = {k}", asked=k, k=k, samples=stored)

    def _logprobs(self, method: VoteMethod) -> int:
        """Confidences are recorded for all votes over the same samples, where one of them reads them."""
        like = [
            other
            for other in self.config.methods
            if isinstance(other, VoteMethod)
            and other.rule in ("confidence", "online")
            and (other.model or self.config.model, other.format or self.config.format) == (self.model, self.format)
            and (_heat(other), other.max_thinking) == (_heat(method), method.max_thinking)
        ]
        return CONFIDENCE_TOP if like else 0

    def _tree(self, method: TreeMethod, width: int) -> Setting:
        policy = TreeSearch(
            **self.bounds,
            max_thinking=method.max_thinking,
            search=method.search,
            width=width,
            scorer=method.scorer,
            layout=method.layout,
            steps=method.steps,
            temperature_b=method.temperature_b,
            rounding=method.rounding,
            expand=method.expand,
            max_depth=method.max_depth,
        )
        return self._setting(policy, default=1.0, label=f"width {width}", asked=width)

    def _plain(self, method: PoliciesMethod) -> list[Setting]:
        found = []
        for policy in method.policies:
            if isinstance(policy, Bounded) and "max_answer" not in policy.model_fields_set:
                policy = policy.model_copy(update={"max_answer": self.config.max_answer})
            several = isinstance(policy, Rejection)
            asked = policy.max_thinking if isinstance(policy, Bounded) else None
            # a grace is part of the maximum; the token by which a try was too long is in no row that counts
            most = policy.most_thinking() if isinstance(policy, SoftCutoff) else asked
            found.append(self._setting(policy, default=1.0 if several else 0.0, asked=asked, maximum=most))
        return found
