"""``s1 curate`` as a user calls it: whatever lies in the files, every row has a reason, and nothing is asked twice."""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import yaml

from cli import curating as world
from cli.conftest import Run
from s1kit.types import question_id
from unit.curate.calls.fake_server import Act, FakeServer, Seen, status, whole
from unit.curate.nano_run import curate, recipe

VERBS = ("run", "pool", "filter", "select", "build", "trace", "sources", "show")
SELECTION = "paper-12-seed0"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a finished nano curation in ``runs`` and its recipe."""
    folder = tmp_path_factory.mktemp("made")
    world.write(folder, recipe())
    curate(folder / "runs")
    return folder


@pytest.fixture
def nano(made: Path, tmp_path: Path) -> Path:
    """A copy of it in the folder of ``s1``; the curation's path."""
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    return world.the_run(tmp_path)


def flat(text: str) -> str:
    """As one line: the terminal breaks lines where it likes."""
    return " ".join(text.split())


def refused(s1: Run, *arguments: str | Path, code: int = 2) -> str:
    done = s1(*arguments, check=code)
    assert "Traceback" not in done.stderr
    assert not done.stdout.strip()
    return flat(done.stderr)


def contents(path: Path) -> dict[str, bytes]:
    """Every file but the lock, which says who wrote last."""
    files = [p for p in sorted(path.rglob("*")) if p.is_file() and p.name != ".lock"]
    return {str(p.relative_to(path)): p.read_bytes() for p in files}


def kept_calls(cache: Path) -> list[tuple[Any, ...]]:
    """Every reply in the cache, with the time at which it came."""
    with closing(sqlite3.connect(cache)) as db:
        return db.execute("SELECT * FROM replies ORDER BY key").fetchall()


# what lies in the files


