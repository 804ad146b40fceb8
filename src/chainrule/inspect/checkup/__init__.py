"""What is wrong with a training loop?

Reading order: `watched` (what is looked at while the loop runs), `told` (what is said of it).
"""

from .watched import checkup

__all__ = ["checkup"]
