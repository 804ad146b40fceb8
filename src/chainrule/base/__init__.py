"""The ground: errors, dtypes, shapes and lines of code. Imports NumPy and nothing else of
chainrule.

Reading order: `errors`, `dtypes`, `shapes`, `lines`.
"""
