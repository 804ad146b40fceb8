"""Random checkpoints of every architecture, as `transformers` makes them, and what to call them with."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from chainrule.models.activations import ACTIVATIONS

VOCABULARY, BATCH, TIME = 31, 3, 7
SMOOTH = sorted(set(ACTIVATIONS) - {"relu", "relu6", "relu2", "leaky_relu", "hardswish", "gelu_10"})
"""Activations without kinks, at which a rounding could turn a gradient."""


class Case(NamedTuple):
    """A configuration's keyword arguments, those of a call, and the fields to compare."""

    settings: dict[str, Any]
    inputs: dict[str, Any]
    fields: tuple[str, ...]


FAMILIES: dict[str, Callable[[np.random.Generator], Case]] = {}
"""Cases by the name of the class."""

CONFIGS = {
    "GPT2": "GPT2Config", "Llama": "LlamaConfig", "Qwen2": "Qwen2Config", "Mistral": "MistralConfig", "Bert": "BertConfig",
    "ViT": "ViTConfig", "ResNet": "ResNetConfig", "CLIPText": "CLIPTextConfig", "CLIPVision": "CLIPVisionConfig",
    "CLIP": "CLIPConfig", "T5": "T5Config", "Roberta": "RobertaConfig", "XLMRoberta": "XLMRobertaConfig",
    "DistilBert": "DistilBertConfig", "Qwen3Moe": "Qwen3MoeConfig", "Qwen3": "Qwen3Config", "Mixtral": "MixtralConfig",
    "Whisper": "WhisperConfig", "DeiT": "DeiTConfig", "Dinov2": "Dinov2Config",
    "GPTNeoX": "GPTNeoXConfig", "OPT": "OPTConfig", "Electra": "ElectraConfig",
    "Albert": "AlbertConfig", "MPNet": "MPNetConfig", "Camembert": "CamembertConfig",
    "Phi3": "Phi3Config", "Gemma2": "Gemma2Config", "Gemma3": "Gemma3TextConfig", "Gemma": "GemmaConfig",
}  # fmt: skip
"""Configurations by how the names of classes begin."""

STATES = ("last_hidden_state", "hidden_states", "attentions")
LOGITS = ("loss", "logits", "hidden_states", "attentions")
SPAN = ("loss", "start_logits", "end_logits", "hidden_states", "attentions")


def config_of(name: str) -> str:
    """The configuration of a class."""
    return next(config for begin, config in CONFIGS.items() if name.startswith(begin))


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
    """(heads, channels), the heads of an even size, and not so few channels that a norm of them magnifies roundings."""
    count = int(rng.integers(1, 5))
    return count, count * 2 * int(rng.integers(2, 5))


def some_labels(rng: np.random.Generator, high: int, *shape: int) -> np.ndarray:
    """Labels, some of which are passed over."""
    labels = rng.integers(0, high, shape)
    return np.where(rng.random(shape) < 0.3, -100, labels) if len(shape) > 1 else labels


def text(rng: np.random.Generator, pad: int | None = 0, causal: bool = False) -> dict[str, Any]:
    """Tokens; in some cases padding at an end of some texts (a causal model's also at the beginning), or positions."""
    inputs: dict[str, Any] = {"input_ids": rng.integers(3, VOCABULARY, (BATCH, TIME))}
    kind = pick(rng, "whole", "right", "right", *["left"] * causal)
    if kind != "whole":
        mask, few = np.ones((BATCH, TIME), np.int64), int(rng.integers(1, 4))
        mask[1, TIME - few :] = 0
        if kind == "left":
            mask = mask[:, ::-1].copy()
        if pad is not None:
            inputs["input_ids"][mask == 0] = pad
        inputs["attention_mask"] = mask
    if rng.random() < 0.3:
        inputs["position_ids"] = rng.integers(0, TIME, (BATCH, TIME))
    return inputs


def labelled(rng: np.random.Generator) -> tuple[dict[str, Any], np.ndarray]:
    """Settings of a head that classifies, and labels (B,) or (B, classes) for it."""
    kind = pick(
        rng, None, "single_label_classification", "multi_label_classification", "regression"
    )
    count = int(rng.integers(2, 6))
    if kind == "regression":
        count = pick(rng, 1, count)
    settings: dict[str, Any] = {"num_labels": count, "problem_type": kind}
    if rng.random() < 0.5:
        settings["id2label"] = {k: f"class {k}" for k in range(count)}
        settings["label2id"] = {f"class {k}": k for k in range(count)}
    shape = (BATCH,) if count == 1 else (BATCH, count)
    if kind == "regression":
        return settings, rng.standard_normal(shape).astype(np.float32)
    if kind == "multi_label_classification" or (kind is None and rng.random() < 0.5):
        return settings, rng.integers(0, 2, shape).astype(np.float32)
    return settings, rng.integers(0, count, BATCH)


