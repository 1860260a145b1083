"""What a verb was asked to do: one frozen pydantic model per verb, read from YAML, overridden, resolved and explained.

Knows where every value came from. Refuses to act: no file but the recipe is read, no network, no environment, no
engine is opened here. Unknown keys are errors with a did-you-mean.
"""

from __future__ import annotations

from copy import deepcopy
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal, Self, TypeVar, get_args

import yaml
from pydantic import BaseModel, ValidationError, model_validator

from s1kit.compare.recipe import CompareConfig
from s1kit.curate.recipe import CurateConfig
from s1kit.engines.settings import EngineConfig, Positive
from s1kit.errors import UserError
from s1kit.policies import BudgetForcing, Count, NativeBudget, Policy, Sampling, policy_id
from s1kit.reproduce.real import PaperConfig
from s1kit.train.recipe import TrainConfig
from s1kit.types import Record, Role, canonical_json, sha256_hex


class ConfigError(UserError, ValueError):
    """A recipe or an override that does not make a config: says which key, in which file, and what would be right."""


class AskConfig(Record):
    """``s1 ask``: where one question goes."""

    model: str = "nano"
    """Folder or hub id of the model; ``nano`` is the one that ships with s1kit."""
    format: str = "s1"
    """A think format by name, or a .yaml file."""
    system: str | None = None
    """A system message."""
    engine: EngineConfig = EngineConfig(slots=1)
    sampling: Sampling = Sampling()
    seed: int = 0


class RunConfig(Record):
    """What every generating verb needs: questions, model, format, engine, sampling, grader."""

    benchmark: str = "nano_mixed"
    """A set by name, NAME=FILE, or the path of a file (``s1 benchmarks``)."""
    limit: Positive | None = 8
    """Only the first questions; None: all. The default is a first look."""
    model: str = "nano"
    """Folder or hub id of the model; ``nano`` is the one that ships with s1kit."""
    format: str = "s1"
    """A think format by name, or a .yaml file."""
    system: str | None = None
    """A system message, the same for all questions."""
    engine: EngineConfig = EngineConfig()
    sampling: Sampling = Sampling()
    samples: Positive = 1
    """Per question and policy."""
    seed: int = 0
    """The run's seed; a row's is H(seed, question, sample)."""
    grader: Literal["default", "s1_compat"] = "default"
    """s1_compat: as the reference code grades."""
    out: str = "runs"
    """Where run directories go."""

    @model_validator(mode="after")
    def _samples_differ(self) -> Self:
        if self.samples > 1 and self.sampling.temperature == 0 and self.engine.kind != "chat":  # it draws as it likes
            raise ValueError(f"{self.samples} greedy samples are the same one; set a temperature, or samples: 1")
        return self


class EvalConfig(RunConfig):
    """``s1 eval``: questions + policies + engine -> generations, grades, metrics."""

    policies: tuple[Policy, ...] = (BudgetForcing(),)
    """Engine chat: the provider's own thinking, if none are given."""

    @model_validator(mode="after")
    def _providers_budgets_need_a_provider(self) -> Self:
        if self.engine.kind != "chat" and any(isinstance(p, NativeBudget) for p in self.policies):
            raise ValueError(
                f"native_budget is a provider's own: it needs engine chat, not {self.engine.kind}\nhint: --engine chat"
            )
        return self

    @model_validator(mode="before")
    @classmethod
    def _chat_forces_nothing(cls, given: Any) -> Any:
        engine = given.get("engine") if isinstance(given, dict) else None
        if isinstance(engine, dict) and engine.get("kind") == "chat" and "policies" not in given:
            return {**given, "policies": [{"kind": "native_budget"}]}
        return given


