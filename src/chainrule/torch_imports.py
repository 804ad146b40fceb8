"""Import this before `import torch`, and PyTorch's names are chainrule's.

import chainrule.torch_imports
import torch
"""

from .redirect import install

install()
