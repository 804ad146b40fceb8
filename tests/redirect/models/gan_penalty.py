"""A critic with spectral and weight norm, and the gradient penalty, which is differentiated twice."""

import torch
import torch.autograd as autograd
import torch.nn as nn
from torch.nn.utils import spectral_norm, weight_norm


class MinibatchStdDev(nn.Module):
    def forward(self, x):
        std = torch.sqrt(x.var(0, unbiased=False) + 1e-8).mean().view(1, 1, 1, 1)
        return torch.cat([x, std.expand(x.size(0), 1, *x.shape[2:])], 1)


class Critic(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(
            spectral_norm(nn.Conv2d(1, 6, 4, 2, 1)), nn.LeakyReLU(0.2),
            weight_norm(nn.Conv2d(6, 8, 3, 1, 1)), nn.InstanceNorm2d(8, affine=True), nn.Softplus(),
            MinibatchStdDev(), nn.Flatten(), nn.Linear(9 * 4 * 4, 1),
        )  # fmt: skip

    def forward(self, x):
        return self.net(x).squeeze(1)


def calc_gradient_penalty(netD, real_data, fake_data, alpha, LAMBDA=10):
    alpha = alpha.expand_as(real_data)
    interpolates = alpha * real_data + ((1 - alpha) * fake_data)
    interpolates = autograd.Variable(interpolates, requires_grad=True)
    disc_interpolates = netD(interpolates)
    gradients = autograd.grad(
        outputs=disc_interpolates, inputs=interpolates, grad_outputs=torch.ones(disc_interpolates.size()),
        create_graph=True, retain_graph=True, only_inputs=True,
    )[0]
    gradients = gradients.view(gradients.size(0), -1)
    return ((gradients.norm(2, dim=1) - 1) ** 2).mean() * LAMBDA


class Step(nn.Module):
    def __init__(self):
        super().__init__()
        self.critic = Critic().eval()

    def forward(self, real, fake, alpha):
        loss = self.critic(fake).mean() - self.critic(real).mean()
        return loss + calc_gradient_penalty(self.critic, real, fake, alpha)


def make(rng):
    real, fake = torch.tensor(rng.standard_normal((2, 3, 1, 8, 8)), dtype=torch.float32).unbind(0)
    return Step(), (real, fake, torch.tensor(rng.random((3, 1, 1, 1)), dtype=torch.float32))
