"""The method: ``plan`` resolves a policy to ids, ``machine`` runs it, ``drive`` runs many, ``sweep`` shares prefixes.

``conformance`` checks the machine against vectors; ``compat`` is the reference harness with its quirks.
"""
