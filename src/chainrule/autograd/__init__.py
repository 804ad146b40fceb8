"""The tape and the modes. Knows ops and nodes, not tensors.

Reading order: `modes`, `tape`.
"""
