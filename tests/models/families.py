"""Random checkpoints of every architecture, as `transformers` makes them, and what to call them with."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

VOCABULARY, BATCH, TIME = 31, 3, 7


class Case(NamedTuple):
    """A configuration's keyword arguments, those of a call, and the fields to compare."""

    settings: dict[str, Any]
    inputs: dict[str, Any]
    fields: tuple[str, ...]


FAMILIES: dict[str, Callable[[np.random.Generator], Case]] = {}
"""Cases by the name of the class."""

CONFIGS = {
    "GPT2LMHeadModel": "GPT2Config", "LlamaForCausalLM": "LlamaConfig", "Qwen2ForCausalLM": "Qwen2Config",
    "MistralForCausalLM": "MistralConfig", "BertModel": "BertConfig", "BertForMaskedLM": "BertConfig",
    "BertForSequenceClassification": "BertConfig", "BertForTokenClassification": "BertConfig",
    "ViTModel": "ViTConfig", "ViTForImageClassification": "ViTConfig", "ResNetForImageClassification": "ResNetConfig",
    "CLIPModel": "CLIPConfig", "T5ForConditionalGeneration": "T5Config",
}  # fmt: skip


def family(*names: str) -> Callable[[Callable], Callable]:
    """Decorator: puts a maker of cases into the table."""

    def put(f: Callable) -> Callable:
        for name in names:
            FAMILIES[name] = lambda rng, name=name: f(rng, name)
        return f

    return put


def pick(rng: np.random.Generator, *choices: Any) -> Any:
    """One of some values."""
    return choices[rng.integers(len(choices))]


def heads(rng: np.random.Generator) -> tuple[int, int]:
    """(heads, channels), the heads of an even size."""
    count = int(rng.integers(1, 5))
    return count, count * 2 * int(rng.integers(1, 5))


def ids_and_mask(rng: np.random.Generator) -> dict[str, Any]:
    """Tokens, and padding at the end of some texts."""
    mask = np.ones((BATCH, TIME), np.int64)
    mask[1, TIME - int(rng.integers(1, 4)) :] = 0
    return {"input_ids": rng.integers(3, VOCABULARY, (BATCH, TIME)), "attention_mask": mask}


def some_labels(rng: np.random.Generator, high: int, *shape: int) -> np.ndarray:
    """Labels, some of which are passed over."""
    labels = rng.integers(0, high, shape)
    return np.where(rng.random(shape) < 0.3, -100, labels) if len(shape) > 1 else labels


@family("GPT2LMHeadModel")
def gpt2(rng, name):
    H, C = heads(rng)
    settings = {
        "vocab_size": VOCABULARY, "n_positions": 16, "n_embd": C, "n_layer": int(rng.integers(1, 4)), "n_head": H,
        "n_inner": pick(rng, None, 13), "activation_function": pick(rng, "gelu_new", "relu", "gelu", "silu"),
        "layer_norm_epsilon": pick(rng, 1e-5, 1e-2), "scale_attn_weights": pick(rng, True, False),
        "scale_attn_by_inverse_layer_idx": pick(rng, True, False), "tie_word_embeddings": pick(rng, True, False),
        "resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0,
    }  # fmt: skip
    labels = some_labels(rng, VOCABULARY, BATCH, TIME)
    return Case(
        settings, {**ids_and_mask(rng), "labels": labels}, ("loss", "logits", "hidden_states")
    )


