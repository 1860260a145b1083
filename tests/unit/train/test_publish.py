"""A published folder: loads as it was, decodes greedily, has a card that no name breaks, goes up only as asked."""

from __future__ import annotations

import base64
import json
import shlex
import shutil
import socket
import struct
import textwrap
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import torch
import typer
import yaml
from hypothesis import given
from hypothesis import strategies as st
from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig

from s1kit.cli.main import app
from s1kit.errors import UserError
from s1kit.formats import BUILT_IN
from s1kit.nano.shipped import resolve_model
from s1kit.train.model_card import Metric, ModelCardFacts, TrainedOn, loss_summary, render_model_card
from s1kit.train.publish import PublishError, check, publish, published_files, push

NANO = Path(resolve_model("nano"))
HOSTILE = [
    "a | b\n# New heading\n---\nlicense: mit",
    "<script>alert(1)</script>",
    "[x](javascript:alert(1))",
    "'; rm -rf ~ #",
    '"); import os; os.system("x"); ("',
    "\u202egnp.exe\u200b\x00\x1b[2J",
    "\ud800half",
    "{{ 7 * 7 }}{% raw %}",
    "`" * 5 + "\\",
    "x" * 100_000,
    "",
]


def facts(**changes: Any) -> ModelCardFacts:
    data = TrainedOn(name="s1k", rows=1000, tokens=119_300, trained_tokens=98_000, sha256="ab" * 32, longest=1912)
    plain: dict[str, Any] = {
        "name": "nano-s1", "base": "Qwen/Qwen2.5-32B-Instruct", "licence": "Apache-2.0", "command": "s1 train x.yaml",
        "s1kit_version": "0.1.0", "format": "s1", "data": data,
        "recipe": {"epochs": 5.0, "learning_rate": 1e-05, "peft": None}, "losses": ((10, 2.1827), (310, 0.1118)),
        "metrics": (Metric(name="AIME24", value=50.0, low=33.3, high=66.7, questions=30, condition="Wait x2"),),
    }  # fmt: skip
    return ModelCardFacts(**(plain | changes))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(NANO, tmp_path / "model"))


def logits(folder: Path) -> torch.Tensor:
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    ids = AutoTokenizer.from_pretrained(folder).apply_chat_template(
        [{"role": "user", "content": "What is 2 + 3?"}], add_generation_prompt=True, return_tensors="pt"
    )
    with torch.inference_mode():
        return model(**ids).logits if not torch.is_tensor(ids) else model(input_ids=ids).logits


@pytest.mark.filterwarnings("ignore")
def test_the_model_is_the_same_before_and_after(folder: Path) -> None:
    before = logits(folder)
    done = publish(folder, facts())
    assert torch.equal(logits(folder), before)
    assert done.weight_bytes == (NANO / "model.safetensors").stat().st_size
    for name in ("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"):
        assert (folder / name).read_bytes() == (NANO / name).read_bytes()


@pytest.mark.filterwarnings("ignore")
def test_generation_is_greedy_and_ends_at_the_turn_end(folder: Path) -> None:
    old = {"temperature": 0.7, "top_p": 0.8, "repetition_penalty": 1.05, "do_sample": True, "eos_token_id": 0}
    (folder / "generation_config.json").write_text(json.dumps(old))
    done = publish(folder, facts())
    assert done.dropped == {"temperature": 0.7, "top_p": 0.8, "repetition_penalty": 1.05}
    config = GenerationConfig.from_pretrained(folder)
    config.validate(strict=True)
    assert (config.do_sample, config.eos_token_id, config.pad_token_id) == (False, [1179, 1177], 1177)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    text = tokenizer.apply_chat_template(
        [{"role": "user", "content": "What is 2 + 3?"}], add_generation_prompt=True, tokenize=False
    )
    ids = tokenizer(text, return_tensors="pt")
    outputs = [model.generate(**ids, max_new_tokens=400) for _ in range(2)]
    assert torch.equal(*outputs)
    assert int(outputs[0][0, -1]) in (1179, 1177)
    assert outputs[0].shape[1] < ids["input_ids"].shape[1] + 400


def front_and_body(card: str) -> tuple[dict[str, Any], str]:
    _, front, body = card.split("---\n", 2)
    return yaml.safe_load(front), body


def skeleton(body: str) -> list[str]:
    """What Markdown makes of a card: headings, the number of cells of each table row, code or text."""
    lines = []
    for line in body.split("\n"):
        if line.startswith("    "):
            lines.append("code")
        elif line.startswith("|"):
            lines.append(f"row of {line.replace(chr(92) * 2, '').replace(chr(92) + '|', '').count('|')}")
        else:
            lines.append("#" * (len(line) - len(line.lstrip("#"))) or ("text" if line else ""))
    return lines