def dirty(folder: Path, megabytes: int) -> dict[int, tuple[str, str]]:
    """A file with everything in it, a question of so many MB too, and traces; line -> (step, reason) that drops it."""
    fruit = "What is 12 + 30 of the apples?"
    lines: list[str | dict[str, Any]] = [
        {"question": fruit, "answer": "42"},
        '{"question": "half a row',
        {"question": ""},
        {"question": " \t"},
        {"question": "\u200b\ufeff\u2800"},
        {"question": fruit, "answer": "43"},
        {"question": "What is 1\u200d2 + 30 of the apples?"},
        {"question": "What is １２ + ３０ of the apples?"},
        {"question": "\u0645\u0627 \u0645\u062c\u0645\u0648\u0639 \u0661\u0662\u061f \u202eabc\u202c", "answer": "42"},
        {"question": "x y z " * (megabytes * 2**20 // 6), "answer": "1"},
        {"question": "Forty two apples", "answer": "Forty two apples"},
        r'{"question": "half a \ud800 pair"}',
        {"question": "a bell \u0007, \u001b[31m and \u0000", "answer": "7"},
        {"question": "Add.<|im_end|><|im_start|>answer", "answer": "7"},
        '["no object"]',
        {"answer": "no question"},
        {"question": ["a", "list"]},
        {"question": "Which?", "answer": "Z", "choices": ["one", "two"]},
        '{"question": "not a number?", "answer": NaN}',
        {"question": "No answer at all?", "answer": None},
    ]  # fmt: skip
    raw = [line if isinstance(line, str) else json.dumps(line, ensure_ascii=False) for line in lines]
    (folder / "dirty.jsonl").write_bytes("\n".join(raw).encode() + b'\n{"question": "caf\xe9"}\n')
    taught = [line for line in lines if isinstance(line, dict) and isinstance(line.get("question"), str)]
    taught = [line for line in taught if len(line["question"]) < 1000]  # ten million tokens take minutes to encode
    traces = [{"question_id": question_id(t["question"]), "thinking": "I see.", "answer": "42"} for t in taught]
    (folder / "traces.jsonl").write_text("".join(json.dumps(t) + "\n" for t in traces))
    pool = {3: "empty_question", 4: "empty_question", 5: "empty_question", 16: "no_text", 17: "no_text"}
    pool |= dict.fromkeys((2, 12, 15, 19, 21), "broken_row") | {18: "bad_reference"}
    found = {line: ("pool", reason) for line, reason in pool.items()}
    found |= {10: ("trace", "no_trace"), 11: ("quality", "question_is_answer")}
    return found | dict.fromkeys((6, 7, 8), ("duplicates", "exact"))


@pytest.mark.parametrize("megabytes", [1, pytest.param(10, marks=pytest.mark.slow)])
def test_whatever_lies_in_a_file_every_row_has_its_reason_and_the_run_goes_on(
    s1: Run, tmp_path: Path, megabytes: int
) -> None:
    expected = dirty(tmp_path, megabytes)
    steps = ["quality", "duplicates", "trace", "domain"]
    content = {"name": "dirty", "sources": [{"path": "dirty.jsonl"}], "steps": steps, "select": {"rule": "full"}}
    world.write(tmp_path, {**content, "trace": {"file": "traces.jsonl"}, "train": {"skip_unfit": True}})
    done = s1("curate", "r.yaml")
    run = tmp_path / done.stdout.strip().splitlines()[-1]
    decisions = world.decided(run)
    for line in range(1, 22):
        of = [decisions[step, line - 1] for step in ("pool", *steps) if (step, line - 1) in decisions]
        dropped = [(d["step"], d["reason"]) for d in of if not d["kept"]]
        assert dropped == ([expected[line]] if line in expected else []), f"line {line}"
        assert of[0]["evidence"].startswith(f"dirty.jsonl:{line}")
        if line not in expected:
            assert [d["step"] for d in of] == ["pool", *steps]
    assert decisions["duplicates", 7]["evidence"] == "row 0 (dirty)"
    assert len(json.loads((run / "selections/full/selection.json").read_bytes())["ids"]) == 21 - len(expected)
    [left] = json.loads((run / "trainsets/full-s1/trainset.json").read_bytes())["trainset"]["left_out"]
    assert "control tokens" in left["reason"]
    assert "1 left out" in done.stderr
    assert "error" not in s1("runs", "verify", run).stdout
    shown = s1("curate", run, "--explain", "#12").stdout
    assert "\x1b" not in shown
    assert "\x07" not in shown
    assert "dirty.jsonl:2: not JSON" in flat(s1("curate", run, "--explain", "#1").stdout)


def test_a_row_that_cannot_be_trained_on_is_named_where_nothing_is_to_be_left_out(s1: Run, tmp_path: Path) -> None:
    (tmp_path / "q.jsonl").write_text('{"question": "Add.<|im_end|>", "answer": "7"}\n')
    (tmp_path / "t.jsonl").write_text('{"question": "Add.<|im_end|>", "thinking": "a", "answer": "7"}\n')
    content = {"sources": [{"path": "q.jsonl"}], "steps": ["trace"], "trace": {"file": "t.jsonl"}}
    world.write(tmp_path, {**content, "select": {"rule": "full"}})
    said = refused(s1, "curate", "r.yaml")
    assert "1 of 1 traces cannot be trained on" in said
    assert question_id("Add.<|im_end|>") in said
    assert "control tokens" in said
    assert "hint:" in said


def test_a_domain_that_runs_empty_leaves_the_draw(s1: Run, tmp_path: Path) -> None:
    world.sums(tmp_path, 7)
    (tmp_path / "t.jsonl").write_text(
        "".join(
            json.dumps({"question": json.loads(line)["question"], "thinking": "a " * (n + 1), "answer": "1"}) + "\n"
            for n, line in enumerate((tmp_path / "sums.jsonl").read_text().splitlines())
        )
    )
    content = {"sources": [{"path": "sums.jsonl"}], "steps": ["trace", "domain"], "trace": {"file": "t.jsonl"}}
    world.write(tmp_path, {**content, "domain": {"by": "column"}, "select": {"rule": "paper", "size": 7}})
    s1("curate", "select", "r.yaml")
    selection = json.loads((world.the_run(tmp_path) / "selections/paper-7-seed0/selection.json").read_bytes())
    assert len(set(selection["ids"])) == 7
    assert sorted(selection["counts_by_domain"].values()) == [2, 2, 3]


# what a user gets wrong


def test_fewer_rows_than_asked_for_are_counted_and_what_was_done_stays(s1: Run, nano: Path) -> None:
    said = refused(s1, "curate", "r.yaml", "--set", "select.size=400")
    left = len({row for (step, row), d in world.decided(nano).items() if step == "domain" and d["kept"]})
    assert f"400 rows asked for, the pool has {left}" in said
    assert "hint: filter less, or ask for fewer" in said
    assert said.count("(done before)") == 6


WRONG: list[tuple[str, dict[str, Any], list[str]]] = [
    ("unknown key", {"stps": ["quality"]}, ["unknown key 'stps' in r.yaml", "did you mean 'steps'?"]),
    ("unknown source", {"sources": [{"source": "omnimat"}]}, ["unknown source 'omnimat'", "hint: omnimath"]),
    ("evaluation as source", {"sources": [{"source": "aime24"}]}, ["aime24 is an evaluation set", "hint:"]),
    ("missing source", {"sources": [{"path": "none.jsonl"}]}, ["no file none.jsonl"]),
    ("missing trace file", {"steps": ["trace", "domain"], "trace": {"file": "none.jsonl"}}, ["no file none.jsonl"]),
    ("trace without teacher", {"trace": {}}, ["needs trace.teacher"]),
    ("rule without domain", {"steps": ["trace"]}, ["rule paper needs the step domain", "hint: add it to `steps`"]),
    ("rule without trace", {"steps": ["domain"]}, ["rule paper needs the step trace", "hint: add it to `steps`"]),
    ("training without trace", {"steps": ["duplicates"], "select": {"rule": "full"}}, ["needs traces", "hint:"]),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "messages"), [w[1:] for w in WRONG], ids=[w[0] for w in WRONG])
def test_a_recipe_that_cannot_be_followed_says_why(
    s1: Run, tmp_path: Path, changes: dict[str, Any], messages: list[str]
) -> None:
    world.write(tmp_path, recipe(**{"limit": 50, **changes}))
    said = refused(s1, "curate", "r.yaml")
    assert all(message in said for message in messages), said


@pytest.mark.parametrize("content", [None, "", '{"answer": "no question"}\n'])
def test_an_evaluation_set_that_would_clear_everything_is_refused(s1: Run, tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "held.jsonl").write_text(content)
    world.write(tmp_path, recipe(limit=50, decontaminate={"evaluations": {"held": "held.jsonl"}}))
    said = refused(s1, "curate", "r.yaml")
    assert "held.jsonl" in said
    assert ("neither a known set nor a file" if content is None else "has no questions") in said


def test_a_missing_evaluation_set_is_missed_before_anybody_is_paid(s1: Run, tmp_path: Path) -> None:
    steps = ["trace", "quality", "decontaminate", "domain"]
    world.write(tmp_path, recipe(limit=50, steps=steps, decontaminate={"evaluations": {"held": "held.jsonl"}}))
    assert "teacher" not in refused(s1, "curate", "r.yaml")


def test_a_rule_without_its_step_is_refused_before_anybody_is_paid(s1: Run, tmp_path: Path) -> None:
    world.write(tmp_path, recipe(limit=50, steps=["trace"]))
    assert "calls" not in refused(s1, "curate", "r.yaml")


def test_copies_without_the_step_that_finds_them(s1: Run, tmp_path: Path) -> None:
    world.write(tmp_path, recipe(limit=50, steps=["quality"], select={"rule": "full"}))
    said = refused(s1, "curate", "select", "r.yaml")
    assert "is in the pool twice" in said
    assert "hint: add `duplicates` to `steps`" in said


def test_recipes_of_other_verbs_are_told_apart(s1: Run, tmp_path: Path) -> None:
    (tmp_path / "b.yaml").write_text("budgets: [4, 16]\n")
    assert "b.yaml is a recipe for another verb hint: s1 sweep b.yaml" in refused(s1, "curate", "b.yaml")
    world.write(tmp_path, recipe())
    assert "r.yaml is a recipe for another verb hint: s1 curate r.yaml" in refused(s1, "eval", "r.yaml")


def test_a_recipe_that_is_none(s1: Run, tmp_path: Path) -> None:
    assert "no recipe nowhere.yaml" in refused(s1, "curate", "nowhere.yaml")
    assert "hint: s1 curate pool RECIPE" in refused(s1, "curate", "pool")


# sources and the hub


@pytest.mark.slow
def test_a_hub_that_cannot_be_reached_is_named_and_can_be_passed_over(s1: Run, tmp_path: Path) -> None:
    pytest.importorskip("datasets")
    sources = [{"source": "gsm8k"}, {"source": "nano_pool", "limit": 50}]
    world.write(tmp_path, recipe(sources=sources, steps=["quality", "duplicates"], select={"rule": "full"}))
    said = refused(s1, "curate", "select", "r.yaml")
    assert "source gsm8k: the hub does not give openai/gsm8k" in said
    assert "hint:" in said
    done = s1("curate", "select", "r.yaml", "--set", "skip_unreachable=true")
    assert "skipped source gsm8k, after 0 rows" in flat(done.stderr)
    rows = world.rows(tmp_path / done.stdout.strip() / "pool.parquet")
    assert {row["source"] for row in rows} == {"nano_pool"}


def test_checking_a_source_on_a_hub_that_cannot_be_reached_fails_with_what_was_asked(s1: Run) -> None:
    pytest.importorskip("huggingface_hub")
    done = s1("curate", "pool", "--check", "gsm8k", "--json", check=1)
    [found] = json.loads(done.stdout)
    assert (found["source"], found["what"], found["declared"], found["same"]) == ("gsm8k", "hub", "openai/gsm8k", False)
    assert "unknown source 'gsmk' hint: gsm8k" in refused(s1, "curate", "pool", "--check", "gsmk")


def test_the_sources_are_listed_with_the_papers_counts(s1: Run) -> None:
    listed = {line["key"]: line for line in json.loads(s1("curate", "sources", "--json").stdout)}
    assert (listed["numinamath"]["count"], listed["aime"]["count"]) == (30_660, 890)
    assert "aime24" in listed


# going on


def test_a_second_time_nothing_is_done_and_nothing_changes(s1: Run, nano: Path) -> None:
    s1("curate", "r.yaml", "--json")  # the page, and the command that config.yaml names
    before = contents(nano)
    calls = kept_calls(nano.parent / "calls.sqlite")
    done = s1("curate", "r.yaml", "--json")
    assert json.loads(done.stdout)["path"] == f"runs/{nano.name}"
    assert done.stderr.count("(done before)") == 6
    assert "calls" not in done.stderr
    after = contents(nano)
    assert before.keys() == after.keys()
    assert {name for name in before if before[name] != after[name]} <= {
        "manifest.json",  # says how long it took, and the page says so too
        "report/index.html",
    }
    assert kept_calls(nano.parent / "calls.sqlite") == calls


def test_another_selection_stands_beside_the_first(s1: Run, nano: Path) -> None:
    first = contents(nano / "selections" / SELECTION)
    s1("curate", "select", "r.yaml", "--rule", "random", "--seed", "1", "--json")
    assert {p.name for p in (nano / "selections").iterdir()} == {SELECTION, "random-12-seed1"}
    assert contents(nano / "selections" / SELECTION) == first
    named = ("--set", f"select.name={SELECTION}", "--seed", "1")
    said = refused(s1, "curate", "select", "r.yaml", *named)
    assert "is another selection" in said
    assert "hint: give this one a `name` of its own" in said
    assert contents(nano / "selections" / SELECTION) == first


def test_a_finished_curation_stays_finished(s1: Run, nano: Path) -> None:
    s1("curate", "select", "r.yaml", "--rule", "random")
    assert json.loads((nano / "manifest.json").read_bytes())["status"] == "finished"


def test_how_long_a_curation_took_is_not_forgotten_when_it_is_looked_at_again(tmp_path: Path) -> None:
    manifests = [(curate(tmp_path).path / "manifest.json").read_bytes() for _ in range(2)]
    first, second = map(json.loads, manifests)
    assert second["seconds"] >= first["seconds"]
    assert second["finished"] == first["finished"]


def test_other_settings_are_another_folder(s1: Run, nano: Path) -> None:
    before = contents(nano)
    done = s1("curate", "filter", "r.yaml", "--set", "duplicates.near=0.9")
    assert Path(done.stdout.strip()).name != nano.name
    assert contents(nano) == before
    assert "0 from the cache" not in done.stderr, "the same question is not asked twice"


def test_a_changed_input_file_is_refused_and_named(s1: Run, tmp_path: Path) -> None:
    file = world.sums(tmp_path, 6)
    world.write(tmp_path, {"sources": [{"path": "sums.jsonl"}], "steps": ["quality"], "select": {"rule": "full"}})
    s1("curate", "filter", "r.yaml")
    before = contents(world.the_run(tmp_path))
    file.write_text(file.read_text() + '{"question": "One more?"}\n')
    said = refused(s1, "curate", "filter", "r.yaml")
    assert "inputs.source 0" in said
    assert contents(world.the_run(tmp_path)) == before


def test_the_hint_for_a_changed_input_file_can_be_followed(s1: Run, tmp_path: Path) -> None:
    file = world.sums(tmp_path, 6)
    world.write(tmp_path, {"sources": [{"path": "sums.jsonl"}], "steps": ["quality"], "select": {"rule": "full"}})
    s1("curate", "filter", "r.yaml")
    file.write_text(file.read_text() + '{"question": "One more?"}\n')
    assert "--resume" not in refused(s1, "curate", "filter", "r.yaml")


def test_a_dry_run_calls_nobody_and_says_how_many_calls_would_follow(s1: Run, tmp_path: Path) -> None:
    with FakeServer(world.saying()) as server:
        world.sums(tmp_path, 6)
        world.proofs(tmp_path, 3)
        world.write(tmp_path, world.recipe(server))
        planned = json.loads(s1("curate", "r.yaml", "--dry-run", "--json").stdout)
        assert server.requests == 0
        assert planned["at_most_calls"] == {"teacher": 9, "classifier": 9, "solver small": 9}
        assert "teacher: at most 9 calls" in s1("curate", "r.yaml", "--dry-run").stdout
        assert server.requests == 0


# one question


def test_a_question_is_explained_by_its_id_its_beginning_and_its_row(s1: Run, nano: Path) -> None:
    chosen = json.loads((nano / "selections" / SELECTION / "selection.json").read_bytes())["ids"][0]
    whole_id = s1("curate", "r.yaml", "--explain", chosen)
    for part in (chosen, "nano_pool", "quality", "domain", SELECTION, "thinking tokens"):
        assert part in whole_id.stdout
    life = json.loads(s1("curate", nano, "--explain", chosen[:15], "--json").stdout)
    assert life["id"] == chosen
    assert [s["step"] for s in life["steps"]] == ["pool", "quality", "duplicates", "decontaminate", "trace", "domain"]
    assert life["trainsets"]
    by_row = json.loads(s1("curate", nano, "--explain", f"#{life['rows'][0]['row']}", "--json").stdout)
    assert by_row == life


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("ffffffffffffffff", "no question with the id `ffffffffffffffff`"),
        ("", "no question with the id"),
        ("not-hex", "no question with the id `not-hex`"),
        ("#60", "has no row #60"),
        ("#-1", "has no row #-1"),
    ],
)
def test_a_question_that_there_is_not(s1: Run, nano: Path, name: str, said: str) -> None:
    message = refused(s1, "curate", nano, "--explain", name)
    assert said in message
    assert "hint:" in message


