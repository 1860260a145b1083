"""The real datasets library against a hub that stands on this machine, and against one that does not answer.

In a process of its own: the libraries read the hub's address when they are imported.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

import pytest

from s1kit.curate import hub
from s1kit.curate.sources import find, read_source

COMMIT = find("s1-prob").hub[0].revision
needs_datasets = pytest.mark.skipif(
    importlib.util.find_spec("datasets") is None, reason="the datasets library is not installed"
)


def lines(*rows: dict[str, Any]) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


SCIENCE = {"category": "c", "topic": None, "ability": "a", "type": "multiple-choice", "task_name": "t", "id": "1"}
FILES = {
    "simplescaling/s1-prob": {"train.jsonl": lines(*({"question": f"{i}?", "solution": "\\boxed{2}"} for i in "abc"))},
    "OpenDFM/SciEval": {
        "scieval-valid.json": json.dumps([{"question": "A. x\n\nAnswer:", "answer": ["A"], **SCIENCE}]).encode(),
        "scieval-test.json": json.dumps([{"question": "A. y\n\nAnswer:", "answer": None, **SCIENCE}]).encode(),
    },
    "simplescaling/s1-teasers": {"train.jsonl": lines({"Riddle": "what?", "Answer": "1"})},
}


class Hub(BaseHTTPRequestHandler):
    """The few addresses that the libraries ask for: a data set's facts, its tree, its files."""

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        return None

    def send(self, body: bytes, status: int = 200, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"X-Repo-Commit": str(COMMIT), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def do_GET(self) -> None:
        kind, *parts = unquote(urlparse(self.path).path).strip("/").split("/")
        name = "/".join(parts[1:3] if kind == "api" else parts[:2])
        files = FILES.get(name)
        if files is None:
            self.send(b"{}", 404, X_Error_Code="RepoNotFound")
        elif kind == "datasets":
            content = files.get("/".join(parts[4:]))
            if content is None:
                self.send(b"{}", 404, X_Error_Code="EntryNotFound")
            else:
                self.send(content, ETag=f'"{hashlib.sha1(content).hexdigest()}"')
        elif parts[3:4] == ["tree"]:
            tree = [{"type": "file", "path": n, "size": len(c), "oid": "0" * 40} for n, c in files.items()]
            self.send(json.dumps([f for f in tree if str(f["path"]).startswith("/".join(parts[5:]))]).encode())
        else:
            facts = {
                "id": name,
                "sha": COMMIT,
                "private": False,
                "gated": False,
                "downloads": 0,
                "likes": 0,
                "tags": [],
            }
            self.send(json.dumps({**facts, "siblings": [{"rfilename": n} for n in files]}).encode())

    do_HEAD = do_GET


@pytest.fixture
def address() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


CHILD = """
import json, sys
from s1kit.curate import hub
from s1kit.curate.sources import find, read_source
for key in sys.argv[1:]:
    try:
        reads = [[r.where, r.question and r.question.text, r.reason] for r in read_source(find(key))]
    except hub.HubError as error:
        reads = str(error)
    checks = [[f.what, f.declared, f.found, f.same] for f in hub.check(find(key), count=True)]
    print(json.dumps([key, reads, checks]))
"""


def ask(address: str, home: Path, *keys: str) -> dict[str, tuple[Any, list[list[Any]]]]:
    names = {k: v for k, v in os.environ.items() if not k.startswith("HF_") and "proxy" not in k.lower()}
    environment = {**names, "HF_ENDPOINT": address, "HF_HOME": str(home), "HF_HUB_DISABLE_TELEMETRY": "1"}
    done = subprocess.run(
        [sys.executable, "-c", CHILD, *keys], env=environment, capture_output=True, text=True, timeout=240, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return {key: (reads, checks) for key, reads, checks in map(json.loads, done.stdout.splitlines())}


@needs_datasets
def test_rows_are_streamed_and_a_check_says_what_differs(address: str, tmp_path: Path) -> None:
    said = ask(address, tmp_path, "s1-prob", "scieval", "s1-teasers", "usaco")
    reads, checks = said["s1-prob"]
    assert reads == [[f"simplescaling/s1-prob/train row {i}", f"{q}?", ""] for i, q in enumerate("abc", start=1)]
    assert [(what, same) for what, _, _, same in checks] == [
        ("id", True),
        ("revision", True),
        ("columns", True),
        ("rows", False),
    ]
    assert checks[-1][1:3] == ["182", "3"]
    assert said["scieval"][0] == [
        ["OpenDFM/SciEval/scieval-valid row 1", "A. x", ""],
        ["OpenDFM/SciEval/scieval-test row 1", None, "no_answer"],
    ]
    reads, checks = said["s1-teasers"]
    assert [reason for _, _, reason in reads] == ["no_text"], "a column that was renamed is no empty pool"
    assert ["columns", "Question, Answer", "missing: Question", False] in checks
    reads, checks = said["usaco"]
    assert "source usaco: the hub does not give codegenning/usacobench_formatted" in reads
    assert [(what, same) for what, _, _, same in checks] == [("hub", False)]


@needs_datasets
def test_a_hub_that_does_not_answer_is_named_per_source(tmp_path: Path) -> None:
    said = ask("http://127.0.0.1:9", tmp_path, "s1-prob", "agieval", "gpqa")
    for key, name in (("s1-prob", "simplescaling/s1-prob"), ("agieval", "lighteval/agi_eval_en")):
        reads, checks = said[key]
        assert f"source {key}: the hub does not give {name}" in reads
        assert "hint:" in reads
        assert checks[0][0] == "hub"
        assert checks[0][3] is False
    assert "source gpqa_diamond" in said["gpqa"][0], "what has to be held out is asked for first"


def test_without_the_library_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(hub.HubError, match=r"s1-prob.*\n.*s1kit\[data\]"):
        list(read_source(find("s1-prob")))


def test_a_source_that_is_not_on_the_hub_asks_for_its_file() -> None:
    with pytest.raises(hub.HubError, match="scibench is not read from the hub"):
        list(read_source(find("scibench")))
