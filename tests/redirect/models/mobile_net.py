"""Inverted residuals with squeeze-and-excitation, and the loss with mixup."""

from collections import OrderedDict

import torch
import torch.nn as nn
import torch.nn.functional as F


def _make_divisible(v, divisor, min_value=None):
    if min_value is None:
        min_value = divisor
    new_v = max(min_value, int(v + divisor / 2) // divisor * divisor)
    if new_v < 0.9 * v:
        new_v += divisor
    return new_v


class SELayer(nn.Module):
    def __init__(self, channel, reduction=4):
        super().__init__()
        self.avg_pool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Sequential(
            nn.Linear(channel, _make_divisible(channel // reduction, 8)),
            nn.ReLU(inplace=True),
            nn.Linear(_make_divisible(channel // reduction, 8), channel),
            nn.Hardsigmoid(),
        )

    def forward(self, x):
        b, c, _, _ = x.size()
        y = self.avg_pool(x).view(b, c)
        y = self.fc(y).view(b, c, 1, 1)
        return x * y


class InvertedResidual(nn.Module):
    def __init__(self, inp, hidden_dim, oup, kernel_size, stride, use_se, use_hs):
        super().__init__()
        assert stride in [1, 2]
        self.identity = stride == 1 and inp == oup
        self.conv = nn.Sequential(OrderedDict([
            ("expand", nn.Conv2d(inp, hidden_dim, 1, 1, 0, bias=False)),
            ("bn1", nn.BatchNorm2d(hidden_dim, momentum=0.01)),
            ("act1", nn.Hardswish() if use_hs else nn.ReLU6(inplace=True)),
            ("dw", nn.Conv2d(hidden_dim, hidden_dim, kernel_size, stride, (kernel_size - 1) // 2, groups=hidden_dim, bias=False)),
            ("bn2", nn.BatchNorm2d(hidden_dim)),
            ("se", SELayer(hidden_dim) if use_se else nn.Identity()),
            ("act2", nn.Hardswish() if use_hs else nn.ReLU6(inplace=True)),
            ("project", nn.Conv2d(hidden_dim, oup, 1, 1, 0, bias=False)),
            ("bn3", nn.BatchNorm2d(oup)),
        ]))

    def forward(self, x):
        return x + self.conv(x) if self.identity else self.conv(x)


class ChannelShuffleBlock(nn.Module):
    def __init__(self, channels, groups=2):
        super().__init__()
        self.groups = groups
        self.conv = nn.Conv2d(channels, channels, 1, groups=groups)

    def forward(self, x):
        b, c, h, w = x.data.size()
        x = x.view(b, self.groups, c // self.groups, h, w)
        x = torch.transpose(x, 1, 2).contiguous()
        return F.channel_shuffle(self.conv(x.view(b, -1, h, w)), self.groups)


class MobileNet(nn.Module):
    def __init__(self, num_classes=5):
        super().__init__()
        self.features = nn.Sequential(
            nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1, bias=False), nn.BatchNorm2d(8), nn.Hardswish()),
            InvertedResidual(8, 16, 8, 3, 1, True, False),
            InvertedResidual(8, 24, 16, 5, 2, True, True),
            ChannelShuffleBlock(16),
            nn.MaxPool2d(3, 2, 1, ceil_mode=True),
        )
        self.classifier = nn.Sequential(nn.Linear(16, 24), nn.PReLU(), nn.Dropout(0.0), nn.Linear(24, num_classes))
        for m in self.modules():
            if isinstance(m, nn.Conv2d):
                n = m.kernel_size[0] * m.kernel_size[1] * m.out_channels
                m.weight.data.normal_(0, (2.0 / n) ** 0.5)
                if m.bias is not None:
                    m.bias.data.zero_()
            elif isinstance(m, nn.Linear):
                m.weight.data.normal_(0, 0.01)
                m.bias.data.zero_()

    def forward(self, x, y, lam=0.3):
        index = torch.arange(x.size(0) - 1, -1, -1)
        x = lam * x + (1 - lam) * x[index, :]
        x = self.features(x)
        x = F.adaptive_avg_pool2d(x, (1, 1)).squeeze(-1).squeeze(-1)
        out = self.classifier(x)
        return lam * F.cross_entropy(out, y) + (1 - lam) * F.cross_entropy(out, y[index])


def make(rng):
    x = torch.Tensor(rng.standard_normal((4, 3, 21, 18)))
    return MobileNet(), (x, torch.LongTensor(rng.integers(0, 5, 4)))