def test_the_card_says_what_it_was_told() -> None:
    told = facts(repo_id="me/nano-s1", command="s1 train x.yaml | tee [log]")
    front, body = front_and_body(render_model_card(told, BUILT_IN["s1"]))
    assert front == {
        "license": "apache-2.0", "base_model": "Qwen/Qwen2.5-32B-Instruct", "base_model_relation": "finetune",
        "library_name": "transformers", "pipeline_tag": "text-generation",
        "tags": ["reasoning", "test-time-scaling", "budget-forcing", "s1kit"],
    }  # fmt: skip
    for line in (
        "    s1 train x.yaml | tee [log]",
        "| rows | 1,000 |",
        "| tokens in one epoch | 119,300 |",
        "| longest row, tokens | 1,912 |",
        f"| SHA-256 | {'ab' * 32} |",
        "| learning_rate | 1e-05 |",
        "| peft | none |",
        "| step | 10 | 310 |",
        "| loss | 2.1827 | 0.1118 |",
        "| AIME24 | Wait x2 | 50 % | 33.3 to 66.7 (95%) | 30 | - |",
        "    vllm serve me/nano-s1",
        '    name = "me/nano-s1"',
        '    opens thinking    "<|im_start|>think\\n"',
    ):
        assert line in body.split("\n"), line
    assert "{" + "{" not in body


def commands(card: str, start: str) -> list[str]:
    """The lines of the card's code that begin like this."""
    return [line.strip() for line in card.split("\n") if line.startswith("    ") and line.strip().startswith(start)]


