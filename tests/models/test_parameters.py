"""Every parameter of every model is reached by backward, and its gradient agrees with a difference in float64."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as cr
from chainrule import models

TEXT = {"hidden_size": 8, "intermediate_size": 10, "num_hidden_layers": 2, "num_attention_heads": 2}
IDS, MASK = cr.tensor([[1, 2, 3, 4], [5, 6, 10, 0]]), cr.tensor([[1, 1, 1, 1], [1, 1, 1, 0]])
LABELS = cr.tensor([[2, 3, 4, 5], [6, 1, 2, -100]])
STATES = cr.tensor(np.random.default_rng(1).standard_normal((2, 3, 8)))
PIXELS = cr.tensor(np.random.default_rng(0).standard_normal((2, 3, 12, 12)))
CLASSES = cr.tensor([1, 0])

MODELS = {
    "gpt2": (
        lambda: models.GPT2LMHeadModel(models.GPT2Config(vocab_size=11, n_positions=7, n_embd=6, n_layer=2, n_head=3)),
        {"input_ids": IDS, "attention_mask": MASK, "labels": LABELS},
    ),
    "llama": (
        lambda: models.LlamaForCausalLM(
            models.LlamaConfig(vocab_size=11, num_key_value_heads=1, attention_bias=True, mlp_bias=True, **TEXT)
        ),
        {"input_ids": IDS, "labels": LABELS},
    ),
    "mistral": (
        lambda: models.MistralForCausalLM(
            models.MistralConfig(vocab_size=11, num_key_value_heads=2, sliding_window=2, **TEXT)
        ),
        {"input_ids": IDS, "labels": LABELS},
    ),
    "qwen3": (
        lambda: models.Qwen3ForCausalLM(models.Qwen3Config(vocab_size=11, num_key_value_heads=1, head_dim=6, **TEXT)),
        {"input_ids": IDS, "labels": LABELS},
    ),
    "mixtral": (
        lambda: models.MixtralForCausalLM(
            models.MixtralConfig(
                vocab_size=11, num_key_value_heads=2, num_local_experts=3, output_router_logits=True,
                router_aux_loss_coef=0.5, **TEXT,
            )
        ),
        {"input_ids": IDS, "attention_mask": MASK, "labels": LABELS},
    ),
    "phi3": (
        lambda: models.Phi3ForCausalLM(
            models.Phi3Config(vocab_size=11, num_key_value_heads=1, partial_rotary_factor=0.5, pad_token_id=None, **TEXT)
        ),
        {"input_ids": IDS, "labels": LABELS},
    ),
    "gemma2": (
        lambda: models.Gemma2ForCausalLM(
            models.Gemma2Config(
                vocab_size=11, num_key_value_heads=1, head_dim=4, sliding_window=2, attn_logit_softcapping=1.5, **TEXT
            )
        ),
        {"input_ids": IDS, "labels": LABELS},
    ),
    "gemma3": (
        lambda: models.Gemma3ForCausalLM(
            models.Gemma3TextConfig(
                vocab_size=11, num_key_value_heads=1, head_dim=4, sliding_window=2, sliding_window_pattern=2, **TEXT
            )
        ),
        {"input_ids": IDS, "labels": LABELS},
    ),
    "lstm": (
        lambda: models.RecurrentLMHeadModel(
            models.RecurrentConfig(vocab_size=11, embedding_size=3, hidden_size=5, num_layers=2)
        ),
        {"input_ids": IDS, "labels": LABELS},
    ),
    "gru": (
        lambda: models.RecurrentLMHeadModel(
            models.RecurrentConfig(vocab_size=11, embedding_size=3, hidden_size=5, cell="gru")
        ),
        {"input_ids": IDS, "labels": LABELS},
    ),
    "bert": (
        lambda: models.BertForMaskedLM(models.BertConfig(vocab_size=11, max_position_embeddings=4, **TEXT)),
        {"input_ids": IDS, "attention_mask": MASK, "token_type_ids": MASK, "labels": LABELS},
    ),
    "bert classifier": (
        lambda: models.BertForSequenceClassification(
            models.BertConfig(vocab_size=11, max_position_embeddings=4, **TEXT)
        ),
        {"input_ids": IDS, "attention_mask": MASK, "token_type_ids": MASK, "labels": CLASSES},
    ),
    "roberta classifier": (
        lambda: models.RobertaForSequenceClassification(
            models.RobertaConfig(vocab_size=11, max_position_embeddings=5, pad_token_id=0, **TEXT)
        ),
        {"input_ids": IDS, "attention_mask": MASK, "token_type_ids": MASK, "labels": CLASSES},
    ),
    "distilbert": (
        lambda: models.DistilBertForMaskedLM(
            models.DistilBertConfig(vocab_size=11, max_position_embeddings=4, dim=8, hidden_dim=10, n_layers=2, n_heads=2)
        ),
        {"input_ids": IDS, "attention_mask": MASK, "labels": LABELS},
    ),
    "qwen3 with experts": (
        lambda: models.Qwen3MoeForCausalLM(
            models.Qwen3MoeConfig(
                vocab_size=11, num_key_value_heads=1, num_experts=3, num_experts_per_tok=2, moe_intermediate_size=5,
                mlp_only_layers=(1,), output_router_logits=True, router_aux_loss_coef=0.5, **TEXT,
            )
        ),
        {"input_ids": IDS, "attention_mask": MASK, "labels": LABELS},
    ),
    "gpt-neox": (
        lambda: models.GPTNeoXForCausalLM(models.GPTNeoXConfig(vocab_size=11, partial_rotary_factor=0.5, **TEXT)),
        {"input_ids": IDS, "labels": LABELS},
    ),
    "opt": (
        lambda: models.OPTForCausalLM(
            models.OPTConfig(
                vocab_size=11, hidden_size=8, ffn_dim=10, num_hidden_layers=2, num_attention_heads=2, word_embed_proj_dim=5,
                max_position_embeddings=4, activation_function="gelu", pad_token_id=None,
            )
        ),
        {"input_ids": IDS, "attention_mask": cr.ones(2, 4, dtype=cr.int64), "labels": LABELS},
    ),
    "electra": (
        lambda: models.ElectraForMaskedLM(models.ElectraConfig(vocab_size=11, embedding_size=5, max_position_embeddings=4, **TEXT)),
        {"input_ids": IDS, "attention_mask": MASK, "token_type_ids": MASK, "labels": LABELS},
    ),
    "albert": (
        lambda: models.AlbertForPreTraining(models.AlbertConfig(vocab_size=11, embedding_size=5, max_position_embeddings=4, **TEXT)),
        {"input_ids": IDS, "attention_mask": MASK, "token_type_ids": MASK, "labels": LABELS, "sentence_order_label": CLASSES},
    ),
    "mpnet": (
        lambda: models.MPNetForMaskedLM(models.MPNetConfig(vocab_size=11, max_position_embeddings=6, **TEXT)),
        {"input_ids": cr.tensor([[4, 2, 3, 4], [5, 6, 10, 0]]), "attention_mask": MASK, "labels": LABELS},
    ),
    "deit": (
        lambda: models.DeiTForImageClassification(models.DeiTConfig(image_size=12, patch_size=4, **TEXT)),
        {"pixel_values": PIXELS, "labels": CLASSES},
    ),
    "dinov2": (
        lambda: models.Dinov2ForImageClassification(
            models.Dinov2Config(
                image_size=8, patch_size=4, hidden_size=8, num_hidden_layers=2, num_attention_heads=2, use_swiglu_ffn=True,
                use_mask_token=False,
            )
        ),
        {"pixel_values": PIXELS, "labels": CLASSES},
    ),
    "whisper": (
        lambda: models.WhisperForConditionalGeneration(
            models.WhisperConfig(
                vocab_size=11, num_mel_bins=3, d_model=8, encoder_layers=1, decoder_layers=1, encoder_attention_heads=2,
                decoder_attention_heads=2, encoder_ffn_dim=10, decoder_ffn_dim=10, max_source_positions=6,
                max_target_positions=4, pad_token_id=0, decoder_start_token_id=1,
            )
        ),
        {"input_features": PIXELS[:, :, 0], "labels": LABELS},
    ),
    "vit": (
        lambda: models.ViTForImageClassification(models.ViTConfig(image_size=12, patch_size=4, **TEXT)),
        {"pixel_values": PIXELS, "labels": CLASSES},
    ),
    "resnet": (
        lambda: models.ResNetForImageClassification(
            models.ResNetConfig(embedding_size=4, hidden_sizes=(8, 12), depths=(1, 2))
        ),
        {"pixel_values": cr.cat([PIXELS, PIXELS.flip(2)], dim=3), "labels": CLASSES},
    ),
    "clip": (
        lambda: models.CLIPModel(
            models.CLIPConfig(
                text_config=models.CLIPTextConfig(vocab_size=11, max_position_embeddings=4, eos_token_id=10, **TEXT),
                vision_config=models.CLIPVisionConfig(image_size=12, patch_size=4, **TEXT),
                projection_dim=5,
            )
        ),
        {"input_ids": IDS, "pixel_values": PIXELS, "return_loss": True},
    ),
    "t5": (
        lambda: models.T5ForConditionalGeneration(
            models.T5Config(vocab_size=11, d_model=6, d_kv=4, d_ff=8, num_layers=2, num_heads=2, feed_forward_proj="gated-gelu")
        ),
        {"input_ids": IDS, "attention_mask": MASK, "labels": LABELS},
    ),
    "gpt2 with an encoder": (
        lambda: models.GPT2LMHeadModel(
            models.GPT2Config(vocab_size=11, n_positions=7, n_embd=8, n_layer=2, n_head=2, add_cross_attention=True)
        ),
        {"input_ids": IDS, "labels": LABELS, "encoder_hidden_states": STATES, "encoder_attention_mask": MASK[:, 1:]},
    ),
    "llama classifier": (
        lambda: models.LlamaForSequenceClassification(models.LlamaConfig(vocab_size=11, pad_token_id=0, num_labels=3, **TEXT)),
        {"input_ids": IDS, "labels": CLASSES},
    ),
    "bert decoder": (
        lambda: models.BertLMHeadModel(
            models.BertConfig(vocab_size=11, max_position_embeddings=4, is_decoder=True, add_cross_attention=True, **TEXT)
        ),
        {"input_ids": IDS, "attention_mask": MASK, "labels": LABELS, "encoder_hidden_states": STATES},
    ),
    "bert pretraining": (
        lambda: models.BertForPreTraining(models.BertConfig(vocab_size=11, max_position_embeddings=4, **TEXT)),
        {"input_ids": IDS, "attention_mask": MASK, "labels": LABELS, "next_sentence_label": CLASSES},
    ),
    "vit that paints": (
        lambda: models.ViTForMaskedImageModeling(models.ViTConfig(image_size=12, patch_size=4, encoder_stride=4, **TEXT)),
        {"pixel_values": PIXELS, "bool_masked_pos": cr.tensor([[1, 0, 1, 0, 0, 1, 0, 1, 1]] * 2)},
    ),
    "t5 classifier": (
        lambda: models.T5ForSequenceClassification(
            models.T5Config(vocab_size=11, d_model=6, d_kv=4, d_ff=8, num_layers=1, num_heads=2, eos_token_id=3, num_labels=3)
        ),
        {"input_ids": cr.tensor([[1, 2, 3, 4], [5, 3, 10, 6]]), "labels": CLASSES},
    ),
}  # fmt: skip

ZERO = ("k_proj.bias", "key.bias", "k_lin.bias", "attn.k.bias")
"""Analytic zeros: a bias of the keys adds the same to all scores of a query, which softmax does not see."""


def loss_of(model, inputs):
    values = {
        k: v.double() if getattr(v, "dtype", None) is cr.float64 else v for k, v in inputs.items()
    }
    return model(**values).loss


@pytest.mark.parametrize("name", MODELS)
def test_every_parameter_has_its_gradient(name):
    make, inputs = MODELS[name]
    cr.manual_seed(0)
    model, rng = make().double().eval(), np.random.default_rng(0)
    with cr.no_grad():
        for p in model.parameters():
            p.copy_(cr.tensor(rng.standard_normal(tuple(p.shape)) * 0.3 + (p.ndim == 1) * 0.7))
    loss_of(model, inputs).backward()
    for key, p in model.named_parameters():
        if not p.requires_grad:  # Whisper's waves of positions
            continue
        assert p.grad is not None, f"{key} is not reached"
        direction = cr.tensor(rng.standard_normal(tuple(p.shape)))
        slope, h = (p.grad * direction).sum().item(), 1e-5
        with cr.no_grad():
            p.add_(direction, alpha=h)
            up = loss_of(model, inputs).item()
            p.add_(direction, alpha=-2 * h)
            down = loss_of(model, inputs).item()
            p.add_(direction, alpha=h)
        assert slope == pytest.approx((up - down) / (2 * h), rel=2e-5, abs=2e-8), key
        if not key.endswith(ZERO):
            assert p.grad.abs().max().item() > 1e-9, f"{key} has a gradient of zeros"


@pytest.mark.parametrize(
    "name", ["gpt2", "llama", "mistral", "lstm", "gru", "bert", "bert classifier", "vit", "t5"]
)
def test_initial_losses_are_near_those_of_guessing(name):
    make, inputs = MODELS[name]
    cr.manual_seed(0)
    model = make().eval()
    inputs = {
        k: v.float() if getattr(v, "dtype", None) is cr.float64 else v for k, v in inputs.items()
    }
    out = model(**inputs)
    classes = out.logits.shape[-1]
    assert out.loss.item() == pytest.approx(np.log(classes), rel=0.6 if name == "t5" else 0.25)
