"""Every adapter against a plain computation, written from the models' cards: one text, no batch, no shared code."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from safetensors.torch import load_file, save_file  # noqa: E402
from tokenizers import Tokenizer as Backend  # noqa: E402
from transformers import (  # noqa: E402
    LlamaForCausalLM,
    MistralForCausalLM,
    Qwen2ForCausalLM,
    Qwen2ForTokenClassification,
)

import tiny_rewards  # noqa: E402
from s1kit.search.reward import RewardError, Scorer, score_outcomes  # noqa: E402
from s1kit.search.reward_model import FAMILIES, LayoutName, RewardModel  # noqa: E402

QUESTION = "What is 2 + 3 - 1?"
STEPS = ("Two and three\nare five.", "One less: 4.", "So it is 4.")
OTHERS = (("How many?", ("7",)), (QUESTION, STEPS), ("What is 1 + 1?", ("Two. " * 12, "Wait", "So 2.")))
LAYOUTS = sorted(FAMILIES)
SYSTEM = "Please reason step by step, and put your final answer within \\boxed{}."


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    torch.set_num_threads(1)
    root = tmp_path_factory.mktemp("rewards")
    return {name: tiny_rewards.BUILD[name](root / name) for name in LAYOUTS}


@pytest.fixture(scope="module")
def models(folders: dict[str, Path]) -> dict[str, RewardModel]:
    return {name: RewardModel.load(folders[name], name, device="cpu") for name in LAYOUTS}


def coded(folder: Path, text: str, special: bool = False) -> list[int]:
    return list(Backend.from_file(str(folder / "tokenizer.json")).encode(text, add_special_tokens=special).ids)


def plain_two_layers(folder: Path, question: str, steps: tuple[str, ...], system: str) -> list[float]:
    text = f"{system}<|im_start|>user\n{question}<|im_end|>\n<|im_start|>assistant\n" + "<extra_0>".join(steps)
    ids = coded(folder, text + "<extra_0><|im_end|>\n")
    mark = coded(folder, "<extra_0>")[0]
    state = load_file(folder / "model-00001-of-00002.safetensors")
    head = load_file(folder / "model-00002-of-00002.safetensors")
    net = Qwen2ForCausalLM(Qwen2ForCausalLM.config_class.from_pretrained(folder)).eval()
    net.load_state_dict(state)
    hidden = net.model(torch.tensor([ids])).last_hidden_state[0]
    found = []
    for place in [n for n, i in enumerate(ids) if i == mark]:
        inner = (head["score.0.weight"] @ hidden[place] + head["score.0.bias"]).clamp(min=0)
        wrong, right = (head["score.2.weight"] @ inner + head["score.2.bias"]).tolist()
        found.append(math.exp(right) / (math.exp(wrong) + math.exp(right)))
    return found


def plain_qwen(folder: Path, question: str, steps: tuple[str, ...]) -> list[float]:
    return plain_two_layers(folder, question, steps, f"<|im_start|>system\n{SYSTEM}<|im_end|>\n")


def plain_reasonflux(folder: Path, question: str, steps: tuple[str, ...]) -> list[float]:
    return plain_two_layers(folder, question, steps, "")


def plain_shepherd(folder: Path, question: str, steps: tuple[str, ...]) -> list[float]:
    ids = coded(folder, question + " " + "\n".join(f"{step} ки" for step in steps), special=True)
    assert ids[0] == coded(folder, "<s>")[-1]
    names = Backend.from_file(str(folder / "tokenizer.json")).get_vocab()
    logits = MistralForCausalLM.from_pretrained(folder).eval()(torch.tensor([ids])).logits[0]
    plus, minus = names["▁+"], names["▁-"]
    at = [row for row, i in zip(logits, ids, strict=True) if i == names["▁ки"]]
    return [1 / (1 + math.exp(float(row[minus] - row[plus]))) for row in at]


def plain_skywork(folder: Path, question: str, steps: tuple[str, ...]) -> list[float]:
    newline = coded(folder, "\n")[-1]
    ids = coded(folder, "<|endoftext|>" + question + "\n")
    ends = []
    for step in steps:
        ids += [*coded(folder, step), newline]
        ends.append(len(ids) - 1)
    state = load_file(folder / "model.safetensors")
    net = Qwen2ForCausalLM(Qwen2ForCausalLM.config_class.from_pretrained(folder)).eval()
    net.load_state_dict({key: value for key, value in state.items() if not key.startswith("v_head.")})
    hidden = net.model(torch.tensor([ids])).last_hidden_state[0]
    weight, bias = state["v_head.summary.weight"][0], state["v_head.summary.bias"][0]
    return [1 / (1 + math.exp(-float(hidden[end] @ weight + bias))) for end in ends]


def plain_rlhflow(folder: Path, question: str, steps: tuple[str, ...]) -> list[float]:
    net = LlamaForCausalLM.from_pretrained(folder).eval()
    plus, minus = coded(folder, "+")[0], coded(folder, "-")[0]
    text, found = "<|begin_of_text|>", []
    for number, step in enumerate(steps):
        said = f"{question} {step}" if number == 0 else step
        for role, words in (("user", said), ("assistant", "+")):
            text += f"<|start_header_id|>{role}<|end_header_id|>\n\n{words.strip()}<|eot_id|>"
        logits = net(torch.tensor([coded(folder, text)])).logits[0, -3]
        found.append(1 / (1 + math.exp(float(logits[minus] - logits[plus]))))
    return found


def plain_trl(folder: Path, question: str, steps: tuple[str, ...]) -> list[float]:
    ids, ends = coded(folder, question), []
    for step in steps:
        ids += coded(folder, step) + coded(folder, "\n")
        ends.append(len(ids) - 1)
    logits = Qwen2ForTokenClassification.from_pretrained(folder).eval()(torch.tensor([ids])).logits[0]
    return [1 / (1 + math.exp(float(logits[end][0] - logits[end][1]))) for end in ends]


PLAIN: dict[str, Callable[[Path, str, tuple[str, ...]], list[float]]] = {
    "qwen": plain_qwen,
    "reasonflux": plain_reasonflux,
    "shepherd": plain_shepherd,
    "skywork": plain_skywork,
    "rlhflow": plain_rlhflow,
    "trl": plain_trl,
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_an_adapter_says_what_a_plain_computation_says(
    name: str, folders: dict[str, Path], models: dict[str, RewardModel]
) -> None:
    found = models[name].score(QUESTION, STEPS)
    with torch.no_grad():
        expected = PLAIN[name](folders[name], QUESTION, STEPS)
    assert found == pytest.approx(expected, abs=1e-5)
    assert len(found) == 3
    assert max(found) - min(found) > 1e-3, "scores that hardly differ would not show a wrong place"


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_batch_says_what_each_alone_says(
    name: LayoutName, folders: dict[str, Path], models: dict[str, RewardModel]
) -> None:
    items = [*OTHERS, ("Nothing yet.", ())]
    alone = [models[name].score(*item) for item in items]
    together = models[name].score_batch(items)
    by_two = RewardModel.load(folders[name], name, device="cpu", batch_tokens=300).score_batch(items)
    assert [len(scores) for scores in together] == [1, 3, 3, 0]
    for one, some, all_ in zip(alone, by_two, together, strict=True):
        assert all_ == pytest.approx(one, abs=1e-5)
        assert some == pytest.approx(one, abs=1e-5)


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_step_is_scored_without_what_follows(name: str, models: dict[str, RewardModel]) -> None:
    whole = models[name].score(QUESTION, STEPS)
    for known in (1, 2):
        assert models[name].score(QUESTION, STEPS[:known]) == pytest.approx(whole[:known], abs=1e-5)


@pytest.mark.parametrize(
    ("name", "mark"), [("qwen", "<extra_0>"), ("shepherd", "a ки b"), ("skywork", "\n"), ("trl", "\n\n")]
)
def test_a_mark_inside_a_step_shifts_no_score(name: str, mark: str, models: dict[str, RewardModel]) -> None:
    steps = (f"one{mark}two", "three", "four")
    whole = models[name].score(QUESTION, steps)
    assert len(whole) == 3
    assert models[name].score(QUESTION, steps[:1]) == pytest.approx(whole[:1], abs=1e-5)


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_long_solution_is_windowed_and_said_so(name: LayoutName, folders: dict[str, Path]) -> None:
    steps = tuple(f"step {number} gives {number * 7}" for number in range(12))
    free = RewardModel.load(folders[name], name, device="cpu")
    whole = free.score(QUESTION, steps)
    tight = RewardModel.load(folders[name], name, device="cpu", max_tokens=free.spent.tokens * 3 // 4)
    cut = tight.score(QUESTION, steps)
    assert (free.spent.windowed, tight.spent.windowed) == (0, 1)
    assert tight.spent.tokens > free.spent.tokens
    seen = [number for number, (a, b) in enumerate(zip(whole, cut, strict=True)) if a == pytest.approx(b, abs=1e-5)]
    reach = next(n for n in range(12) if n not in seen)
    assert seen[:reach] == list(range(reach))
    assert reach >= 1
    # the first step behind the first window is scored with the question and some of the steps before it, no others
    shown = [free.score(QUESTION, steps[start : reach + 1])[-1] for start in range(1, reach + 1)]
    assert any(cut[reach] == pytest.approx(value, abs=1e-5) for value in shown)


def test_a_step_longer_than_a_pass_is_refused_by_name(folders: dict[str, Path]) -> None:
    model = RewardModel.load(folders["trl"], "trl", device="cpu", max_tokens=64)
    with pytest.raises(RewardError, match=r"step 2 of 2 .*question 'What is 2.*max_tokens=64"):
        model.score(QUESTION, ("short", "x" * 200))


def test_costs_are_the_tokens_read_without_padding(folders: dict[str, Path]) -> None:
    model: Scorer = RewardModel.load(folders["trl"], "trl", device="cpu")
    before = model.spent
    model.score_batch(OTHERS)
    read = sum(len(q.encode()) + sum(len(s.encode()) + 1 for s in steps) for q, steps in OTHERS)
    merged = 3  # "Wait" is one token of this tokenizer
    assert (model.spent - before).tokens == read - merged
    assert (model.spent.solutions, model.spent.steps) == (3, 7)
    assert model.spent.seconds > 0
    assert model.info.kind == "process"


def test_an_outcome_is_the_score_of_the_whole(models: dict[str, RewardModel]) -> None:
    model = models["qwen"]
    assert score_outcomes(model, [(QUESTION, STEPS)]) == [model.score(QUESTION, ["\n\n".join(STEPS)])[0]]


def test_half_precision_runs_and_is_said(folders: dict[str, Path], models: dict[str, RewardModel]) -> None:
    half = RewardModel.load(folders["qwen"], "qwen", device="cpu", dtype="bfloat16")
    found, exact = half.score(QUESTION, STEPS), models["qwen"].score(QUESTION, STEPS)
    assert half.info.dtype == "bfloat16"
    assert found == pytest.approx(exact, abs=0.2)
    assert found != exact


def test_nan_is_an_error_that_names_question_and_step(tmp_path: Path) -> None:
    folder = tiny_rewards.skywork(tmp_path / "sick")
    state = load_file(folder / "model.safetensors")
    state["v_head.summary.bias"][0] = float("nan")
    save_file(state, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(RewardError, match=r"score nan at step 1 of 3 \('Two and three.*question 'What is 2"):
        RewardModel.load(folder, "skywork", device="cpu").score(QUESTION, STEPS)


@pytest.mark.parametrize(
    ("built", "asked", "says"),
    [
        ("trl", "qwen", "has no token '<extra_0>'"),
        ("skywork", "trl", r"lacks 2 of the weights .* the first is score\.bias"),
        ("rlhflow", "shepherd", "not the one the reward model was trained with"),
        ("trl", "skywork", "names no bos_token"),
        ("rlhflow", "skywork", "does not hold the head of this layout"),
        ("qwen", "rlhflow", "weights that this layout does not use"),
        ("qwen", "nonsense", "one of qwen, reasonflux"),
    ],
)
def test_another_layout_is_refused(built: str, asked: LayoutName, says: str, folders: dict[str, Path]) -> None:
    with pytest.raises(RewardError, match=says):
        RewardModel.load(folders[built], asked, device="cpu")


def test_another_tokenizer_is_refused(tmp_path: Path, folders: dict[str, Path]) -> None:
    without = tiny_rewards.qwen(tmp_path / "without", mark=False)
    with pytest.raises(RewardError, match="not the one the reward model was trained with"):
        RewardModel.load(without, "qwen", device="cpu")
    larger = tiny_rewards.trl(tmp_path / "larger")
    made = Backend.from_file(str(larger / "tokenizer.json"))
    made.add_tokens([f"<more_{number}>" for number in range(3)])
    made.save(str(larger / "tokenizer.json"))
    with pytest.raises(RewardError, match=r"the tokenizer has .* ids, the model"):
        RewardModel.load(larger, "trl", device="cpu")


def test_weights_that_are_not_there_are_not_made_up(tmp_path: Path) -> None:
    folder = tiny_rewards.skywork(tmp_path / "holed")
    state = load_file(folder / "model.safetensors")
    del state["model.layers.1.mlp.up_proj.weight"]
    save_file(state, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(RewardError, match=r"lacks 1 of the weights.*up_proj"):
        RewardModel.load(folder, "skywork", device="cpu")
    three = tiny_rewards.trl(tmp_path / "three", classes=3)
    with pytest.raises(RewardError, match="3 classes"):
        RewardModel.load(three, "trl", device="cpu")


def test_settings_that_cannot_be_met_are_refused(folders: dict[str, Path]) -> None:
    for setting, says in (
        ({"dtype": "int3"}, "unknown dtype"),
        ({"device": "abacus"}, "device 'abacus'"),
        ({"max_tokens": 4096}, "was made for 1024 positions"),
        ({"max_tokens": 1}, "at least 2"),
    ):
        with pytest.raises(RewardError, match=says):
            RewardModel.load(folders["trl"], "trl", **{"device": "cpu", **setting})


def test_the_config_may_name_code_that_is_never_run(folders: dict[str, Path]) -> None:
    named = json.loads((folders["qwen"] / "config.json").read_text())["auto_map"]["AutoModel"]
    assert named.startswith("modeling_that_is_not_there")
    assert not list(folders["qwen"].glob("*.py"))
    RewardModel.load(folders["qwen"], "qwen", device="cpu")
