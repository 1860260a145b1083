"""``s1 serve``: thinking budgets for every OpenAI client, in front of any engine.

Knows HTTP, the field names of many providers, and how one engine is shared. Refuses to know the forcing method, which
is ``s1kit.forcing.machine``, and engines, which are ``s1kit.engines``. Import the part you need: ``fields`` (a body
becomes a policy), ``scheduler`` (one thread owns the engine), ``app`` (the routes), ``server`` (sockets and signals).
"""
