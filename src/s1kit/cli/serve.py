"""``s1 serve``: thinking budgets for every OpenAI client.

Knows flags. What a request may say is ``s1kit.serve.fields``, how the engine is shared ``s1kit.serve.scheduler``.
"""

from __future__ import annotations

from types import ModuleType
from typing import Annotated

import typer


def serve(
    model: Annotated[str, typer.Option(help="Model folder or hub id; nano ships with s1kit.")] = "nano",
    format_name: Annotated[
        str, typer.Option("--format", help="s1, qwen3, qwq, r1, harmony, plain, or a .yaml.")
    ] = "s1",
    engine: Annotated[
        str | None, typer.Option(help="hf, vllm, completions (with --url: its default) or scripted.")
    ] = None,
    url: Annotated[str | None, typer.Option(help="Stand in front of this server's /v1/completions.")] = None,
    profile: Annotated[str, typer.Option(help="Its dialect: vllm, sglang, llamacpp, openai.")] = "vllm",
    served: Annotated[str | None, typer.Option(help="The model's name there; default: as --model.")] = None,
    tokenizer: Annotated[str | None, typer.Option(help="Folder or hub id; default: as --model.")] = None,
    url_key_env: Annotated[str | None, typer.Option(help="Environment variable that holds the key for --url.")] = None,
    host: Annotated[str, typer.Option(help="Address to listen on; beyond this machine it needs a key.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: any free one.")] = 8000,
    name: Annotated[str | None, typer.Option(help="What clients call the model; default: --model's last part.")] = None,
    api_key_env: Annotated[str | None, typer.Option(help="Environment variable that holds the clients' key.")] = None,
    public: Annotated[bool, typer.Option("--public", help="Listen beyond this machine without a key.")] = False,
    allow_host: Annotated[
        list[str] | None, typer.Option(help="Name that clients may use for this server (repeat), beside localhost.")
    ] = None,
    check: Annotated[bool, typer.Option(help="Try the engine out first, and refuse what it does not honour.")] = True,
    max_thinking: Annotated[int | None, typer.Option(min=0, help="Budget of requests that name none.")] = None,
    max_answer: Annotated[int, typer.Option(min=1, help="Tokens reserved for an answer without a maximum.")] = 1024,
    temperature: Annotated[float, typer.Option(min=0, max=10, help="Of requests that name none; 0 is greedy.")] = 0.0,
    effort: Annotated[list[str] | None, typer.Option(help="name=tokens (repeat): the map of reasoning_effort.")] = None,
    slots: Annotated[int, typer.Option(min=1, help="Rows that run at once.")] = 16,
    queue: Annotated[int, typer.Option(min=1, help="Rows that may wait; beyond them 429.")] = 64,
    max_n: Annotated[int, typer.Option(min=1, help="Choices of one request.")] = 8,
    max_body: Annotated[int, typer.Option(min=1024, help="Bytes of a body.")] = 4 * 2**20,
    max_prompt: Annotated[int, typer.Option(min=1, help="Characters of a prompt.")] = 2**20,
    timeout: Annotated[float, typer.Option(min=1, help="Seconds that one reply may take.")] = 600.0,
    grace: Annotated[float, typer.Option(min=0, help="Seconds to finish in, after SIGTERM.")] = 30.0,
    context_len: Annotated[int | None, typer.Option(min=16, help="Default: what the model was made for.")] = None,
    device: Annotated[str, typer.Option(help="cpu, cuda, auto.")] = "cpu",
    dtype: Annotated[str, typer.Option(help="float32, bfloat16, float16.")] = "float32",
) -> None:
    """Serve /v1/chat/completions and /v1/completions with exact thinking budgets: maximum, minimum, "Wait"."""
    http = _server()
    from s1kit.cli.console import say
    from s1kit.cli.prepared import opened, tried
    from s1kit.config import validate
    from s1kit.engines.settings import EngineConfig
    from s1kit.formats import load_format

    waiting, hosts = max(queue, max_n), tuple(allow_host or ())
    process = http.Process(host, port, http.key_from(api_key_env), public, grace, waiting=waiting, hosts=hosts)
    http.refuse_public(process)
    efforts = _efforts(effort)
    spec = load_format(format_name)
    sock = http.listen(host, port)  # before the model: a port that is taken should not cost its loading
    with sock:
        values = {
            "kind": engine or ("completions" if url else "hf"), "slots": slots, "context_len": context_len,
            "dtype": dtype, "device": device, "url": url, "profile": profile, "served": served,
            "tokenizer": tokenizer, "api_key_env": url_key_env,
        }  # fmt: skip
        running, loaded = opened(validate(EngineConfig, values, "the command line"), model)
        try:
            rules = http.Rules(
                thinking=not spec.plain,
                max_thinking=max_thinking,
                max_answer=max_answer,
                temperature=temperature,
                efforts=efforts,
                most_choices=max_n,
            )
            limits = http.Limits(body_bytes=max_body, prompt_characters=max_prompt, seconds=timeout)
            resolved = spec.resolve(loaded)
            findings = tried(running, resolved)[1] if check else ()
            called = name or model.rstrip("/").rpartition("/")[2]
            service = http.build_service(running, resolved, called, rules, limits, process, findings)
        except BaseException:
            running.close()
            raise
        where = f"[{host}]" if ":" in host else host
        say(f"serving {called} on http://{where}:{sock.getsockname()[1]}/v1 (Ctrl-C ends it)")
        http.run(service, process, sock)


def _server() -> ModuleType:
    """The server's module; without its packages, what to install."""
    try:
        from s1kit.serve import server
    except ImportError as error:
        from s1kit.cli.console import fail

        fail(f"s1 serve needs fastapi and uvicorn ({error})\nhint: pip install 's1kit[serve]'")
    return server


def _efforts(given: list[str] | None) -> dict[str, int]:
    """The map of reasoning_effort: the default one, with the levels that were given."""
    from s1kit.cli.console import fail
    from s1kit.serve.fields import EFFORTS, UNLIMITED

    efforts = dict(EFFORTS)
    for item in given or ():
        name, _, value = item.partition("=")
        if not name or not value.lstrip("-").isdecimal() or int(value) < UNLIMITED:
            fail(f"--effort {item!r} is not name=tokens\nhint: for example --effort low=256; -1 is unlimited")
        efforts[name] = int(value)
    return efforts
