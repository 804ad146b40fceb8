"""The modes, and the tape with its backward pass. Knows ops and nodes, not tensors.

Reading order: `modes`, `nodes`, `backward`, `op_node`.
"""