@family("LlamaForCausalLM", "Qwen2ForCausalLM", "MistralForCausalLM")
def llama(rng, name):
    H, C = heads(rng)
    few = pick(rng, *[k for k in range(1, H + 1) if H % k == 0])
    settings = {
        "vocab_size": VOCABULARY, "hidden_size": C, "intermediate_size": int(rng.integers(3, 20)),
        "num_hidden_layers": int(rng.integers(1, 4)), "num_attention_heads": H, "num_key_value_heads": few,
        "hidden_act": pick(rng, "silu", "gelu", "relu"), "max_position_embeddings": pick(rng, 5, 64),
        "rms_norm_eps": pick(rng, 1e-6, 1e-2), "tie_word_embeddings": pick(rng, True, False),
    }  # fmt: skip
    scaling = pick(
        rng,
        {"rope_type": "default"},
        {"rope_type": "linear", "factor": 2.5},
        {"rope_type": "dynamic", "factor": 2.0},
        {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 8},
        {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
         "original_max_position_embeddings": 8},
    )  # fmt: skip
    if C // H > 2:  # with a single pair of channels some ways of scaling divide by zero
        settings["rope_parameters"] = {**scaling, "rope_theta": pick(rng, 10000.0, 300.0)}
    if name == "LlamaForCausalLM":
        settings |= {"attention_bias": pick(rng, True, False), "mlp_bias": pick(rng, True, False)}
    if name == "Qwen2ForCausalLM":
        settings |= {
            "use_sliding_window": pick(rng, True, False),
            "sliding_window": 3,
            "max_window_layers": 1,
        }
    if name == "MistralForCausalLM":
        settings |= {"sliding_window": pick(rng, None, 3), "head_dim": C // H}
    labels = some_labels(rng, VOCABULARY, BATCH, TIME)
    return Case(
        settings, {**ids_and_mask(rng), "labels": labels}, ("loss", "logits", "hidden_states")
    )


@family(
    "BertModel", "BertForMaskedLM", "BertForSequenceClassification", "BertForTokenClassification"
)
def bert(rng, name):
    H, C = heads(rng)
    settings = {
        "vocab_size": VOCABULARY, "hidden_size": C, "num_hidden_layers": int(rng.integers(1, 4)), "num_attention_heads": H,
        "intermediate_size": int(rng.integers(3, 20)), "hidden_act": pick(rng, "gelu", "relu", "gelu_new", "silu"),
        "layer_norm_eps": pick(rng, 1e-12, 1e-3), "type_vocab_size": pick(rng, 2, 5), "max_position_embeddings": 16,
        "tie_word_embeddings": pick(rng, True, False), "num_labels": pick(rng, 2, 5),
        "hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0,
    }  # fmt: skip
    inputs = {**ids_and_mask(rng), "token_type_ids": rng.integers(0, 2, (BATCH, TIME))}
    if name == "BertModel":
        return Case(settings, inputs, ("last_hidden_state", "pooler_output", "hidden_states"))
    if name == "BertForSequenceClassification":
        labels = rng.integers(0, settings["num_labels"], BATCH)
    else:
        high = VOCABULARY if name == "BertForMaskedLM" else settings["num_labels"]
        labels = some_labels(rng, high, BATCH, TIME)
    return Case(settings, {**inputs, "labels": labels}, ("loss", "logits", "hidden_states"))


@family("ViTModel", "ViTForImageClassification")
def vit(rng, name):
    H, C = heads(rng)
    patch = int(rng.integers(2, 5))
    settings = {
        "hidden_size": C, "num_hidden_layers": int(rng.integers(1, 4)), "num_attention_heads": H,
        "intermediate_size": int(rng.integers(3, 20)), "hidden_act": pick(rng, "gelu", "relu"),
        "layer_norm_eps": pick(rng, 1e-12, 1e-3), "image_size": 3 * patch, "patch_size": patch,
        "num_channels": pick(rng, 1, 3), "qkv_bias": pick(rng, True, False), "num_labels": 5,
    }  # fmt: skip
    pixels = rng.standard_normal((BATCH, settings["num_channels"], 3 * patch, 3 * patch)).astype(
        np.float32
    )
    if name == "ViTModel":
        return Case(
            settings,
            {"pixel_values": pixels},
            ("last_hidden_state", "pooler_output", "hidden_states"),
        )
    labels = rng.integers(0, 5, BATCH)
    return Case(
        settings, {"pixel_values": pixels, "labels": labels}, ("loss", "logits", "hidden_states")
    )


@family("ResNetForImageClassification")
def resnet(rng, name):
    stages = int(rng.integers(1, 4))
    settings = {
        "embedding_size": int(rng.integers(2, 7)), "hidden_sizes": [4 * int(rng.integers(1, 4)) for _ in range(stages)],
        "depths": [int(rng.integers(1, 3)) for _ in range(stages)], "layer_type": pick(rng, "basic", "bottleneck"),
        "downsample_in_first_stage": pick(rng, True, False), "downsample_in_bottleneck": pick(rng, True, False),
        "num_channels": pick(rng, 1, 3), "num_labels": 5,
    }  # fmt: skip
    pixels = rng.standard_normal((BATCH, settings["num_channels"], 37, 33)).astype(np.float32)
    inputs = {"pixel_values": pixels, "labels": rng.integers(0, 5, BATCH)}
    return Case(settings, inputs, ("loss", "logits", "hidden_states"))


@family("CLIPModel")
def clip(rng, name):
    towers = []
    for _ in range(2):
        H, C = heads(rng)
        towers.append({
            "hidden_size": C, "intermediate_size": int(rng.integers(3, 20)), "num_hidden_layers": int(rng.integers(1, 3)),
            "num_attention_heads": H, "hidden_act": pick(rng, "quick_gelu", "gelu"), "layer_norm_eps": pick(rng, 1e-5, 1e-3),
        })  # fmt: skip
    end = pick(rng, VOCABULARY - 1, 2)
    settings = {
        "text_config": {**towers[0], "vocab_size": VOCABULARY, "eos_token_id": end},
        "vision_config": {**towers[1], "image_size": 6, "patch_size": 3},
        "projection_dim": 5,
    }
    inputs = ids_and_mask(rng)
    inputs["input_ids"][:, 4] = VOCABULARY - 1
    pixels = rng.standard_normal((BATCH, 3, 6, 6)).astype(np.float32)
    fields = ("loss", "logits_per_image", "logits_per_text", "image_embeds", "text_embeds")
    return Case(settings, {**inputs, "pixel_values": pixels, "return_loss": True}, fields)


@family("T5ForConditionalGeneration")
def t5(rng, name):
    settings = {
        "vocab_size": VOCABULARY, "d_model": int(rng.integers(3, 14)), "d_kv": int(rng.integers(2, 7)),
        "d_ff": int(rng.integers(3, 20)), "num_layers": int(rng.integers(1, 3)), "num_heads": int(rng.integers(1, 4)),
        "num_decoder_layers": int(rng.integers(1, 3)), "relative_attention_num_buckets": pick(rng, 8, 32),
        "relative_attention_max_distance": pick(rng, 12, 128), "layer_norm_epsilon": pick(rng, 1e-6, 1e-2),
        "feed_forward_proj": pick(rng, "relu", "gated-gelu", "gated-silu"), "tie_word_embeddings": pick(rng, True, False),
        "dropout_rate": 0.0, "decoder_start_token_id": 0,
    }  # fmt: skip
    labels = some_labels(rng, VOCABULARY, BATCH, 5)
    fields = ("loss", "logits", "encoder_last_hidden_state", "decoder_hidden_states")
    return Case(settings, {**ids_and_mask(rng), "labels": labels}, fields)


def made(torch: ModuleType, transformers: ModuleType, name: str, settings: dict) -> Any:
    """A model of `transformers` with random weights, in evaluation mode."""
    model = getattr(transformers, name)(getattr(transformers, CONFIGS[name])(**settings)).eval()
    for p in model.parameters():
        torch.nn.init.normal_(p, std=0.3) if p.ndim > 1 else torch.nn.init.uniform_(p, 0.5, 1.5)
    for key, buffer in model.named_buffers():
        if "running" in key:
            torch.nn.init.uniform_(buffer, 0.5, 1.5)
    return model