@pytest.mark.filterwarnings("ignore")
def test_what_the_card_says_to_run_runs(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    publish(folder, facts())
    card = (folder / "README.md").read_text()
    block = card.partition("With transformers:\n\n")[2].partition("\n\n")[0]
    code = textwrap.dedent(block).replace("path/to/this/folder", str(folder))
    exec(compile(code, "card", "exec"), {})
    assert "<|im_start|>think" in capsys.readouterr().out
    (line,) = commands(card, "s1 ask")
    ask = typer.main.get_command(app).commands["ask"]  # type: ignore[attr-defined]
    asked = ask.make_context("ask", shlex.split(line)[2:]).params
    assert (asked["model"], asked["format_name"], asked["wait"]) == ("path/to/this/folder", "s1", 2)


def test_a_licence_that_the_hub_does_not_know_is_other() -> None:
    front, body = front_and_body(render_model_card(facts(licence="Tongyi Qianwen LICENSE!"), BUILT_IN["s1"]))
    assert (front["license"], front["license_name"]) == ("other", "tongyi-qianwen-license")
    assert "Tongyi Qianwen LICENSE!" in body


def test_what_is_not_known_is_said() -> None:
    empty = facts(licence=None, metrics=(), losses=(), base="../weights/base", repo_id=None)
    front, body = front_and_body(render_model_card(empty, BUILT_IN["s1"]))
    assert front["license"] == "other"
    assert front["license_name"] == "unknown"
    assert "base_model" not in front
    assert "**No licence is known.**" in body
    assert "**Nothing was measured.**" in body
    assert "Contamination: not recorded" in body
    assert "path/to/this/folder" in body
    bare = facts(metrics=(Metric(name="AIME24", value=12.345),))
    assert "| AIME24 | - | 12.35 % | not computed | - | - |" in render_model_card(bare, BUILT_IN["s1"])


@pytest.mark.parametrize("text", HOSTILE)
def test_no_name_changes_the_shape_of_the_card(text: str) -> None:
    def card(word: str) -> str:
        data = TrainedOn(name=word, hub_id=word, licence=word or None, rows=1, tokens=1, sha256=word)
        metric = Metric(name=word, value=1.0, unit=word, condition=word)
        written = facts(
            name=word, repo_id=word, base=word, licence=word or None, command=word, s1kit_version=word, tokenizer="t",
            data=data, recipe={"setting": word}, hardware=word or None, seconds=60.0, versions={"torch": word},
            metrics=(metric,), contamination=word or None, limits=(word,),
        )  # fmt: skip
        return render_model_card(written, BUILT_IN["s1"])

    benign = "word" if text else ""
    front, body = front_and_body(card(text))
    plain_front, plain_body = front_and_body(card(benign))
    assert set(front) == set(plain_front)
    assert front["license"] == "other"
    assert skeleton(body) == skeleton(plain_body)
    body.encode()
    assert not any(sign in body for sign in ("\x00", "\x1b", "\u202e", "\u200b"))
    assert "path/to/this/folder" in body  # a name that is no hub id is never put into a command
    assert len(body) < 20_000 + 2 * len(text)  # the command alone is shown whole


@given(st.text(max_size=60))
def test_any_name_keeps_the_front_matter_whole(text: str) -> None:
    front, body = front_and_body(render_model_card(facts(name=text, licence=text, base=text), BUILT_IN["s1"]))
    assert front["library_name"] == "transformers"
    assert [line for line in body.split("\n") if line.startswith("## ")] == [
        "## Data", "## Recipe", "## Results", "## Run it", "## Limits", "## Licence"
    ]  # fmt: skip


@given(st.integers(0, 400))
def test_a_loss_curve_keeps_its_ends(length: int) -> None:
    curve = tuple((10 * step, 1.0 / step) for step in range(1, length + 1))
    found = loss_summary(curve)
    assert len(found) == min(length, 9)
    assert list(found) == sorted(set(found))
    assert set(found) <= set(curve)
    if curve:
        assert (found[0], found[-1]) == (curve[0], curve[-1])


def write_index(folder: Path, **changes: str) -> None:
    header = (folder / "model.safetensors").read_bytes()
    length = struct.unpack("<Q", header[:8])[0]
    names = [name for name in json.loads(header[8 : 8 + length]) if name != "__metadata__"]
    (folder / "model.safetensors").rename(folder / "model-00001-of-00001.safetensors")
    places = dict.fromkeys(names, "model-00001-of-00001.safetensors") | changes
    (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": places}))


@pytest.mark.filterwarnings("ignore")
def test_sharded_weights_are_followed_by_their_index(folder: Path) -> None:
    write_index(folder)
    done = publish(folder, facts())
    assert {"model-00001-of-00001.safetensors", "model.safetensors.index.json"} <= set(done.files)
    AutoModelForCausalLM.from_pretrained(folder)


def cut(folder: Path, name: str, keep: int) -> None:
    (folder / name).write_bytes((folder / name).read_bytes()[:keep])


def edit(folder: Path, name: str, **changes: Any) -> None:
    found = json.loads((folder / name).read_text()) | changes
    (folder / name).write_text(json.dumps({key: value for key, value in found.items() if value is not None}))


BROKEN: dict[str, tuple[Any, str]] = {
    "no config": (lambda f: (f / "config.json").unlink(), "no config.json"),
    "config is no JSON": (lambda f: (f / "config.json").write_text("{"), "cannot read"),
    "config is a list": (lambda f: (f / "config.json").write_text("[]"), "no JSON object"),
    "no architecture": (lambda f: edit(f, "config.json", architectures=None), "names no architecture"),
    "remote code": (lambda f: edit(f, "config.json", auto_map={"AutoModel": "x.Y"}), "remote code"),
    "no weights": (lambda f: (f / "model.safetensors").unlink(), "no model.safetensors"),
    "weights cut": (lambda f: cut(f, "model.safetensors", 4_000_000), "4000000 bytes"),
    "weights empty": (lambda f: cut(f, "model.safetensors", 0), "no safetensors file"),
    "weights are a pickle": (lambda f: (f / "model.safetensors").write_bytes(b"\x80\x04" * 99), "no safetensors file"),
    "index names another tensor": (lambda f: write_index(f, extra="model-00001-of-00001.safetensors"), "extra is not"),
    "index names another file": (lambda f: write_index(f, extra="gone.safetensors"), "no gone.safetensors"),
    "index leaves the folder": (lambda f: write_index(f, extra="../x.safetensors"), "no safetensors file of"),
    "no tokenizer": (lambda f: (f / "tokenizer.json").unlink(), "no tokenizer.json"),
    "no chat template": (lambda f: edit(f, "tokenizer_config.json", chat_template=None), "no chat template"),
    "too few embeddings": (lambda f: edit(f, "config.json", vocab_size=1000), "only 1000 embeddings"),
    "an adapter": (lambda f: (f / "config.json").rename(f / "adapter_config.json"), "merge it"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_what_others_could_not_load_is_refused_and_nothing_is_written(folder: Path, case: str) -> None:
    damage, said = BROKEN[case]
    damage(folder)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(UserError, match=said):
        publish(folder, facts())
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_a_format_that_the_tokenizer_cannot_express_is_refused(folder: Path) -> None:
    with pytest.raises(UserError, match="r1"):
        publish(folder, facts(format="r1"))
    assert check(folder, BUILT_IN["s1"]).turn_end_ids == (1179, 1177)


class Hub(ThreadingHTTPServer):
    """A hub on this machine: takes one commit, and remembers what it was sent."""

    def __init__(self, private: bool) -> None:
        self.private, self.asked, self.files = private, list[str](), dict[str, bytes]()
        self.created: dict[str, Any] = {}
        super().__init__(("127.0.0.1", 0), Handler)


class Handler(BaseHTTPRequestHandler):
    server: Hub

    def do_GET(self) -> None:
        self.answer({"id": "me/x", "private": self.server.private, "sha": "0" * 40, "siblings": [], "tags": []})

    def do_POST(self) -> None:
        body = (
            self.rfile.read(int(self.headers["Content-Length"])) if "Content-Length" in self.headers else self.chunks()
        )
        self.server.asked.append(self.path)
        if self.path == "/api/repos/create":
            self.server.created = json.loads(body)
            self.answer({"url": f"http://127.0.0.1:{self.server.server_port}/me/x", "name": "me/x"})
        elif "/preupload/" in self.path:
            names = [entry["path"] for entry in json.loads(body)["files"]]
            self.answer({"files": [{"path": n, "uploadMode": "regular", "shouldIgnore": False} for n in names]})
        elif "/commit/" in self.path:
            for line in body.decode().split("\n"):
                if line and (entry := json.loads(line))["key"] == "file":
                    self.server.files[entry["value"]["path"]] = base64.b64decode(entry["value"]["content"])
            at = f"http://127.0.0.1:{self.server.server_port}/me/x/commit/1"
            self.answer({"success": True, "commitUrl": at, "commitOid": "1" * 40, "hookOutput": ""})
        else:
            self.answer({})

    def chunks(self) -> bytes:
        found = b""
        while size := int(self.rfile.readline(), 16):
            found += self.rfile.read(size)
            self.rfile.readline()
        return found

    def answer(self, value: Any) -> None:
        text = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_: Any) -> None:
        return


def online(monkeypatch: pytest.MonkeyPatch) -> None:
    """As for somebody who is logged in and whom nothing keeps from the network, whatever these tests run under."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_XET", True)
    monkeypatch.setenv("HF_TOKEN", "hf_not_a_real_token")


@pytest.fixture
def hub(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    online(monkeypatch)
    with Hub(private=getattr(request, "param", True)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def test_only_what_loading_needs_goes_up(folder: Path, hub: Hub) -> None:
    publish(folder, facts())
    (folder / "optimizer.pt").write_bytes(b"secret state")
    (folder / "checkpoint-10").mkdir()
    (folder / "checkpoint-10" / "config.json").write_text("{}")
    address = push(folder, "me/x", endpoint=f"http://127.0.0.1:{hub.server_port}")
    assert address.endswith("/me/x")
    assert hub.created.get("private") is True or hub.created["visibility"] == "private"
    assert set(hub.files) == set(published_files(folder))
    assert not {"optimizer.pt", "manifest.json", "checkpoint-10/config.json"} & set(hub.files)
    assert all(content == (folder / name).read_bytes() for name, content in hub.files.items())


@pytest.mark.parametrize("hub", [False], indirect=True)
def test_a_private_model_does_not_go_to_a_public_repository(folder: Path, hub: Hub) -> None:
    publish(folder, facts())
    with pytest.raises(PublishError, match="exists and is public; nothing was uploaded"):
        push(folder, "me/x", endpoint=f"http://127.0.0.1:{hub.server_port}")
    assert hub.files == {}


def test_nobody_is_logged_in(folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    publish(folder, facts())
    monkeypatch.delenv("HF_TOKEN", raising=False)
    monkeypatch.setattr("huggingface_hub.constants.HF_TOKEN_PATH", str(tmp_path / "none"))
    with pytest.raises(PublishError, match="not logged in"):
        push(folder, "me/x")


def test_a_hub_that_does_not_answer_is_an_error_with_its_name(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    publish(folder, facts())
    online(monkeypatch)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(PublishError, match="the hub does not take me/x"):
        push(folder, "me/x", endpoint=f"http://127.0.0.1:{port}")
    with pytest.raises(PublishError, match="the hub does not take a/b/c"):
        push(folder, "a/b/c", endpoint=f"http://127.0.0.1:{port}")


def test_an_unpublished_folder_does_not_go_up(folder: Path) -> None:
    with pytest.raises(PublishError, match="not published yet"):
        push(folder, "me/x")
