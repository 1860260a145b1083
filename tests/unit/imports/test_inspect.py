"""Inspect logs: JSON and archive, deflated or zstd, give the same rows; a damaged archive is told, never half read."""

from __future__ import annotations

import json
import struct
import zipfile
import zlib
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from s1kit.imports.errors import ImportRefused
from unit.imports.reading import GOLDEN, imported, verdicts

LOG = GOLDEN / "inspect.json"


def archive(path: Path, log: dict[str, Any], packing: int = zipfile.ZIP_DEFLATED) -> Path:
    """The log as Inspect's archive."""
    with zipfile.ZipFile(path, "w", packing) as out:
        for one in log["samples"]:
            out.writestr(f"samples/{one['id']}_epoch_{one['epoch']}.json", json.dumps(one))
        out.writestr("header.json", json.dumps({name: part for name, part in log.items() if name != "samples"}))
    return path


def as_zstd(path: Path) -> Path:
    """The same archive with every entry packed by zstd, which ``zipfile`` cannot write: headers set by hand."""
    with zipfile.ZipFile(path) as old:
        plain = {name: old.read(name) for name in old.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as out:
        for name, content in plain.items():
            out.writestr(name, pa.Codec("zstd").compress(content, asbytes=True))
    with zipfile.ZipFile(path) as stored:
        entries = stored.infolist()
        start = stored.start_dir
    packed = bytearray(path.read_bytes())
    for entry in entries:
        content = plain[entry.filename]
        for at, fields in ((entry.header_offset, (8, 14, 22)), (packed.index(b"PK\x01\x02", start), (10, 16, 24))):
            method, crc, size = (at + offset for offset in fields)
            packed[method : method + 2] = struct.pack("<H", 93)
            packed[crc : crc + 4] = struct.pack("<I", zlib.crc32(content))
            packed[size : size + 4] = struct.pack("<I", len(content))
        start = packed.index(b"PK\x01\x02", start) + 4
    path.write_bytes(bytes(packed))
    return path


def test_thinking_scores_epochs_and_counts_are_the_logs() -> None:
    found = imported(LOG)
    rows = found.parts.generations
    assert found.kind == "inspect"
    assert [len([r for r in rows if r.question_id == q.id]) for q in found.parts.questions] == [2, 2, 2]
    by_sample = {(found.parts.questions.index(q), r.sample): r for r in rows for q in found.parts.questions
                 if q.id == r.question_id}  # fmt: skip
    assert by_sample[0, 0].thinking_text == "Count on from three."
    assert (by_sample[0, 0].n_thinking_model, by_sample[0, 0].n_answer, by_sample[0, 0].n_paid) == (20, 10, 30)
    assert by_sample[1, 1].thinking_text == "Let me see.", "a tag in the text is thinking where no part is marked"
    assert by_sample[2, 0].thinking_text == "A long thought about quarters.", "an attachment is read where it stands"
    assert (by_sample[2, 1].ended, by_sample[2, 1].answer_ended) == ("cutoff", None)
    assert sorted(verdicts(found, "inspect")) == ["correct"] * 3 + ["incorrect"] * 2 + ["no_answer"]
    (entry,) = found.parts.policies.values()
    assert entry["tokens"] == "stated"
    assert entry["policy"]["fields"] == {"reasoning_effort": "low"}
    assert entry["sampling"]["temperature"] == 0.6


@pytest.mark.parametrize("packing", ["deflated", "stored", "zstd"])
def test_an_archive_says_what_the_json_says(tmp_path: Path, packing: str) -> None:
    log = json.loads(LOG.read_text())
    way = zipfile.ZIP_DEFLATED if packing == "deflated" else zipfile.ZIP_STORED
    path = archive(tmp_path / "log.eval", log, way)
    found = imported(as_zstd(path) if packing == "zstd" else path)
    same = imported(LOG)
    assert found.parts.generations == same.parts.generations
    assert found.parts.grades == same.parts.grades
    assert found.parts.policies == same.parts.policies


def test_an_archive_that_was_changed_or_cut_is_refused(tmp_path: Path) -> None:
    path = as_zstd(archive(tmp_path / "log.eval", json.loads(LOG.read_text())))
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ImportRefused, match="not a whole zip archive"):
        imported(path)
    first = whole.index(b"PK\x03\x04")
    size, name = (
        struct.unpack("<I", whole[first + 18 : first + 22])[0],
        struct.unpack("<H", whole[first + 26 : first + 28])[0],
    )
    middle = first + 30 + name + size // 2
    path.write_bytes(whole[:middle] + bytes([whole[middle] ^ 0xFF]) + whole[middle + 1 :])
    with pytest.raises(ImportRefused, match=r"cannot be unpacked|checksum"):
        imported(path)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"samples": []}, "without samples"),
        ({"samples": None}, "without samples"),
        ({"samples": [1]}, r"\[0\]: a sample has to be an object"),
    ],
)
def test_a_log_that_holds_nothing_is_refused(tmp_path: Path, change: dict[str, Any], told: str) -> None:
    path = tmp_path / "log.json"
    path.write_text(json.dumps(json.loads(LOG.read_text()) | change))
    with pytest.raises(ImportRefused, match=told):
        imported(path)


def test_a_sample_that_failed_is_a_failed_row(tmp_path: Path) -> None:
    log = json.loads(LOG.read_text())
    log["samples"][0] |= {"error": {"message": "the server was gone"}, "output": {"choices": []}, "messages": []}
    log["samples"][1] |= {"output": {}, "messages": []}
    path = tmp_path / "log.json"
    path.write_text(json.dumps(log))
    found = imported(path)
    failed = [row for row in found.parts.generations if row.error]
    assert [(row.ended, row.error, row.answer_text) for row in failed] == [("error", "the server was gone", "")]
    assert found.reading.left_out == {"no output and no error": 1}
