"""An export as a stranger reads it."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pyarrow.parquet as pq


def everything(folder: Path) -> str:
    """All that a reader of the folder can read."""
    text = ""
    for path in folder.rglob("*"):
        if path.suffix == ".parquet":
            text += str(pq.read_table(path).to_pylist())
        elif path.suffix == ".eval":
            with zipfile.ZipFile(path) as archive:
                text += "".join(archive.read(name).decode() for name in archive.namelist())
        elif path.is_file():
            text += path.read_text()
    return text
