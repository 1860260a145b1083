"""What a local model folder's weights are, as one hash: a run may only be resumed with the model that began it.

Knows files, not models. Large files are sampled, since hashing 60 GB takes minutes: training changes every block.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

WHOLE = 256 << 20
"""Files up to this many bytes are read in full."""
BLOCK = 1 << 20
BLOCKS = 64
"""Of a larger file: its size, and so many blocks spread evenly, the first and the last included."""
PATTERNS = ("config.json", "*.safetensors", "*.safetensors.index.json", "pytorch_model*.bin")


def fingerprint(folder: Path) -> str:
    """SHA-256 over configuration and weights (hex); names count, dates and the folder's place do not."""
    total = hashlib.sha256()
    for path in sorted({path for pattern in PATTERNS for path in folder.glob(pattern)}):
        total.update(f"{path.name}\0{path.stat().st_size}\0".encode())
        total.update(_content(path))
    return total.hexdigest()


def _content(path: Path) -> bytes:
    size = path.stat().st_size
    found = hashlib.sha256()
    with path.open("rb") as file:
        if size <= WHOLE:
            while block := file.read(BLOCK):
                found.update(block)
        else:
            for number in range(BLOCKS):
                file.seek((size - BLOCK) * number // (BLOCKS - 1))
                found.update(file.read(BLOCK))
    return found.digest()
