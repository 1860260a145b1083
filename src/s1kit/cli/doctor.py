"""``s1 doctor``: what an engine really honours, before anybody trusts it.

Knows its flags and how findings are shown. The trying is ``s1kit.engines.probe`` and ``s1kit.doctor``.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from s1kit.cli import options as o

if TYPE_CHECKING:
    from s1kit.engines.base import Engine
    from s1kit.engines.probe_server import ServerProbe
    from s1kit.tokenizer import Tokenizer

PATIENCE = 2.0
"""Seconds without a word before a step is named, where nobody watches a terminal."""
QUESTION = [{"role": "user", "content": "How many r in raspberry?"}]


def doctor(
    model: Annotated[
        str, typer.Argument(help="Model folder or hub id (nano ships with s1kit), or a server's URL.")
    ] = "nano",
    engine: Annotated[str | None, typer.Option(help="hf, vllm or scripted; of a URL it is completions.")] = None,
    profile: Annotated[str, typer.Option(help="Of a URL, its dialect: vllm, sglang, llamacpp, openai.")] = "vllm",
    tokenizer: Annotated[str | None, typer.Option(help="Of a URL: folder or hub id of the model's tokenizer.")] = None,
    served: Annotated[
        str | None, typer.Option(help="Of a URL: the model's name there; default: the tokenizer's.")
    ] = None,
    api_key_env: Annotated[str | None, typer.Option(help="Of a URL: environment variable that holds the key.")] = None,
    context_len: Annotated[
        int | None, typer.Option(help="Tokens of the context; default what the model or server says.")
    ] = None,
    format_name: Annotated[str, typer.Option("--format", help="The model's think format; its prompt is tried.")] = "s1",
    device: Annotated[str, typer.Option(help="cpu, cuda, auto.")] = "cpu",
    dtype: Annotated[str, typer.Option(help="float32, bfloat16, float16.")] = "float32",
    determinism: Annotated[
        bool, typer.Option("--determinism", help="The same rows batched, cut and without the cache: what differs?")
    ] = False,
    conformance: Annotated[
        bool, typer.Option("--conformance", help="The vectors, then six policies: does every row keep every rule?")
    ] = False,
    benchmark: Annotated[str, typer.Option(help="Questions of the two checks above.")] = "nano_dev",
    limit: Annotated[int, typer.Option(min=1, help="How many of them.")] = 32,
    as_json: o.Json = False,
) -> None:
    """Try what an engine honours: token ids, stops, bans, seeds, context; exit code 1 where a claim does not hold."""
    from s1kit.benchmarks.registry import load
    from s1kit.cli.console import FAILED, fail, print_json
    from s1kit.cli.examined import Examined, examine, show

    questions = load(benchmark, limit) if determinism or conformance else []
    options = {"device": device, "dtype": dtype, "context_len": context_len}
    if model.startswith(("http://", "https://")):
        if tokenizer is None:
            fail("whose tokens does it speak?\nhint: --tokenizer FOLDER (or the hub id) of the model that it serves")
        opened, spelled, server = _server(model, tokenizer, profile, served, api_key_env, context_len)
    else:
        opened, spelled = _model(engine or "hf", model, options)
        server = None
    try:
        with _told() as tell:
            found: Examined = examine(
                opened,
                spelled,
                server,
                format_name,
                QUESTION,
                rules_on=questions if conformance else None,
                compare_on=questions if determinism else None,
                without_cache=_without_cache(opened, model, options),
                tell=tell,
            )
    finally:
        opened.close()
    if as_json:
        print_json(found.as_json())
    else:
        show(found, spelled)
    if found.failed:
        raise SystemExit(FAILED)


def _model(kind: str, model: str, options: dict[str, Any]) -> tuple[Engine, Tokenizer]:
    from s1kit.cli.console import say
    from s1kit.engines.open import open_engine
    from s1kit.nano.shipped import resolve_model

    say(f"loading {model} ...", style="dim")
    return open_engine(kind, resolve_model(model), **options)


def _server(
    url: str, tokenizer: str, profile: str, served: str | None, api_key_env: str | None, context_len: int | None
) -> tuple[Engine, Tokenizer, ServerProbe]:
    from s1kit.cli.console import say
    from s1kit.engines.open import open_engine
    from s1kit.engines.probe_server import ServerProbe
    from s1kit.nano.shipped import resolve_model

    say(f"asking {url} ...", style="dim")
    name, folder = served or tokenizer, resolve_model(tokenizer)
    own: dict[str, Any] = {"url": url, "profile": profile, "served": name, "tokenizer": folder}
    opened, spelled = open_engine("completions", name, **own, api_key_env=api_key_env, context_len=context_len)
    return opened, spelled, ServerProbe(url, profile, served=name, tokenizer=spelled, api_key_env=api_key_env)


def _without_cache(opened: Engine, model: str, options: dict[str, Any]) -> dict[str, Callable[[], Engine]]:
    """The same model once more without its prefix cache, where its engine has one that can be switched off.

    The first one is closed before: vLLM is one per process, and a large model fits its device once.
    """
    from s1kit.engines.open import open_engine
    from s1kit.nano.shipped import resolve_model

    def without() -> Engine:
        opened.close()
        kind, slots = opened.info.name, opened.info.slots
        return open_engine(kind, resolve_model(model), slots=slots, prefix_caching=False, **options)[0]

    return {"without the prefix cache": without} if opened.info.name in ("hf", "vllm") else {}


@contextmanager
def _told() -> Iterator[Callable[[str], None]]:
    """Names what is being tried: on a terminal as it goes, elsewhere every few seconds."""
    from s1kit.cli.console import escape, people, say

    console = people()
    if console.is_terminal:
        with console.status("trying ...") as status:
            yield lambda text: status.update(f"trying {escape(text)} ...")
        return
    last = time.monotonic()

    def tell(text: str) -> None:
        nonlocal last
        if time.monotonic() - last >= PATIENCE:
            say(f"trying {text} ...", style="dim")
            last = time.monotonic()

    yield tell
