"""Programs written for PyTorch, run on chainrule: their `import torch` finds chainrule's modules.

    chainrule run script.py --epochs 3         a script, unmodified
    import chainrule.torch_imports             the same for a notebook: put it before `import torch`

What a program asks for and chainrule does not have is found by reading it, before anything runs.

May import everything but the commands. Reading order: `names` (which module stands for which),
`surroundings` (what stands around the layers), `missing` (what a script asks for in vain), `compiling`
(its modules as machine code), `torchvision` (the part of it that training scripts use).
"""

from .compiling import compile_modules
from .missing import Missing, missing
from .names import install, uninstall

__all__ = ["Missing", "compile_modules", "install", "missing", "uninstall"]