def test_a_beginning_that_fits_several_names_them(s1: Run, nano: Path) -> None:
    ids = sorted(row["id"] for row in world.rows(nano / "pool.parquet"))
    digit = next(d for d in "0123456789abcdef" if sum(i.startswith(d) for i in ids) > 1)
    said = refused(s1, "curate", nano, "--explain", digit)
    assert "several questions have an id that begins with" in said
    assert next(i for i in ids if i.startswith(digit)) in said


# the funnel, verification, and the other verbs in the same folder


def test_show_prints_the_funnel_and_as_json_it_parses(s1: Run, nano: Path) -> None:
    shown = json.loads(s1("curate", "show", nano, "--json").stdout)
    assert [s["name"] for s in shown["funnel"]["steps"]][:2] == ["pool", "quality"]
    assert "duplicates" in s1("curate", "show", nano).stdout
    assert (nano / "report" / "index.html").exists()
    assert "holds no curation" in refused(s1, "curate", "show", "nowhere")


def test_a_finished_curation_is_verified_and_damage_is_found(s1: Run, nano: Path) -> None:
    found = json.loads(s1("runs", "verify", nano, "--json").stdout)
    assert {f["level"] for f in found} == {"ok"}
    pool = bytearray((nano / "pool.parquet").read_bytes())
    pool[len(pool) // 2] ^= 1
    (nano / "pool.parquet").write_bytes(pool)
    done = s1("runs", "verify", nano, check=1)
    assert "pool.parquet: hashes: was changed after it was written" in done.stdout
    assert "the run does not hold" in done.stderr


def test_runs_and_curations_share_a_folder(s1: Run, nano: Path, scripted: list[str]) -> None:
    s1("eval", *scripted, "--max-thinking", "8", "--limit", "3")
    listed = {run["kind"]: run for run in json.loads(s1("runs", "ls", "--json").stdout)}
    assert set(listed) == {"eval", "curate"}
    assert {run["status"] for run in listed.values()} == {"finished"}
    assert {run["problem"] for run in listed.values()} == {None}
    rows = json.loads(s1("query", "select count(*) as n from generations", "--json").stdout)
    assert rows == [{"n": 3}]
    assert json.loads(s1("runs", "show", nano).stdout)["kind"] == "curate"


def test_query_has_nothing_to_say_of_a_curation(s1: Run, nano: Path) -> None:
    assert "Warning" not in s1("query", "select 1").stderr


@pytest.mark.parametrize("verb", ["metrics", "grade"])
def test_a_verb_for_runs_says_that_this_is_a_curation(s1: Run, nano: Path, verb: str) -> None:
    said = refused(s1, verb, nano)
    assert "curation" in said
    assert "delete" not in said


# models behind an endpoint


def put(folder: Path, server: FakeServer, monkeypatch: pytest.MonkeyPatch, **changes: Any) -> None:
    """Six sums, three proofs, the recipe, and the key."""
    monkeypatch.setenv("S1_TEST_KEY", world.KEY)
    world.sums(folder, 6)
    world.proofs(folder, 3)
    world.write(folder, world.recipe(server, **changes))


@pytest.mark.parametrize(("undecided", "left"), [("drop", 6), pytest.param("keep", 9, marks=pytest.mark.slow)])
def test_a_judge_and_a_classifier_that_never_say_it_are_asked_a_bounded_number_of_times(
    s1: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, undecided: str, left: int
) -> None:
    words = {"judge": "Yes and no.", "classifier": "Something with numbers, I think."}
    with FakeServer(world.saying(**words)) as server:
        put(tmp_path, server, monkeypatch)
        limits = {"judge": world.models(server)["judge"], "asks": 3, "undecided": undecided}
        small = {"small": world.models(server)["solver"]}
        s1("curate", "r.yaml", "--set", f"difficulty={json.dumps({**limits, 'solvers': small})}")
        assert world.asked(server) == {"teacher": 9, "solver": 9, "judge": 3 * 3, "classifier": 9 * 3}
        assert all(seen.headers["authorization"] == f"Bearer {world.KEY}" for seen in server.script.seen)
    run = world.the_run(tmp_path)
    attempts = world.rows(run / "attempts.parquet")
    of_proofs = [a for a in attempts if a["rule"].startswith("judge/")]
    assert len(of_proofs) == 3
    assert {(a["verdict"], a["rule"], a["judged"]) for a in of_proofs} == {
        ("undecided", "judge/undecided", "Yes and no.")
    }
    filed = world.rows(run / "domains.parquet")
    assert {(f["code"], f["how"], f["said"]) for f in filed} == {("other", "unknown", words["classifier"])}
    decisions = world.decided(run)
    assert {(d["kept"], d["reason"]) for (step, _), d in decisions.items() if step == "domain"} == {
        (True, "no_known_class")
    }
    hard = [d for (step, _), d in decisions.items() if step == "difficulty"]
    assert sum(d["kept"] for d in hard) == left
    assert [d["reason"] for d in hard].count("undecided") == 3
    assert "solved" not in {d["reason"] for d in hard}
    for file in tmp_path.rglob("*"):
        assert not file.is_file() or world.KEY.encode() not in file.read_bytes(), file
    assert "error" not in s1("runs", "verify", run).stdout


def test_rules_decide_where_they_can_and_the_judge_where_they_cannot(
    s1: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def behave(seen: Seen) -> Act:
        if seen.body["model"] == "solver" and "Shop 2 " in seen.asked:
            return whole(content="Answer: 6")
        if seen.body["model"] == "judge":
            return whole(content="Reasons.\n**Yes**" if "Show that 4" in seen.asked else "Reasons.\nNo.")
        return world.saying()(seen)  # type: ignore[no-any-return]

    with FakeServer(behave) as server:
        put(tmp_path, server, monkeypatch)
        s1("curate", "filter", "r.yaml")
        assert world.asked(server)["judge"] == 3
        assert not any("Shop" in s.asked for s in server.script.seen if s.body["model"] == "judge")
    decisions = world.decided(world.the_run(tmp_path))
    assert {row for (step, row), d in decisions.items() if step == "difficulty" and not d["kept"]} == {1, 7}
    assert decisions["difficulty", 1]["reason"] == decisions["difficulty", 7]["reason"] == "solved"
    assert "judge/yes" in decisions["difficulty", 7]["evidence"]


def test_calls_that_failed_stay_failed_until_they_are_asked_again(
    s1: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = ["Shop 2 ", "Shop 5 "]

    def behave(seen: Seen) -> Act:
        if seen.body["model"] == "teacher" and any(word in seen.asked for word in broken):
            said = json.dumps({"error": {"message": f"bad key {world.KEY}, says the server"}})
            return status(500, said.encode())
        return world.saying()(seen)  # type: ignore[no-any-return]

    with FakeServer(behave) as server:
        put(tmp_path, server, monkeypatch)
        first = s1("curate", "r.yaml")
        run = world.the_run(tmp_path)
        lost = {row for (step, row), d in world.decided(run).items() if step == "trace" and not d["kept"]}
        assert lost == {1, 4}
        for file in tmp_path.rglob("*"):
            assert not file.is_file() or world.KEY.encode() not in file.read_bytes(), file
        assert world.KEY not in first.stdout + first.stderr
        count = server.requests
        s1("curate", "r.yaml")
        assert server.requests == count, "a failed call is not asked again unasked"

        broken.clear()
        again = s1("curate", "r.yaml", "--retry-failed")
        assert "2 failed calls forgotten; made again: trace, domain, difficulty" in flat(again.stderr)
        assert [s.body["model"] for s in server.script.seen[count:]].count("teacher") == 2
        assert server.requests - count == 2 * 3, "two rows: teacher, classifier, solver"
    assert all(d["kept"] for (step, _), d in world.decided(run).items() if step == "trace")
    assert "error" not in s1("runs", "verify", run).stdout


def test_a_server_that_is_not_there_is_named_and_nothing_is_lost(
    s1: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with FakeServer(world.saying()) as server:
        put(tmp_path, server, monkeypatch)
        url = server.url
    said = refused(s1, "curate", "r.yaml")
    assert url in said
    assert "hint: is the server running, and the base URL right?" in said
    assert {p.stem for p in (world.the_run(tmp_path) / "decisions").iterdir()} == {
        "00-pool", "01-quality", "02-duplicates"
    }  # fmt: skip


# taught again


def test_a_fixed_selection_is_taught_again_by_another_teacher(s1: Run, nano: Path) -> None:
    before = contents(nano / "trainsets")
    chosen = (nano / "selections" / SELECTION / "selection.json").read_bytes()
    done = s1("curate", "trace", nano / "selections" / SELECTION, "--teacher", "nano_teacher")
    lines = done.stdout.strip().splitlines()
    assert re.match(r"nano-noisy-1-fails-0.02: .*correct \d+ \(\d+\.\d%\)", lines[0])
    assert lines[1].startswith("nano-noisy-0-fails-0.05: ")
    after = contents(nano / "trainsets")
    assert {name: after[name] for name in before} == before
    assert (nano / "selections" / SELECTION / "selection.json").read_bytes() == chosen
    [second] = [p for p in (nano / "trainsets").iterdir() if "-by-" in p.name]
    record = json.loads((second / "trainset.json").read_bytes())
    left = {entry["question_id"] for entry in record["trainset"]["left_out"]}
    assert {row["question_id"] for row in world.rows(second / "train.parquet")} == set(json.loads(chosen)["ids"]) - left
    assert "error" not in s1("runs", "verify", nano).stdout
    said = refused(s1, "curate", "trace", nano.parent, "--teacher", "nano_teacher")
    assert "hint: CURATION/selections/NAME" in said


def test_help_lists_every_step_and_a_recipe_comes_first(s1: Run) -> None:
    done: subprocess.CompletedProcess[str] = s1("curate", "--help")
    assert all(f" {verb} " in done.stdout for verb in VERBS)
    assert "--explain" in s1("curate", "run", "--help").stdout


def test_the_recipe_in_the_folder_is_the_recipe_that_was_run(s1: Run, nano: Path, tmp_path: Path) -> None:
    kept = yaml.safe_load((nano / "config.yaml").read_text())
    world.write(tmp_path, kept, "again.yaml")
    done = s1("curate", "filter", "again.yaml", "--out", "runs")
    assert done.stdout.strip() == f"runs/{nano.name}"
    assert done.stderr.count("(done before)") == 6
