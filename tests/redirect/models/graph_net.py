"""Messages along the edges of a graph: attention normalised over each node's neighbours."""

import torch
from torch import nn
from torch.nn import Parameter
from torch.nn.init import xavier_uniform_, zeros_


def scatter_softmax(scores, index, num_nodes):
    largest = torch.full((num_nodes, scores.size(1)), float("-inf"), dtype=scores.dtype)
    largest = largest.scatter_reduce(0, index.unsqueeze(-1).expand_as(scores), scores, reduce="amax")
    out = (scores - largest.index_select(0, index)).exp()
    total = torch.zeros(num_nodes, scores.size(1), dtype=scores.dtype).index_add_(0, index, out)
    return out / (total[index] + 1e-16)


class GATLayer(nn.Module):
    def __init__(self, in_features: int, out_features: int, heads: int, concat: bool = True):
        super(GATLayer, self).__init__()
        self.heads, self.out_features, self.concat = heads, out_features, concat
        self.lin = nn.Linear(in_features, heads * out_features, bias=False)
        self.att_src = Parameter(torch.empty(1, heads, out_features))
        self.att_dst = Parameter(torch.empty(1, heads, out_features))
        self.bias = Parameter(torch.empty(heads * out_features if concat else out_features))
        self.reset_parameters()

    def reset_parameters(self):
        xavier_uniform_(self.lin.weight)
        xavier_uniform_(self.att_src)
        xavier_uniform_(self.att_dst)
        zeros_(self.bias)

    def forward(self, x, edge_index):
        n = x.size(0)
        h = self.lin(x).view(-1, self.heads, self.out_features)
        alpha_src = (h * self.att_src).sum(dim=-1)
        alpha_dst = (h * self.att_dst).sum(dim=-1)
        src, dst = edge_index
        alpha = nn.functional.leaky_relu(alpha_src[src] + alpha_dst[dst], 0.2)
        alpha = scatter_softmax(alpha, dst, n)
        messages = h[src] * alpha.unsqueeze(-1)
        out = torch.zeros_like(h).index_add(0, dst, messages)
        out = out.flatten(1) if self.concat else out.mean(dim=1)
        return out + self.bias


class GAT(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = GATLayer(5, 4, 3)
        self.conv2 = GATLayer(12, 3, 2, concat=False)
        self.register_buffer("mask", torch.tensor([True, False, True, True, False, True, True]))

    def forward(self, x, edge_index, y):
        x = torch.nn.functional.elu(self.conv1(x, edge_index))
        logits = self.conv2(x, edge_index)
        degree = torch.bincount(edge_index[1], minlength=x.shape[0]).float()
        weight = degree.clamp(min=1).pow(-0.5)
        loss = torch.nn.functional.nll_loss(logits.log_softmax(-1)[self.mask], y[self.mask], reduction="none")
        return (loss * weight[self.mask]).sum() / weight[self.mask].sum()


def make(rng):
    x = torch.tensor(rng.standard_normal((7, 5)), dtype=torch.float)
    edges = torch.as_tensor(rng.integers(0, 7, (2, 19)))
    loops = torch.arange(7).repeat(2, 1)
    return GAT(), (x, torch.cat([edges, loops], dim=1), torch.as_tensor(rng.integers(0, 3, 7)))
