"""The command ``s1``: ``main`` has the verbs' names, every other file is one verb. Heavy imports wait inside them."""
