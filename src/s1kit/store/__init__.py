"""Runs on disk: ``run`` writes and reads one, ``verify`` re-derives it, ``query`` and ``listing`` read many.

Knows files. Refuses to know engines, tokenizers and graders: rows come in and rows go out. Import the part you need;
this module imports nothing, so that reading a listing does not load DuckDB.
"""
