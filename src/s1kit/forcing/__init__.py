"""The method: ``plan`` resolves a policy to ids, ``machine`` runs it, ``drive`` runs many, ``sweep`` shares prefixes."""
