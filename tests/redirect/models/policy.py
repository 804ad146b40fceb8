"""An actor-critic with running statistics, returns computed backwards, and a clipped objective."""

import torch
import torch.nn as nn
import torch.nn.functional as F


def layer_init(layer, std=2**0.5, bias_const=0.0):
    torch.nn.init.orthogonal_(layer.weight, std)
    torch.nn.init.constant_(layer.bias, bias_const)
    return layer


class Agent(nn.Module):
    def __init__(self, obs=6, actions=3):
        super().__init__()
        self.critic = nn.Sequential(layer_init(nn.Linear(obs, 16)), nn.Tanh(), layer_init(nn.Linear(16, 1), std=1.0))
        self.actor_mean = nn.Sequential(layer_init(nn.Linear(obs, 16)), nn.Tanh(), layer_init(nn.Linear(16, actions), std=0.01))
        self.actor_logstd = nn.Parameter(torch.zeros(1, actions))
        self.register_buffer("mean", torch.zeros(obs))
        self.register_buffer("count", torch.tensor(1e-4))

    @torch.no_grad()
    def update_statistics(self, x):
        batch_mean, batch_count = x.mean(dim=0), x.shape[0]
        total = self.count + batch_count
        self.mean += (batch_mean - self.mean) * batch_count / total
        self.count.copy_(total)

    def log_prob(self, x, action):
        mean = self.actor_mean(x - self.mean)
        logstd = self.actor_logstd.expand_as(mean)
        std = torch.exp(logstd)
        log_density = -((action - mean) ** 2) / (2 * std**2) - logstd - 0.5 * torch.log(torch.tensor(2 * torch.pi))
        entropy = 0.5 + 0.5 * torch.log(torch.tensor(2 * torch.pi)) + logstd
        return log_density.sum(1), entropy.sum(1)

    def forward(self, obs, actions, rewards, dones, gamma=0.99, lam=0.95, clip=0.2):
        self.update_statistics(obs)
        with torch.no_grad():
            values = self.critic(obs - self.mean).flatten()
            advantages = torch.zeros_like(rewards)
            lastgaelam = 0
            for t in reversed(range(len(rewards) - 1)):
                nextnonterminal = 1.0 - dones[t + 1].float()
                delta = rewards[t] + gamma * values[t + 1] * nextnonterminal - values[t]
                advantages[t] = lastgaelam = delta + gamma * lam * nextnonterminal * lastgaelam
            returns = advantages + values
            old, _ = self.log_prob(obs + 0.1, actions)
        b_inds = torch.arange(len(rewards)).flip(0)
        newlogprob, entropy = self.log_prob(obs[b_inds], actions[b_inds])
        ratio = (newlogprob - old[b_inds]).exp()
        adv = advantages[b_inds]
        adv = (adv - adv.mean()) / (adv.std() + 1e-8)
        pg_loss = torch.max(-adv * ratio, -adv * torch.clamp(ratio, 1 - clip, 1 + clip)).mean()
        v_loss = F.smooth_l1_loss(self.critic(obs[b_inds] - self.mean).view(-1), returns[b_inds])
        return pg_loss - 0.01 * entropy.mean() + v_loss * 0.5


def make(rng):
    obs, actions = torch.from_numpy(rng.standard_normal((11, 6))).float(), torch.from_numpy(rng.standard_normal((11, 3))).float()
    rewards = torch.from_numpy(rng.standard_normal(11)).to(torch.float32)
    return Agent(), (obs, actions, rewards, torch.from_numpy(rng.random(11) < 0.2))
