"""Trains every model of `models/` for three steps, and writes what came out: on whichever library `import torch` finds.

python run_models.py OUT.npz [WEIGHTS.npz]    with WEIGHTS, from a run on the other library, the same weights
"""

import importlib
import sys
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parent))
out, weights = {}, dict(np.load(sys.argv[2])) if len(sys.argv) > 2 else None
for path in sorted((Path(__file__).parent / "models").glob("*.py")):
    name = path.stem
    try:
        torch.manual_seed(0)
        model, inputs = importlib.import_module(f"models.{name}").make(np.random.default_rng(0))
        state = model.state_dict()
        if weights is not None:
            keys = [k.split("::")[1] for k in weights if k.startswith(f"{name}::")]
            state = {k: torch.from_numpy(weights[f"{name}::{k}"]) for k in keys}
            model.load_state_dict(state)
        for key, value in model.state_dict().items():
            out[f"{name}::{key}"] = value.numpy().copy()
        optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
        losses = []
        for step in range(3):
            optimizer.zero_grad()
            loss = model(*inputs)
            loss.backward()
            if step == 0:
                for key, p in model.named_parameters():
                    out[f"{name}:gradient:{key}"] = p.grad.numpy().copy()
            optimizer.step()
            losses.append(loss.item())
        out[f"{name}:losses"] = np.array(losses)
    except Exception as error:
        out[f"{name}:error"] = np.array(f"{type(error).__name__}: {error}")
np.savez(sys.argv[1], **out)
