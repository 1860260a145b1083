"""Adapters from requests to chunks: ``base`` says what an engine is, every other file is one engine."""
