"""The ground: errors, dtypes, shapes and lines of code. Imports NumPy and nothing else of
chainrule.

Reading order: `errors`, `dtypes`, `shapes`, `lines`; `modes` (what is switched on), `locks`, `handles`, `trees`
(nested lists and dicts), `configuration` (the only place that reads the environment), `sources` (which source is
running), `loading` (of packages), `left_out` (what PyTorch has and chainrule has not).
"""
