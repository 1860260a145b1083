"""Question sets: the built-in ones, those that people know by name, and any file (``registry``)."""
