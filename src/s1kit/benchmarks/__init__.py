"""Question sets: the built-in ones by name (``registry``), and any JSONL file (``files``)."""
