"""The hf engine beyond the contract: against ``model.generate``, KV re-use, memory, odd numbers."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from safetensors.torch import load_file, save_file  # noqa: E402
from transformers import AutoModelForCausalLM, AutoTokenizer  # noqa: E402

from contract.suite import one, prompt, run, tokens  # noqa: E402
from s1kit.engines.base import EngineError, Request  # noqa: E402
from s1kit.engines.hf import HFEngine, out_of_memory  # noqa: E402
from s1kit.policies import Sampling  # noqa: E402


@pytest.fixture
def engine(tiny_model: Path) -> Iterator[HFEngine]:
    made = HFEngine(tiny_model, slots=4)
    yield made
    made.close()


def test_greedy_equals_generate(tiny_model: Path) -> None:
    rng = random.Random(1)
    requests = [Request(f"r{i}", prompt(i, rng.randrange(1, 90)), rng.randrange(5, 80)) for i in range(20)]
    got = run(HFEngine(tiny_model, slots=8), requests)
    model = AutoModelForCausalLM.from_pretrained(tiny_model, dtype=torch.float32)
    for r in requests:
        ids = torch.tensor([r.prompt_ids])
        out = model.generate(
            ids, attention_mask=torch.ones_like(ids), max_new_tokens=r.max_tokens, do_sample=False, pad_token_id=0
        )
        assert got[r.id].tokens == tuple(out[0, len(r.prompt_ids) :].tolist())


def test_info_says_what_it_is(tiny_model: Path, engine: HFEngine) -> None:
    assert (engine.info.name, engine.info.context_len, engine.info.slots) == ("hf", 256, 4)
    assert engine.info.vocab_size == engine.tokenizer.vocab_size + 16
    assert engine.info.tokenizer_hash == engine.tokenizer.hash
    assert (engine.info.crn, engine.info.exact, engine.info.dtype, engine.info.device) == (True, True, "float32", "cpu")


def test_tiny_tokenizer_is_a_genuine_qwen2_one(tiny_model: Path, engine: HFEngine) -> None:
    text = "<|im_start|>user\nHow many  r in\tstrawberry?\n\n 12 ü<|im_end|>"
    assert tuple(AutoTokenizer.from_pretrained(tiny_model)(text)["input_ids"]) == engine.tokenizer.encode(text)
    assert engine.tokenizer.decode(engine.tokenizer.encode(text)) == text


# -- prompt tokens that are run again


def test_continuation_after_a_cut_runs_the_last_token_and_the_forced_ones(engine: HFEngine) -> None:
    first = one(engine, Request("a", prompt(1), 20))
    assert first.prefilled == 12
    forced = (5, 6, 7)
    second = one(engine, Request("b", prompt(1) + first.tokens + forced, 20, continues="a"))
    assert second.prefilled == len(forced) + 1


def test_continuation_after_a_stop_runs_the_forced_tokens_alone(engine: HFEngine) -> None:
    free = one(engine, Request("free", prompt(1), 30)).tokens
    stop = next(t for i, t in enumerate(free) if i > 4 and t not in free[:i])
    first = one(engine, Request("a", prompt(1), 30, stop_ids=(stop,)))
    forced = (5, 6, 7)
    second = one(engine, Request("b", prompt(1) + first.tokens + forced, 20, continues="a"))
    assert second.prefilled == len(forced)
    # an empty nudge forces nothing; the last token is run again, for the numbers behind it
    third = one(engine, Request("c", prompt(1) + first.tokens, 20, continues="a"))
    assert third.prefilled == 1


@pytest.mark.parametrize("slots", [1, 3, 8])
def test_a_full_engine_prefills_each_continuation_once(tiny_model: Path, slots: int) -> None:
    """Twelve rows of four rounds: whatever waits, a continuation finds its parent."""
    engine = HFEngine(tiny_model, slots=slots)
    context = {i: prompt(i, 10 + i) for i in range(12)}
    rounds = dict.fromkeys(context, 0)
    for i, ids in context.items():
        engine.submit(Request(f"{i}/0", ids, 7))
    while chunks := engine.collect():
        for chunk in chunks:
            i, r = map(int, chunk.request_id.split("/"))
            assert chunk.prefilled == (10 + i if r == 0 else 3)
            context[i] += (*chunk.tokens, 1, 2)
            rounds[i] += 1
            if r < 3:
                engine.submit(Request(f"{i}/{r + 1}", context[i], 7, continues=f"{i}/{r}"))
    assert set(rounds.values()) == {4}


def test_forks_of_one_trace_copy_its_prefix(tiny_model: Path) -> None:
    """Answers at several cuts of one finished trace, as a sweep asks for them: none runs the trace again."""
    engine = HFEngine(tiny_model, slots=4, spare=1)
    trace = one(engine, Request("trace", prompt(1), 100)).tokens
    cuts = [10, 90, 30, 50, 70, 20, 99]
    forks = [Request(f"cut{n}", prompt(1) + trace[:n] + (7, 8), 6, continues="trace") for n in cuts]
    got = run(engine, forks)
    assert [got[r.id].prefilled for r in forks] == [2] * len(cuts)
    alone = run(HFEngine(tiny_model, slots=1), [Request(r.id, r.prompt_ids, 6) for r in forks])
    assert tokens(got) == tokens(alone)


def test_a_prefix_is_shared_with_a_row_that_is_still_running(engine: HFEngine) -> None:
    engine.submit(Request("a", prompt(1, 40), 60, stream=True))
    engine.collect()
    engine.submit(Request("b", (*prompt(1, 40), 3, 4), 5))
    got = {}
    while chunks := engine.collect():
        got |= {chunk.request_id: chunk for chunk in chunks}
    assert got["b"].prefilled == 2


def test_long_prompts_are_run_in_pieces(tiny_model: Path) -> None:
    requests = [Request(f"r{i}", prompt(i, n), 10) for i, n in enumerate((200, 3, 150, 90, 31))]
    pieces = run(HFEngine(tiny_model, slots=4, prefill_chunk=32), requests)
    assert tokens(pieces) == tokens(run(HFEngine(tiny_model, slots=4), requests))
    assert [pieces[r.id].prefilled for r in requests] == [200, 3, 150, 90, 31]


# -- memory


def test_memory_that_ends_halves_the_slots_and_loses_nothing(
    tiny_model: Path, caplog: pytest.LogCaptureFixture
) -> None:
    requests = [
        Request(f"r{i}", prompt(i, 20 + i), 30 + 5 * i, sampling=Sampling(temperature=float(i % 2), seed=i))
        for i in range(16)
    ]
    expected = tokens(run(HFEngine(tiny_model, slots=8), requests))
    engine = HFEngine(tiny_model, slots=8, max_cache_tokens=640)
    assert tokens(run(engine, requests)) == expected
    assert engine.info.slots in (2, 4)
    assert "out of memory" in caplog.text


def test_with_one_slot_left_the_row_fails_and_the_others_finish(tiny_model: Path) -> None:
    engine = HFEngine(tiny_model, slots=4, max_cache_tokens=128)
    got = run(engine, [Request("long", prompt(1, 100), 100), *(Request(f"s{i}", prompt(i), 9) for i in range(5))])
    assert got["long"].finish == "error"
    assert "out of memory with one slot left" in str(got["long"].error)
    assert all(len(got[f"s{i}"].tokens) == 9 for i in range(5))
    assert engine.info.slots == 1


def test_streams_survive_a_recovery(tiny_model: Path) -> None:
    requests = [Request(f"r{i}", prompt(i, 30), 60, stream=True) for i in range(6)]
    expected = tokens(run(HFEngine(tiny_model, slots=6), requests))
    assert tokens(run(HFEngine(tiny_model, slots=6, max_cache_tokens=400), requests)) == expected


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:127] DefaultCPUAllocator: can't allocate memory"),
        RuntimeError("not enough memory: you tried to allocate 8 GB"),
    ],
)
def test_words_that_mean_out_of_memory(error: RuntimeError) -> None:
    assert out_of_memory(error)
    assert not out_of_memory(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))


def test_storage_grows_with_the_longest_row(tiny_model: Path) -> None:
    engine = HFEngine(tiny_model, slots=2)
    got = run(engine, [Request("short", prompt(1), 5), Request("long", prompt(2), 240)])
    alone = one(HFEngine(tiny_model, slots=1), Request("long", prompt(2), 240))
    assert got["long"].tokens == alone.tokens


# -- numbers


def test_bfloat16_runs(tiny_model: Path) -> None:
    got = run(HFEngine(tiny_model, slots=3, dtype="bfloat16"), [Request(f"r{i}", prompt(i), 20) for i in range(5)])
    assert all(len(chunk.tokens) == 20 for chunk in got.values())


def test_logprobs_are_those_of_the_model(tiny_model: Path, engine: HFEngine) -> None:
    chunk = one(engine, Request("a", prompt(1), 6, top_logprobs=3, stream=True))
    assert chunk.logprobs is not None
    assert len(chunk.logprobs) == 6
    model = AutoModelForCausalLM.from_pretrained(tiny_model, dtype=torch.float32)
    with torch.inference_mode():
        logits = model(torch.tensor([prompt(1) + chunk.tokens])).logits[0, len(prompt(1)) - 1 : -1]
    values, ids = torch.log_softmax(logits, -1).topk(3)
    for entry, v, i in zip(chunk.logprobs, values.tolist(), ids.tolist(), strict=True):
        assert [e[0] for e in entry] == i
        assert [e[1] for e in entry] == pytest.approx(v, abs=1e-4)


def test_everything_banned_is_an_error_of_that_row(engine: HFEngine) -> None:
    everything = tuple(range(engine.info.vocab_size))
    got = run(engine, [Request("none", prompt(1), 5, banned_ids=everything), Request("good", prompt(1), 5)])
    assert got["none"].finish == "error"
    assert "every token id is banned" in str(got["none"].error)
    assert len(got["good"].tokens) == 5


def test_a_row_of_nan_fails_alone_and_does_not_poison_its_slot(tiny_model: Path, tmp_path: Path) -> None:
    """One embedding is not a number: a row that reads it fails, and whoever gets the slot next does not notice."""
    broken = tmp_path / "broken"
    shutil.copytree(tiny_model, broken)
    weights = load_file(broken / "model.safetensors")
    weights["lm_head.weight"] = weights["model.embed_tokens.weight"].clone()
    weights["model.embed_tokens.weight"][9] = float("nan")
    save_file(weights, broken / "model.safetensors", metadata={"format": "pt"})
    config = (broken / "config.json").read_text()
    (broken / "config.json").write_text(config.replace('"tie_word_embeddings": true', '"tie_word_embeddings": false'))
    clean = Request("clean", (1, 2, 3), 20, banned_ids=(9,))
    expected = one(HFEngine(broken, slots=1), clean).tokens
    engine = HFEngine(broken, slots=2)
    got = run(engine, [Request("bad", (1, 2, 9) * 30, 5), clean])
    assert got["bad"].finish == "error"
    assert "not numbers" in str(got["bad"].error)
    assert got["clean"].tokens == expected
    for name in ("x", "y"):
        engine.submit(Request(name, (1, 2, 3), 20, banned_ids=(9,)))
    assert all(chunk.tokens == expected for chunk in run(engine, []).values())


def test_a_closed_engine_says_so(tiny_model: Path) -> None:
    engine = HFEngine(tiny_model, slots=1)
    engine.submit(Request("a", prompt(1), 5))
    engine.close()
    assert engine.collect() == []
    with pytest.raises(EngineError, match="closed"):
        engine.submit(Request("b", prompt(1), 5))