class SweepConfig(RunConfig):
    """``s1 sweep``: one trace per question, cut and extended at many points, sharing every prefix."""

    budgets: tuple[Count, ...] = ()
    """Maximum thinking tokens, one point each."""
    natural: bool = True
    """The point at which the model stops by itself."""
    extensions: tuple[Positive, ...] = ()
    """Numbers of suppressed ends, one point each."""
    nudge: str | None = None
    """None: the format's ("Wait")."""
    placebos: tuple[str, ...] = ()
    """Other strings appended instead of the nudge, for each number of extensions; "" appends nothing."""
    fresh: Sampling | None = None
    """Per extension point, one fresh sample that may think for as many tokens as the extended row did."""
    every: Positive | None = None
    """Anytime curve: probe the forced answer every so many tokens of the natural trace."""
    upto: Positive | None = None
    """The last token that ``every`` probes; None: the largest budget, or 32 probes."""
    max_answer: Positive = 1024
    """Tokens reserved for the answer."""
    on_overflow: Literal["refuse", "clamp"] = "refuse"
    """Rows whose context is too small for a budget: refused before the first request, or given what room there is."""

    @model_validator(mode="after")
    def _everything_asked_for_happens(self) -> Self:
        if (self.placebos or self.fresh is not None) and not self.extensions:
            raise ValueError("placebos and fresh samples stand beside extensions: name those too (for example 1,2)")
        if self.upto is not None and (self.every is None or self.every > self.upto):
            raise ValueError(f"upto: {self.upto} probes nothing; it is the last token of every, which is {self.every}")
        return self

    def points(self, format_spec: dict[str, Any]) -> list[tuple[BudgetForcing, Role, Sampling]]:
        """The policies of the sweep with their roles, longest first: the longest claims what is generated.

        ``format_spec`` is the dump of the run's Format: a fresh sample names the policy it is as long as.
        """
        natural = BudgetForcing(max_answer=self.max_answer, on_overflow=self.on_overflow)
        own = {"nudges": None if self.nudge is None else (self.nudge,)}
        steps = sorted(set(self.extensions), reverse=True)
        points: list[tuple[BudgetForcing, Role]] = [(_with(natural, extensions=n, **own), "extension") for n in steps]
        points += [(natural, "natural")] if self.natural else []
        points += [(_with(natural, max_thinking=b), "budget") for b in sorted(set(self.budgets), reverse=True)]
        points += [(_with(natural, extensions=n, nudges=(p,)), "placebo") for p in self.placebos for n in steps]
        points += [(_with(natural, max_thinking=b), "anytime") for b in self._probes()]
        out: list[tuple[BudgetForcing, Role, Sampling]] = [(policy, role, self.sampling) for policy, role in points]
        if self.fresh is not None:
            extended = [policy_id(p, format_spec, self.sampling) for p, role in points if role == "extension"]
            out += [(_with(natural, equal_to=name), "fresh", self.fresh) for name in extended]
        return out

    def _probes(self) -> list[int]:
        if self.every is None:
            return []
        last = self.upto or max((b for b in self.budgets if b >= self.every), default=32 * self.every)
        return list(range(self.every, last + 1, self.every))


VERBS: dict[str, type[Record]] = {
    "eval": EvalConfig,
    "sweep": SweepConfig,
    "compare": CompareConfig,
    "curate": CurateConfig,
    "train": TrainConfig,
    "reproduce": PaperConfig,
}
"""What a recipe of each verb is."""


def _with(policy: BudgetForcing, **changes: Any) -> BudgetForcing:
    """The policy with other values, checked again."""
    return BudgetForcing.model_validate({**policy.model_dump(), **changes})


class Setting(Record):
    """One resolved value and where it came from."""

    key: str
    value: Any
    origin: str


C = TypeVar("C", bound=Record)


def load(
    kind: type[C], path: str | Path | None, overrides: dict[str, Any] | None = None, sets: tuple[str, ...] = ()
) -> tuple[C, list[Setting]]:
    """A verb's config from a recipe, then ``overrides`` (flags; None means not given), then ``--set a.b=value``.

    Returns the config and the origin of every value. Raises ConfigError.
    """
    typed: dict[str, Any] = {}
    origins: dict[str, str] = {}
    if path is not None:
        typed = read_recipe(path)
        origins = dict.fromkeys(_flat(typed), str(path))
    for key, value in (overrides or {}).items():
        if value is not None:
            _put(typed, key, deepcopy(value), f"--{key.replace('_', '-')}")
            origins[key] = f"--{key.replace('_', '-')}"
    for item in sets:
        key, value = parse_set(item)
        _put(typed, key, value, f"--set {item}")
        origins[key] = f"--set {item}"
    try:
        config = validate(kind, typed, str(path) if path else "the command line", origins)
    except ConfigError:
        plain = read_recipe(path) if path is not None else {}
        strange = set(plain) - set(kind.model_fields)
        other = next((verb for verb, model in VERBS.items() if strange and _fits(model, plain)), None)
        if other is not None:
            raise ConfigError(f"{path} is a recipe for another verb\nhint: s1 {other} {path}") from None
        raise
    settings = [
        Setting(key=key, value=value, origin=_origin(key, origins))
        for key, value in _flat(config.model_dump(mode="json")).items()
    ]
    return config, settings


