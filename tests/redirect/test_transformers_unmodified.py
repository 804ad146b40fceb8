"""`transformers` itself, its imports redirected: it builds a model on the device "meta", and a folder's tensors take their places."""

import json
import subprocess
import sys

import pytest

LOADS = """
import json, sys
import torch
from transformers import BertModel

model, found = BertModel.from_pretrained(sys.argv[1], output_loading_info=True)
x = torch.arange(7)[None]
with torch.device("meta"):
    outline = BertModel(model.config)
shape = list(outline(x.to("meta")).last_hidden_state.shape)
print(json.dumps([torch.__version__, model(x).last_hidden_state.tolist(), shape, sorted(found["missing_keys"])]))
"""


def test_a_folder_is_loaded_by_transformers(torch, tmp_path):
    import transformers

    torch.manual_seed(0)
    settings = {
        "hidden_size": 12,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 17,
        "vocab_size": 19,
    }
    model = transformers.BertModel(transformers.BertConfig(**settings)).eval()
    model.save_pretrained(tmp_path / "folder")
    script = tmp_path / "loads.py"
    script.write_text(LOADS)
    command = [sys.executable, "-m", "chainrule", "run", str(script), str(tmp_path / "folder")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    version, values, shape, missing = json.loads(done.stdout.splitlines()[-1])
    assert version.endswith("chainrule") and not missing and shape == [1, 7, 12]
    with torch.no_grad():
        theirs = model(torch.arange(7)[None]).last_hidden_state
    assert torch.tensor(values).flatten().tolist() == pytest.approx(
        theirs.flatten().tolist(), abs=1e-5
    )
