"""Methods side by side: points of every method, the table of them, pairs at matched cost, the frontier.

Import the part you need; this module imports nothing.
"""