def read_recipe(path: str | Path) -> dict[str, Any]:
    """The mapping in a YAML file. Raises ConfigError for a missing file, broken YAML or anything but a mapping."""
    file = Path(path)
    if not file.is_file():
        raise ConfigError(f"no recipe {file}\nhint: recipes/ holds some to start from")
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file} is not YAML: {error}") from error
    if not isinstance(content, dict):
        raise ConfigError(f"{file} holds {type(content).__name__}, not a mapping of settings")
    return content


def validate(kind: type[C], content: dict[str, Any], where: str, origins: dict[str, str] | None = None) -> C:
    """``content`` as a config. Raises ConfigError that names each key and guesses at misspelt ones.

    ``where`` is what to blame for a key whose origin is not known.
    """
    try:
        return kind.model_validate(content)
    except ValidationError as error:
        raise ConfigError("\n".join(_explain(kind, dict(e), where, origins or {}) for e in error.errors())) from error


def _fits(kind: type[Record], content: dict[str, Any]) -> bool:
    try:
        kind.model_validate(content)
    except ValidationError:
        return False
    return True


def config_hash(config: Record, ignore: frozenset[str] = frozenset()) -> str:
    """16 hex digits over the values that change outputs; ``ignore`` holds dotted names that do not."""
    flat = {k: v for k, v in _flat(config.model_dump(mode="json")).items() if k not in ignore}
    return sha256_hex(canonical_json(flat))[:16]


def _explain(kind: type[BaseModel], error: dict[str, Any], where: str, origins: dict[str, str]) -> str:
    path = [str(p) for p in error["loc"]]
    key = ".".join(path)
    given_by = _origin(key, origins)
    where = where if given_by == "default" else given_by
    if error["type"] == "extra_forbidden":
        known = _known_keys(kind, path[:-1])
        near = get_close_matches(path[-1], known, n=1, cutoff=0.72)
        guess = f"did you mean {near[0]!r}?" if near else f"known keys: {', '.join(sorted(known))}"
        return f"unknown key {key!r} in {where}\nhint: {guess}"
    given = error.get("input")
    shown = f" (given: {given!r})" if not isinstance(given, dict) else ""
    said = error["msg"].removeprefix("Value error, ")
    return f"{key} in {where}: {said}{shown}" if key else f"{where}: {said}"


def _known_keys(kind: type[BaseModel], path: list[str]) -> list[str]:
    """Field names of the model that the path leads to; union tags and indices in the path are stepped over."""
    models = {kind}
    for step in path:
        fields = [m.model_fields[step].annotation for m in models if step in m.model_fields]
        if fields:
            models = {m for f in fields for m in _models_in(f)}
        tagged = {m for m in models if "kind" in m.model_fields and m.model_fields["kind"].default == step}
        models = tagged or models
    return [name for m in models for name in m.model_fields]


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [m for a in get_args(annotation) for m in _models_in(a)]


def _flat(value: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    out: dict[str, Any] = {}
    for key, item in value.items():
        if isinstance(item, dict) and item:
            out |= _flat(item, f"{prefix}{key}.")
        else:
            out[prefix + key] = item
    return out


def _put(target: dict[str, Any], dotted: str, value: Any, origin: str) -> None:
    *parents, last = dotted.split(".")
    for name in parents:
        inner = target.setdefault(name, {})
        if not isinstance(inner, dict):
            raise ConfigError(f"{origin}: {name!r} is not a group of settings")
        target = inner
    target[last] = value


def parse_set(item: str) -> tuple[str, Any]:
    """``key=value``, the value read as YAML. Raises ConfigError."""
    key, equals, text = item.partition("=")
    if not equals or not key:
        raise ConfigError(f"{item!r} is not a setting: write key=value, for example --set engine.slots=8")
    try:
        return key, yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ConfigError(f"{item!r} is not a setting: {error}") from error


def _origin(key: str, origins: dict[str, str]) -> str:
    parts = key.split(".")
    for length in range(len(parts), 0, -1):
        found = origins.get(".".join(parts[:length]))
        if found:
            return found
    return "default"
