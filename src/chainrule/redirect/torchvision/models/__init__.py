"""The networks for images that scripts take from torchvision: the same modules under the same names, so that its files of
weights fit; the same seed gives the same initial weights. May import `nn`, and the ops and transforms beside it.

    from torchvision import models

    net = models.resnet18(weights=None)
    net.fc = nn.Linear(net.fc.in_features, 10)

Reading order: `checkpoints` (weights that are loaded by name), then a file for each architecture, from the oldest: `alexnet`, `vgg`,
`googlenet`, `inception`, `squeezenet`, `resnet`, `densenet`, `mobilenetv2`, `shufflenetv2`, `mnasnet`, `mobilenetv3`, `efficientnet`,
`regnet`, `vision_transformer`, `swin_transformer`, `convnext`; `features` (what is computed on the way), `segmentation`.
What else torchvision has (MaxViT, detection, video, optical flow) is missing, and is reported as such.
"""

from . import segmentation
from .alexnet import *  # noqa: F403
from .alexnet import __all__ as _alexnet
from .checkpoints import get_model, get_model_weights, get_weight, list_models
from .convnext import *  # noqa: F403
from .convnext import __all__ as _convnext
from .densenet import *  # noqa: F403
from .densenet import __all__ as _densenet
from .efficientnet import *  # noqa: F403
from .efficientnet import __all__ as _efficientnet
from .googlenet import *  # noqa: F403
from .googlenet import __all__ as _googlenet
from .inception import *  # noqa: F403
from .inception import __all__ as _inception
from .mnasnet import *  # noqa: F403
from .mnasnet import __all__ as _mnasnet
from .mobilenetv2 import *  # noqa: F403
from .mobilenetv2 import __all__ as _mobilenetv2
from .mobilenetv3 import *  # noqa: F403
from .mobilenetv3 import __all__ as _mobilenetv3
from .regnet import *  # noqa: F403
from .regnet import __all__ as _regnet
from .resnet import *  # noqa: F403
from .resnet import __all__ as _resnet
from .shufflenetv2 import *  # noqa: F403
from .shufflenetv2 import __all__ as _shufflenetv2
from .squeezenet import *  # noqa: F403
from .squeezenet import __all__ as _squeezenet
from .swin_transformer import *  # noqa: F403
from .swin_transformer import __all__ as _swin_transformer
from .vgg import *  # noqa: F403
from .vgg import __all__ as _vgg
from .vision_transformer import *  # noqa: F403
from .vision_transformer import __all__ as _vision_transformer

__all__ = [
    "get_model", "get_model_weights", "get_weight", "list_models", "segmentation",
    *_alexnet, *_vgg, *_googlenet, *_inception, *_squeezenet, *_resnet, *_densenet, *_mobilenetv2, *_shufflenetv2, *_mnasnet,
    *_mobilenetv3, *_efficientnet, *_regnet, *_vision_transformer, *_swin_transformer, *_convnext,
]  # fmt: skip