def ends(rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Where answers start and end; some where there is no token, but not all: a mean of nothing is no number."""
    both = rng.integers(0, TIME + 2, (2, BATCH))
    both[:, 0] %= TIME
    return {"start_positions": both[0], "end_positions": both[1]}


@family(
    "GPT2Model", "GPT2LMHeadModel", "GPT2ForSequenceClassification", "GPT2ForTokenClassification", "GPT2ForQuestionAnswering",
)  # fmt: skip
def gpt2(rng, name):
    H, C = heads(rng)
    settings = {
        "vocab_size": VOCABULARY, "n_positions": pick(rng, TIME + 3, 64), "n_embd": C, "n_layer": int(rng.integers(1, 4)),
        "n_head": H, "n_inner": pick(rng, None, 13), "activation_function": pick(rng, *SMOOTH),
        "layer_norm_epsilon": pick(rng, 1e-5, 1e-2), "scale_attn_weights": pick(rng, True, False),
        "scale_attn_by_inverse_layer_idx": pick(rng, True, False), "reorder_and_upcast_attn": pick(rng, True, False),
        "tie_word_embeddings": pick(rng, True, False), "resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0,
        "bos_token_id": pick(rng, None, 1), "eos_token_id": pick(rng, None, 2, [1, 2]), "pad_token_id": 0,
    }  # fmt: skip
    inputs = text(rng, causal=True)
    if rng.random() < 0.3:
        inputs["token_type_ids"] = rng.integers(0, VOCABULARY, (BATCH, TIME))
    if name in ("GPT2Model", "GPT2LMHeadModel") and rng.random() < 0.4:
        settings["add_cross_attention"] = True
        inputs["encoder_hidden_states"] = rng.standard_normal((BATCH, 5, C)).astype(np.float32)
        if rng.random() < 0.5:
            inputs["encoder_attention_mask"] = np.array([[1] * 5, [1, 1, 0, 0, 0], [0, 1, 1, 1, 1]])
    return with_head(rng, name, settings, inputs)


def with_head(rng, name, settings, inputs):
    """What a head adds to a case of a text model."""
    across = ("cross_attentions",) if "encoder_hidden_states" in inputs else ()
    if name.endswith("ForSequenceClassification"):
        more, labels = labelled(rng)
        return Case({**settings, **more}, {**inputs, "labels": labels}, LOGITS)
    if name.endswith("ForTokenClassification"):
        settings["num_labels"] = 5
        return Case(settings, {**inputs, "labels": some_labels(rng, 5, BATCH, TIME)}, LOGITS)
    if name.endswith("ForQuestionAnswering"):
        return Case(settings, {**inputs, **ends(rng)}, SPAN)
    if name.endswith("Model") and not name.endswith("LMHeadModel"):
        return Case(settings, inputs, STATES + across)
    labels = some_labels(rng, VOCABULARY, BATCH, TIME)
    return Case(settings, {**inputs, "labels": labels}, LOGITS + across)


def scaling(rng, size):
    """Rotary positions of every kind, for heads of some size."""
    each = [round(float(x), 3) for x in rng.uniform(1, 4, size // 2)]
    kinds = [
        {"rope_type": "default"},
        {"rope_type": "linear", "factor": 2.5},
        {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 8},
        {"rope_type": "yarn", "factor": 4.0, "attention_factor": 0.7, "beta_fast": 16.0, "beta_slow": 2.0, "truncate": False},
        {"rope_type": "yarn", "factor": 40.0, "mscale": 0.7, "mscale_all_dim": 1.3, "original_max_position_embeddings": 8},
        {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
         "original_max_position_embeddings": 8},
        {"rope_type": "longrope", "short_factor": each, "long_factor": each[::-1], "original_max_position_embeddings": 4},
        {"rope_type": "longrope", "short_factor": each, "long_factor": each[::-1], "factor": 3.0,
         "original_max_position_embeddings": 16},
        {"rope_type": "longrope", "short_factor": each, "long_factor": each, "attention_factor": 1.3},
    ]  # fmt: skip
    if size > 2:  # with a single pair of channels it divides by zero
        kinds.append({"rope_type": "dynamic", "factor": 2.0})
    return {**pick(rng, *kinds), "rope_theta": pick(rng, 10000.0, 300.0, 500000.0)}


@family(*[
    f"{model}{end}"
    for model in ("Llama", "Qwen2", "Mistral", "Qwen3", "Qwen3Moe", "Mixtral", "Phi3", "Gemma", "Gemma2")
    for end in ("Model", "ForCausalLM", "ForSequenceClassification", "ForTokenClassification", "ForQuestionAnswering")
    if not (model in ("Phi3", "Gemma", "Gemma2") and end == "ForQuestionAnswering")
], "Gemma3TextModel", "Gemma3ForCausalLM", "Gemma3TextForSequenceClassification")  # fmt: skip
def llama(rng, name):
    H, C = heads(rng)
    few = pick(rng, *[k for k in range(1, H + 1) if H % k == 0])
    layers, size = int(rng.integers(1, 4)), C // H
    settings = {
        "vocab_size": VOCABULARY, "hidden_size": C, "intermediate_size": int(rng.integers(3, 20)),
        "num_hidden_layers": layers, "num_attention_heads": H, "num_key_value_heads": pick(rng, few, few),
        "hidden_act": pick(rng, *SMOOTH), "max_position_embeddings": pick(rng, 5, 64),
        "rms_norm_eps": pick(rng, 1e-6, 1e-2), "tie_word_embeddings": pick(rng, True, False),
        "bos_token_id": 1, "eos_token_id": pick(rng, None, 2, [1, 2]), "pad_token_id": 0,
    }  # fmt: skip
    if rng.random() < 0.4 or name.startswith(("Qwen3", "Gemma", "Mixtral")):
        settings["head_dim"] = size = 2 * int(rng.integers(1, 7))
    if rng.random() < 0.8:
        settings["rope_parameters"] = scaling(rng, size)
    if name.startswith("Phi3"):
        settings |= phi3(rng, settings.pop("head_dim", C // H), settings)
    if name.startswith(("Qwen3", "Gemma")):
        settings["attention_bias"] = pick(rng, True, False)
    if name.startswith("Gemma"):
        settings["hidden_act"] = pick(rng, *SMOOTH)
    if name.startswith(("Gemma2", "Gemma3")):
        settings |= {
            "hidden_activation": settings.pop("hidden_act"), "query_pre_attn_scalar": int(rng.integers(2, 30)),
            "final_logit_softcapping": pick(rng, None, 3.0), "attn_logit_softcapping": pick(rng, None, 2.0),
            "sliding_window": 3,
        }  # fmt: skip
        if rng.random() < 0.5:
            kinds = ("full_attention", "sliding_attention")
            settings["layer_types"] = [pick(rng, *kinds) for _ in range(layers)]
    if name.startswith("Gemma3"):
        far, near = settings.get("rope_parameters"), scaling(rng, size)
        if far is not None:
            for each in (far, near):
                each.pop("truncate", None)  # the reference does not look for it there
            settings["rope_parameters"] = {"full_attention": far, "sliding_attention": near}
    if name.startswith(("Mixtral", "Qwen3Moe")):
        count = int(rng.integers(2, 6))  # the reference's products want rows of 16 bytes
        settings |= {"hidden_size": 4 * int(rng.integers(1, 4)), "intermediate_size": 4 * count}
        settings |= {
            "num_local_experts": count, "num_experts_per_tok": int(rng.integers(1, count + 1)),
            "output_router_logits": pick(rng, True, False), "router_aux_loss_coef": 0.3,
        }  # fmt: skip
    if name.startswith("Qwen3Moe"):
        settings |= {
            "num_experts": settings.pop("num_local_experts"), "moe_intermediate_size": 4 * int(rng.integers(1, 4)),
            "decoder_sparse_step": pick(rng, 1, 1, 2), "mlp_only_layers": pick(rng, [], [], [layers - 1]),
            "norm_topk_prob": pick(rng, True, False),
        }  # fmt: skip
        chosen = [k for k in range(layers) if (k + 1) % settings["decoder_sparse_step"] == 0]
        settings["output_router_logits"] &= bool(set(chosen) - set(settings["mlp_only_layers"]))
    if name.startswith("Llama"):
        settings |= {"attention_bias": pick(rng, True, False), "mlp_bias": pick(rng, True, False)}
    if name.startswith(("Qwen2", "Qwen3")):
        settings |= {
            "use_sliding_window": pick(rng, True, False),
            "max_window_layers": 1,
            "sliding_window": 3,
        }
        if settings["use_sliding_window"] and rng.random() < 0.5 and "Moe" not in name:
            kinds = ("full_attention", "sliding_attention")
            settings["layer_types"] = [pick(rng, *kinds) for _ in range(layers)]
    if name.startswith(("Mistral", "Mixtral", "Phi3")):
        settings["sliding_window"] = pick(rng, None, 3)
    case = with_head(rng, name, settings, text(rng, causal=True))
    if settings.get("output_router_logits") and name.endswith(("Model", "ForCausalLM")):
        aux = ("aux_loss",) if name.endswith("ForCausalLM") else ()
        case = case._replace(fields=(*case.fields, "router_logits", *aux))
    return case


def phi3(rng, size, settings):
    """What only Phi-3 has: a part of the channels that is turned, and rotary positions of two kinds."""
    share = pick(rng, 1.0, 0.5) if size % 4 == 0 else 1.0
    turned = int(size * share)
    rotary = scaling(rng, turned)
    while rotary["rope_type"] not in ("default", "longrope"):
        rotary = scaling(rng, turned)
    rotary["partial_rotary_factor"] = share
    return {
        "rope_parameters": rotary, "original_max_position_embeddings": pick(rng, 4, 10, 64),
        "hidden_size": settings["num_attention_heads"] * size,
    }  # fmt: skip


@family(*[
    f"GPTNeoX{end}"
    for end in ("Model", "ForCausalLM", "ForSequenceClassification", "ForTokenClassification", "ForQuestionAnswering")
])  # fmt: skip
def gpt_neox(rng, name):
    H, size = int(rng.integers(1, 4)), 8
    turned = pick(rng, 4, 8)
    settings = {
        "vocab_size": VOCABULARY, "hidden_size": H * size, "num_hidden_layers": int(rng.integers(1, 4)),
        "num_attention_heads": H, "intermediate_size": int(rng.integers(3, 20)), "hidden_act": pick(rng, *SMOOTH),
        "max_position_embeddings": pick(rng, 5, 64), "layer_norm_eps": pick(rng, 1e-5, 1e-2),
        "use_parallel_residual": pick(rng, True, False), "attention_bias": pick(rng, True, False),
        "tie_word_embeddings": pick(rng, True, False), "eos_token_id": pick(rng, None, 2, [1, 2]), "pad_token_id": 0,
        "classifier_dropout": pick(rng, 0.0, 0.4),
    }  # fmt: skip
    if rng.random() < 0.7:
        rotary = scaling(rng, turned)
        settings["rope_parameters"] = {**rotary, "partial_rotary_factor": turned / size}
    return with_head(rng, name, settings, text(rng, causal=True))


@family("OPTModel", "OPTForCausalLM", "OPTForSequenceClassification", "OPTForQuestionAnswering")
def opt(rng, name):
    H, C = heads(rng)
    settings = {
        "vocab_size": VOCABULARY, "hidden_size": C, "num_hidden_layers": int(rng.integers(1, 4)), "num_attention_heads": H,
        "ffn_dim": int(rng.integers(3, 20)), "activation_function": pick(rng, *SMOOTH), "max_position_embeddings": 16,
        "do_layer_norm_before": pick(rng, True, False), "_remove_final_layer_norm": pick(rng, True, False, False),
        "word_embed_proj_dim": pick(rng, None, C, 2 * int(rng.integers(2, 6))), "enable_bias": pick(rng, True, False),
        "layer_norm_elementwise_affine": pick(rng, True, False), "tie_word_embeddings": pick(rng, True, False),
        "eos_token_id": pick(rng, None, 2, [1, 2]), "pad_token_id": 1, "dropout": 0.0, "layerdrop": pick(rng, 0.0, 0.5),
    }  # fmt: skip
    return with_head(rng, name, settings, text(rng, pad=1, causal=True))


@family(
    "BertModel", "BertForMaskedLM", "BertForPreTraining", "BertForNextSentencePrediction", "BertForSequenceClassification",
    "BertForMultipleChoice", "BertForTokenClassification", "BertForQuestionAnswering", "BertLMHeadModel",
    "RobertaModel", "RobertaForMaskedLM", "RobertaForSequenceClassification", "RobertaForMultipleChoice",
    "RobertaForTokenClassification", "RobertaForQuestionAnswering", "RobertaForCausalLM", "XLMRobertaModel",
    "XLMRobertaForMaskedLM", "XLMRobertaForSequenceClassification", "CamembertModel", "CamembertForMaskedLM",
    "CamembertForTokenClassification", *[
    f"{model}{end}"
    for model in ("Electra", "Albert", "MPNet")
    for end in ("Model", "ForPreTraining", "ForMaskedLM", "ForCausalLM", "ForSequenceClassification", "ForMultipleChoice",
                "ForTokenClassification", "ForQuestionAnswering")
    if model == "Electra" or (end != "ForCausalLM" and (model, end) != ("MPNet", "ForPreTraining"))
])  # fmt: skip
def bert(rng, name):
    H, C = heads(rng)
    settings = {
        "vocab_size": VOCABULARY, "hidden_size": C, "num_hidden_layers": int(rng.integers(1, 4)), "num_attention_heads": H,
        "intermediate_size": int(rng.integers(3, 20)), "hidden_act": pick(rng, *SMOOTH),
        "layer_norm_eps": pick(rng, 1e-12, 1e-3), "type_vocab_size": pick(rng, 2, 5), "max_position_embeddings": 16,
        "tie_word_embeddings": pick(rng, True, False), "pad_token_id": pick(rng, 0, None),
        "hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0, "classifier_dropout": pick(rng, None, 0.3),
        "is_decoder": name in ("BertLMHeadModel", "RobertaForCausalLM", "ElectraForCausalLM")
        or (name in ("BertModel", "RobertaModel", "ElectraModel") and pick(rng, True, False)),
    }  # fmt: skip
    if "Roberta" in name or "Camembert" in name:
        settings["pad_token_id"] = pick(rng, 1, 2)
    if "MPNet" in name:
        settings["pad_token_id"] = 1
    if name.startswith(("Electra", "Albert")):
        settings["embedding_size"] = pick(rng, C, 3 + 2 * int(rng.integers(1, 5)))
    if name.startswith("Electra"):
        settings |= {
            "summary_type": pick(rng, "first", "last", "mean", "cls_index"), "summary_use_proj": pick(rng, True, False),
            "summary_activation": pick(rng, *SMOOTH), "summary_last_dropout": 0.3,
        }  # fmt: skip
    if name.startswith("Albert"):
        groups = int(rng.integers(1, settings["num_hidden_layers"] + 1))
        settings |= {
            "num_hidden_groups": groups,
            "inner_group_num": pick(rng, 1, 2),
            "num_labels": 2,
        }
        settings["classifier_dropout_prob"] = 0.2
    inputs = text(rng, settings["pad_token_id"], causal=settings["is_decoder"])
    if rng.random() < 0.6 and "MPNet" not in name:
        inputs["token_type_ids"] = rng.integers(0, 2, (BATCH, TIME))
    if settings["is_decoder"] and rng.random() < 0.5:
        settings["add_cross_attention"] = True
        inputs["encoder_hidden_states"] = rng.standard_normal((BATCH, 5, C)).astype(np.float32)
    if name == "BertForPreTraining":
        inputs["labels"] = some_labels(rng, VOCABULARY, BATCH, TIME)
        inputs["next_sentence_label"] = rng.integers(0, 2, BATCH)
        fields = ("loss", "prediction_logits", "seq_relationship_logits", "hidden_states")
        return Case(settings, inputs, fields)
    if name == "AlbertForPreTraining":
        inputs["labels"] = some_labels(rng, VOCABULARY, BATCH, TIME)
        inputs["sentence_order_label"] = rng.integers(0, 2, BATCH)
        return Case(settings, inputs, ("loss", "prediction_logits", "sop_logits", "hidden_states"))
    if name == "ElectraForPreTraining":
        return Case(settings, {**inputs, "labels": rng.integers(0, 2, (BATCH, TIME))}, LOGITS)
    if name == "BertForNextSentencePrediction":
        return Case(settings, {**inputs, "labels": rng.integers(0, 2, BATCH)}, LOGITS)
    if name.endswith("ForMultipleChoice"):
        both = {k: np.stack([v, v[::-1]], axis=1) for k, v in inputs.items()}
        return Case(settings, {**both, "labels": rng.integers(0, 2, BATCH)}, LOGITS)
    case = with_head(rng, name, settings, inputs)
    pools = name.endswith("Model") and name not in ("BertLMHeadModel", "ElectraModel")
    pooled = ("pooler_output",) if pools else ()
    return case._replace(fields=(*case.fields, *pooled))


@family(
    "DistilBertModel", "DistilBertForMaskedLM", "DistilBertForSequenceClassification", "DistilBertForMultipleChoice",
    "DistilBertForTokenClassification", "DistilBertForQuestionAnswering",
)  # fmt: skip
def distilbert(rng, name):
    H, C = heads(rng)
    settings = {
        "vocab_size": VOCABULARY, "dim": C, "n_layers": int(rng.integers(1, 4)), "n_heads": H,
        "hidden_dim": int(rng.integers(3, 20)), "activation": pick(rng, *SMOOTH), "max_position_embeddings": 16,
        "sinusoidal_pos_embds": pick(rng, True, False), "tie_word_embeddings": pick(rng, True, False),
        "pad_token_id": pick(rng, 0, None), "dropout": 0.0, "attention_dropout": 0.0,
    }  # fmt: skip
    inputs = text(rng)
    if name == "DistilBertForMultipleChoice":
        positions = {"position_ids": inputs.pop("position_ids")} if "position_ids" in inputs else {}
        both = {k: np.stack([v, v[::-1]], axis=1) for k, v in inputs.items()}
        if positions:
            both["position_ids"] = np.concatenate([*positions.values()] * 2)
        return Case(settings, {**both, "labels": rng.integers(0, 2, BATCH)}, LOGITS)
    return with_head(rng, name, settings, inputs)


@family(
    "ViTModel", "ViTForImageClassification", "ViTForMaskedImageModeling", "DeiTModel", "DeiTForImageClassification",
    "DeiTForMaskedImageModeling", "DeiTForImageClassificationWithTeacher", "Dinov2Model", "Dinov2ForImageClassification",
)  # fmt: skip
def vit(rng, name):
    H, C = heads(rng)
    patch = int(rng.integers(2, 5))
    settings = {
        "hidden_size": C, "num_hidden_layers": int(rng.integers(1, 4)), "num_attention_heads": H,
        "intermediate_size": int(rng.integers(3, 20)), "hidden_act": pick(rng, *SMOOTH),
        "layer_norm_eps": pick(rng, 1e-12, 1e-3), "image_size": 3 * patch + int(rng.integers(patch)), "patch_size": patch,
        "num_channels": pick(rng, 1, 3), "qkv_bias": pick(rng, True, False), "encoder_stride": patch,
    }  # fmt: skip
    height = width = settings["image_size"]
    paints = name.endswith("MaskedImageModeling")
    if name.startswith("Dinov2"):
        for key in ("intermediate_size", "encoder_stride"):
            del settings[key]
        settings |= {
            "mlp_ratio": pick(rng, 1, 2), "use_swiglu_ffn": pick(rng, True, False), "use_mask_token": pick(rng, True, False),
            "layerscale_value": 0.5, "drop_path_rate": pick(rng, 0.0, 0.4),
        }  # fmt: skip
    elif name.startswith("ViT") and not paints and rng.random() < 0.3:
        settings |= {
            "image_size": [3 * patch, 2 * patch],
            "patch_size": pick(rng, patch, [patch, patch]),
        }
        height, width = 3 * patch, 2 * patch
    inputs: dict[str, Any] = {}
    if name.startswith("Dinov2"):
        height, width = pick(rng, (height, width), (4 * patch + 1, 2 * patch))
    elif isinstance(settings["image_size"], int) and not paints:
        inputs["interpolate_pos_encoding"] = pick(rng, True, False)
        if inputs["interpolate_pos_encoding"]:
            height, width = 4 * patch + 1, 2 * patch
    channels = settings["num_channels"]
    pixels = rng.standard_normal((BATCH, channels, height, width)).astype(np.float32)
    inputs["pixel_values"] = pixels
    if name == "Dinov2Model":
        if settings["use_mask_token"] and rng.random() < 0.6:
            count = (height // patch) * (width // patch)
            inputs["bool_masked_pos"] = rng.integers(0, 2, (BATCH, count)).astype(bool)
        return Case(settings, inputs, (*STATES, "pooler_output"))
    if name.endswith("WithTeacher"):
        fields = ("logits", "cls_logits", "distillation_logits", "hidden_states", "attentions")
        return Case({**settings, "num_labels": 5}, inputs, fields)
    if name in ("ViTModel", "DeiTModel"):
        settings |= {"pooler_output_size": pick(rng, None, 5), "pooler_act": pick(rng, *SMOOTH)}
        return Case(settings, inputs, (*STATES, "pooler_output"))
    if paints:
        settings["image_size"] = 3 * patch
        inputs["pixel_values"] = pixels[:, :, : 3 * patch, : 3 * patch]
        inputs["bool_masked_pos"] = rng.integers(0, 2, (BATCH, 9)).astype(bool)
        return Case(settings, inputs, ("loss", "reconstruction", "hidden_states", "attentions"))
    more, labels = labelled(rng)
    return Case({**settings, **more}, {**inputs, "labels": labels}, LOGITS)


@family("WhisperModel", "WhisperForConditionalGeneration", "WhisperForAudioClassification")
def whisper(rng, name):
    H, C = heads(rng)
    settings = {
        "vocab_size": VOCABULARY, "d_model": C, "num_mel_bins": int(rng.integers(2, 6)), "encoder_layers": int(rng.integers(1, 3)),
        "decoder_layers": int(rng.integers(1, 3)), "encoder_attention_heads": H, "decoder_attention_heads": pick(rng, 1, H),
        "encoder_ffn_dim": int(rng.integers(3, 20)), "decoder_ffn_dim": int(rng.integers(3, 20)),
        "activation_function": pick(rng, *SMOOTH), "max_source_positions": 6, "max_target_positions": 40,
        "tie_word_embeddings": pick(rng, True, False), "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2,
        "decoder_start_token_id": 3, "use_weighted_layer_sum": pick(rng, True, False), "classifier_proj_size": 5,
        "encoder_layerdrop": pick(rng, 0.0, 0.5), "begin_suppress_tokens": None,
    }  # fmt: skip
    sound = rng.standard_normal((BATCH, settings["num_mel_bins"], 12)).astype(np.float32)
    inputs: dict[str, Any] = {"input_features": sound}
    if name.endswith("AudioClassification"):
        settings["num_labels"] = 5
        return Case(settings, {**inputs, "labels": rng.integers(0, 5, BATCH)}, LOGITS)
    states = ("encoder_last_hidden_state", "decoder_hidden_states", "encoder_hidden_states")
    weights = ("cross_attentions", "decoder_attentions", "encoder_attentions")
    if name == "WhisperModel" or rng.random() < 0.5:
        inputs["decoder_input_ids"] = rng.integers(3, VOCABULARY, (BATCH, 5))
        if rng.random() < 0.5:
            inputs["decoder_attention_mask"] = np.array([[1] * 5, [1, 1, 1, 0, 0], [1, 1, 1, 1, 0]])
    if name == "WhisperModel":
        return Case(settings, inputs, ("last_hidden_state", *states, *weights))
    inputs["labels"] = some_labels(rng, VOCABULARY, BATCH, 5)
    return Case(settings, inputs, ("loss", "logits", *states, *weights))


@family("ResNetModel", "ResNetForImageClassification")
def resnet(rng, name):
    stages = int(rng.integers(1, 4))
    settings = {
        "embedding_size": int(rng.integers(2, 7)), "hidden_sizes": [4 * int(rng.integers(1, 4)) for _ in range(stages)],
        "depths": [int(rng.integers(1, 3)) for _ in range(stages)], "layer_type": pick(rng, "basic", "bottleneck"),
        "downsample_in_first_stage": pick(rng, True, False), "downsample_in_bottleneck": pick(rng, True, False),
        "num_channels": pick(rng, 1, 3), "hidden_act": pick(rng, "relu", *SMOOTH),
    }  # fmt: skip
    pixels = rng.standard_normal((BATCH, settings["num_channels"], 37, 33)).astype(np.float32)
    if name == "ResNetModel":
        fields = ("last_hidden_state", "pooler_output", "hidden_states")
        return Case(settings, {"pixel_values": pixels}, fields)
    more, labels = labelled(rng)
    inputs = {"pixel_values": pixels, "labels": labels}
    return Case({**settings, **more}, inputs, ("loss", "logits", "hidden_states"))


@family(
    "CLIPModel", "CLIPTextModel", "CLIPTextModelWithProjection", "CLIPVisionModel", "CLIPVisionModelWithProjection",
    "CLIPForImageClassification",
)  # fmt: skip
def clip(rng, name):
    towers = []
    for _ in range(2):
        H, C = heads(rng)
        towers.append({
            "hidden_size": C, "intermediate_size": int(rng.integers(3, 20)), "num_hidden_layers": int(rng.integers(1, 3)),
            "num_attention_heads": H, "hidden_act": pick(rng, "quick_gelu", *SMOOTH), "layer_norm_eps": pick(rng, 1e-5, 1e-3),
            "projection_dim": pick(rng, 5, 11),
        })  # fmt: skip
    end, channels = pick(rng, VOCABULARY - 1, 2), pick(rng, 1, 3)
    texts = {
        **towers[0],
        "vocab_size": VOCABULARY,
        "eos_token_id": end,
        "max_position_embeddings": pick(rng, TIME, 20),
    }
    images = {**towers[1], "image_size": pick(rng, 6, 8), "patch_size": 3, "num_channels": channels}
    words = text(rng, causal=True)
    words["input_ids"][:, 4] = VOCABULARY - 1
    size = images["image_size"]
    pictures: dict[str, Any] = {}
    if rng.random() < 0.3:
        pictures["interpolate_pos_encoding"] = True
        size = 10
    pictures["pixel_values"] = rng.standard_normal((BATCH, channels, size, 9)).astype(np.float32)
    if "interpolate_pos_encoding" not in pictures:
        pictures["pixel_values"] = rng.standard_normal((BATCH, channels, size, size)).astype(
            np.float32
        )
    if name.startswith("CLIPText"):
        last = "text_embeds" if name.endswith("Projection") else "pooler_output"
        return Case(texts, words, (*STATES, last))
    if name.startswith("CLIPVision"):
        last = "image_embeds" if name.endswith("Projection") else "pooler_output"
        return Case(images, pictures, (*STATES, last))
    settings = {"text_config": texts, "vision_config": images, "projection_dim": pick(rng, 3, 5)}
    if name == "CLIPForImageClassification":
        more, labels = labelled(rng)
        return Case({**settings, **more}, {**pictures, "labels": labels}, LOGITS)
    fields = ("loss", "logits_per_image", "logits_per_text", "image_embeds", "text_embeds")
    return Case(settings, {**words, **pictures, "return_loss": True}, fields)


@family(
    "T5Model", "T5EncoderModel", "T5ForConditionalGeneration", "T5ForSequenceClassification", "T5ForTokenClassification",
    "T5ForQuestionAnswering",
)  # fmt: skip
def t5(rng, name):
    settings = {
        "vocab_size": VOCABULARY, "d_model": int(rng.integers(3, 14)), "d_kv": int(rng.integers(2, 7)),
        "d_ff": int(rng.integers(3, 20)), "num_layers": int(rng.integers(1, 3)), "num_heads": int(rng.integers(1, 4)),
        "num_decoder_layers": pick(rng, None, 1, 2), "relative_attention_num_buckets": pick(rng, 8, 32),
        "relative_attention_max_distance": pick(rng, 18, 128), "layer_norm_epsilon": pick(rng, 1e-6, 1e-2),
        "feed_forward_proj": pick(rng, "silu", "tanh", "gated-gelu", "gated-silu", "gated-gelu_new"),
        "tie_word_embeddings": pick(rng, True, False), "dropout_rate": 0.0, "decoder_start_token_id": 0,
    }  # fmt: skip
    inputs = text(rng)
    inputs.pop("position_ids", None)
    if name == "T5EncoderModel":
        return Case(settings, inputs, STATES)
    if name == "T5ForTokenClassification":
        return with_head(rng, name, settings, inputs)
    states = ("encoder_last_hidden_state", "decoder_hidden_states", "encoder_hidden_states")
    weights = ("cross_attentions", "decoder_attentions", "encoder_attentions")
    if name == "T5ForSequenceClassification":
        inputs["input_ids"][:, 3] = 1
        more, labels = labelled(rng)
        return Case(
            {**settings, **more},
            {**inputs, "labels": labels},
            ("loss", "logits", *states, *weights),
        )
    if name == "T5ForQuestionAnswering":
        return Case(settings, {**inputs, **ends(rng)}, ("loss", "start_logits", "end_logits"))
    if rng.random() < 0.5 or name == "T5Model":
        inputs["decoder_input_ids"] = rng.integers(1, VOCABULARY, (BATCH, 5))
        if rng.random() < 0.5:
            inputs["decoder_attention_mask"] = np.array([[1] * 5, [1, 1, 1, 0, 0], [1, 1, 1, 1, 0]])
    if name == "T5Model":
        return Case(settings, inputs, ("last_hidden_state", *states, *weights))
    labels = some_labels(rng, VOCABULARY, BATCH, 5)
    return Case(settings, {**inputs, "labels": labels}, ("loss", "logits", *states, *weights))


# ------------------------------------------------------------------------------------------------- what is in a folder


def made(torch: ModuleType, transformers: ModuleType, name: str, settings: dict) -> Any:
    """A model of `transformers` with random weights, in evaluation mode."""
    model = getattr(transformers, name)(getattr(transformers, config_of(name))(**settings)).eval()
    for p in model.parameters():
        torch.nn.init.normal_(p, std=0.3) if p.ndim > 1 else torch.nn.init.uniform_(p, 0.5, 1.5)
    for key, buffer in model.named_buffers():
        if "running" in key:
            torch.nn.init.uniform_(buffer, 0.5, 1.5)
    return model


def put_down(torch: ModuleType, model: Any, folder: Path, rng: np.random.Generator) -> None:
    """Write a model as folders are: in one file, in pieces or as PyTorch's, in some dtype, with settings as they are said now or were
    said in older versions.
    """
    model.to(getattr(torch, pick(rng, "float32", "float32", "bfloat16", "float16")))
    form = pick(rng, "one", "pieces", "pickled", "pickled pieces")
    model.save_pretrained(folder, max_shard_size="2KB" if "pieces" in form else "5GB")
    if "pickled" in form:
        as_pickles(torch, folder)
    if rng.random() < 0.5:
        path = folder / "config.json"
        path.write_text(json.dumps(as_before(json.loads(path.read_text()))))


def as_pickles(torch: ModuleType, folder: Path) -> None:
    """A folder's weights as PyTorch's files."""
    from safetensors.torch import load_file

    for path in sorted(folder.glob("*.safetensors")):
        name = path.name.replace("model", "pytorch_model").replace(".safetensors", ".bin")
        torch.save(load_file(path), folder / name)
        path.unlink()
    index = folder / "model.safetensors.index.json"
    if index.is_file():
        text = index.read_text().replace("model-", "pytorch_model-").replace(".safetensors", ".bin")
        (folder / "pytorch_model.bin.index.json").write_text(text)
        index.unlink()


def as_before(config: dict[str, Any]) -> dict[str, Any]:
    """A configuration as version 4 of `transformers` wrote it."""
    found = {
        k: v
        for k, v in config.items()
        if k not in ("rope_parameters", "dtype", "transformers_version")
    }
    found |= {"torch_dtype": config.get("dtype", "float32"), "gradient_checkpointing": False}
    rotary = config.get("rope_parameters")
    if rotary and "full_attention" in rotary:
        if rotary["sliding_attention"]["rope_type"] != "default":
            return config  # there was no word for that
        found["rope_local_base_freq"] = rotary["sliding_attention"]["rope_theta"]
        rotary = rotary["full_attention"]
    if rotary:
        rotary = dict(rotary)
        found["rope_theta"] = rotary.pop("rope_theta", 10000.0)
        kind = rotary.pop("rope_type")
        if config["model_type"] == "gpt_neox":  # it had names of its own
            found |= {
                "rotary_emb_base": found.pop("rope_theta"),
                "rotary_pct": rotary.pop("partial_rotary_factor"),
            }
        found["rope_scaling"] = None if kind == "default" else {**rotary, "type": kind}
    return found
