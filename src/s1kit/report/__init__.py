"""A measured run as something to look at: a folder of pages that opens from disk, and the same curve in a terminal.

Knows metrics, grades and traces, all made elsewhere. Refuses to compute a metric, and never loads a tokenizer or torch.
Import the part you need: ``build`` (overview and traces), ``target`` (whatever is named), ``terminal`` (curve and
tables); this module imports nothing.
"""
