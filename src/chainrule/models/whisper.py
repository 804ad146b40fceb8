"""Whisper: speech to text. An encoder listens to thirty seconds of sound; a decoder writes what was said, or its translation.

    log-mel spectrogram (B, M, 2 S) → two convolutions → (B, S, C) + waves of positions → layers → norm
    start, language, task, what was written → embeddings + positions → layers that look at the sound → norm → logits

Layers are those of `fairseq`. How sound becomes a spectrogram stands in `sound`, how text is written in `transcribing`.

B batch, M mel bands, S time of the sound's states, T time of the text, C channels (`d_model`), V vocabulary.

Source: Radford, Kim, Xu, Brockman, McLeavey & Sutskever 2022.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from ..base.errors import FormatError, ShapeError
from ..base.modes import modes
from ..nn import Conv1d, Dropout, Embedding, LayerNorm, Linear, Module, Parameter, init
from ..nn import functional as F
from ..tensors import Tensor, arange, cat, full, int64, no_grad, stack, tensor, where
from .attention import may_see
from .cache import Cache
from .config import Labelled, configuration
from .fairseq import FairseqLayer, LayerSettings
from .heads import classification_loss, flat_loss
from .output import BaseOutput, ClassifierOutput, Seq2SeqModelOutput, Seq2SeqOutput
from .pretrained import PreTrained, architecture
from .reading import Layers, Reading, either, room_for
from .transcribing import Transcribes

__all__ = [
    "WhisperConfig", "WhisperForAudioClassification", "WhisperForConditionalGeneration", "WhisperModel",
]  # fmt: skip


@configuration
class WhisperConfig(Labelled):
    """Sizes and settings; the defaults are those of Whisper tiny (39 million parameters)."""

    model_type = "whisper"
    fixed: ClassVar = {"scale_embedding": False}
    aliases: ClassVar = {
        "hidden_size": "d_model", "num_attention_heads": "encoder_attention_heads", "num_hidden_layers": "encoder_layers",
    }  # fmt: skip

    vocab_size: int = 51865
    num_mel_bins: int = 80
    encoder_layers: int = 4
    encoder_attention_heads: int = 6
    decoder_layers: int = 4
    decoder_attention_heads: int = 6
    decoder_ffn_dim: int = 1536
    encoder_ffn_dim: int = 1536
    encoder_layerdrop: float = 0.0
    decoder_layerdrop: float = 0.0
    decoder_start_token_id: int = 50257
    activation_function: str = "gelu"
    d_model: int = 384
    dropout: float = 0.0
    attention_dropout: float = 0.0
    activation_dropout: float = 0.0
    init_std: float = 0.02
    max_source_positions: int = 1500
    max_target_positions: int = 448
    apply_spec_augment: bool = False
    use_weighted_layer_sum: bool = False
    classifier_proj_size: int = 256
    tie_word_embeddings: bool = True
    bos_token_id: int | None = 50256
    eos_token_id: int | tuple | None = 50256
    pad_token_id: int | None = 50256

    def check(self) -> None:
        """Sizes are positive, and the heads of both stacks divide the channels."""
        self.need_activation(self.activation_function)
        self.need_positive(
            "vocab_size", "num_mel_bins", "encoder_layers", "encoder_attention_heads", "decoder_layers", "decoder_attention_heads",
            "decoder_ffn_dim", "encoder_ffn_dim", "d_model", "max_source_positions", "max_target_positions",
            "classifier_proj_size",
        )  # fmt: skip
        C = self.d_model
        self.need(C % 2 == 0 and C > 2, f"d_model must be even and above 2, found {C}")
        for name in ("encoder_attention_heads", "decoder_attention_heads"):
            H = getattr(self, name)
            self.need(C % H == 0, f"{name} must divide d_model, found {H} and {C}")

    @property
    def start_token(self) -> int:
        """What a decoder is given first."""
        return self.decoder_start_token_id

    def settings(self, decodes: bool) -> LayerSettings:
        """What the layers of a stack are made of."""
        heads = self.decoder_attention_heads if decodes else self.encoder_attention_heads
        wide = self.decoder_ffn_dim if decodes else self.encoder_ffn_dim
        return LayerSettings(
            channels=self.d_model, heads=heads, wide=wide, act=self.activation_function, dropout=self.dropout,
            attention_dropout=self.attention_dropout, activation_dropout=self.activation_dropout, key_bias=False, across=decodes,
        )  # fmt: skip


def waves(count: int, size: int) -> Tensor:
    """Positions as waves, (count, size): sines of t · w_k, then their cosines, w_k = 10000^(−k / (size/2 − 1)).   Source: Vaswani et al.
    2017, as Radford et al. have it.
    """
    half = size // 2
    each = np.exp(-np.log(10000) / (half - 1) * np.arange(half))
    angles = np.arange(count)[:, None] * each
    return tensor(np.concatenate([np.sin(angles), np.cos(angles)], axis=1).astype(np.float32))


class WhisperEncoder(Module):
    """Convolutions, positions, which are not trained, layers and a norm."""

    def __init__(self, config: WhisperConfig):
        super().__init__()
        C, self.bins, self.most = config.d_model, config.num_mel_bins, config.max_source_positions
        self.conv1 = Conv1d(config.num_mel_bins, C, 3, padding=1)
        self.conv2 = Conv1d(C, C, 3, stride=2, padding=1)
        self.embed_positions = Embedding(config.max_source_positions, C)
        self.embed_positions.weight.requires_grad_(False)
        settings = config.settings(decodes=False)
        layers = [FairseqLayer(settings, k) for k in range(config.encoder_layers)]
        self.layers = Layers(layers, config.encoder_layerdrop)
        self.layer_norm, self.dropout = LayerNorm(C), Dropout(config.dropout)

    def forward(self, features: Tensor, reading: Reading) -> BaseOutput:
        """(B, M, 2 S) → (B, S, C)."""
        _, bins, frames = features.shape
        if (bins, frames) != (self.bins, 2 * self.most):
            raise ShapeError(
                f"Whisper: expected spectrograms of {self.bins} bands and {2 * self.most} frames, found {bins} and {frames}; "
                "silence behind what is too short is a part of them"
            )
        x = F.gelu(self.conv2(F.gelu(self.conv1(features)))).transpose(1, 2)  # (B, S, C)
        x = self.layers(self.dropout(x + self.embed_positions.weight), reading)
        x = self.layer_norm(x)
        return BaseOutput(last_hidden_state=x, **reading.end(x))


class WhisperDecoder(Module):
    """Embeddings, positions, layers that look at the sound, and a norm."""

    def __init__(self, config: WhisperConfig):
        super().__init__()
        C, self.most = config.d_model, config.max_target_positions
        self.embed_tokens = Embedding(config.vocab_size, C, padding_idx=config.pad_token_id)
        self.embed_positions = Embedding(config.max_target_positions, C)
        settings = config.settings(decodes=True)
        layers = [FairseqLayer(settings, k) for k in range(config.decoder_layers)]
        self.layers = Layers(layers, config.decoder_layerdrop)
        self.layer_norm, self.dropout = LayerNorm(C), Dropout(config.dropout)

    def forward(
        self,
        ids: Tensor | None,
        embeds: Tensor | None,
        positions: Tensor | None,
        padding: Tensor | None,
        reading: Reading,
    ) -> BaseOutput:
        """(B, T) → (B, T, C)."""
        x = self.embed_tokens(ids) if embeds is None else embeds
        T, cache = x.shape[1], reading.cache
        if positions is None:
            if T > self.most:
                raise ShapeError(
                    f"Whisper: {T} tokens are more than the {self.most} positions there are"
                )
            positions = (arange(T) if cache is None else cache.places(T)).unsqueeze(0)
        reading.mask = may_see(T, padding, cache)
        x = self.layers(self.dropout(x + self.embed_positions(positions)), reading)
        x = self.layer_norm(x)
        return BaseOutput(last_hidden_state=x, **reading.end(x))


class WhisperPreTrained(PreTrained):
    """What the models of this file share: names, and initial weights."""

    config_class = WhisperConfig
    base_model_prefix = "model"
    words_in = "decoder.embed_tokens"

    def start(self, part: Module) -> None:
        """Initial weights of a part: N(0, init_std²), biases 0; the sound's positions are waves."""
        for module in part.modules():
            if isinstance(module, (Linear, Embedding, Conv1d)):
                init.normal_(module.weight, std=self.config.init_std)
                if getattr(module, "bias", None) is not None:
                    init.zeros_(module.bias)
        for module in part.modules():
            if isinstance(module, WhisperEncoder) and not modes.weightless:
                places = module.embed_positions.weight
                with no_grad():
                    places.copy_(waves(*places.shape))


@architecture
class WhisperModel(WhisperPreTrained):
    """Both stacks without a head: `last_hidden_state` (B, T, C) is the decoder's.

    Example:
        >>> config = models.WhisperConfig(vocab_size=11, num_mel_bins=3, d_model=6, encoder_layers=1, decoder_layers=1,
        ...     encoder_attention_heads=3, decoder_attention_heads=3, encoder_ffn_dim=8, decoder_ffn_dim=8, max_source_positions=4,
        ...     pad_token_id=0, decoder_start_token_id=1)
        >>> model = models.WhisperModel(config)
        >>> model(cr.rand(1, 3, 8), decoder_input_ids=cr.tensor([[1, 5]])).last_hidden_state.shape
        chainrule.Size([1, 2, 6])
    """

    def __init__(self, config: WhisperConfig):
        super().__init__(config)
        self.encoder, self.decoder = WhisperEncoder(config), WhisperDecoder(config)
        self.start(self)

    def encode(self, input_features: Tensor, **asked: bool) -> BaseOutput:
        """Listen: `last_hidden_state` (B, S, C). What may be asked for: `output_attentions`, `output_hidden_states`."""
        return self.encoder(input_features, Reading(**asked))

    def cache(self, batch: int, longest: int) -> Cache:
        """An empty cache for what is written."""
        c = self.config
        H, C = c.decoder_attention_heads, c.d_model
        return Cache.empty(c.decoder_layers, batch, H, longest, C // H, self.dtype)

    def forward(
        self,
        input_features: Tensor | None = None,
        attention_mask: Tensor | None = None,
        decoder_input_ids: Tensor | None = None,
        decoder_attention_mask: Tensor | None = None,
        encoder_outputs: BaseOutput | tuple | None = None,
        past_key_values: Cache | None = None,
        decoder_inputs_embeds: Tensor | None = None,
        decoder_position_ids: Tensor | None = None,
        *,
        use_cache: bool = False,
        output_attentions: bool = False,
        output_hidden_states: bool = False,
    ) -> Seq2SeqModelOutput:
        """Encoder and decoder.

        Args:
            input_features: log-mel spectrograms (B, M, 2 S).
            attention_mask: without effect, as in the reference: silence is heard like all else.
            decoder_input_ids: what was written, (B, T) int64.
            decoder_attention_mask: (B, T), with a cache for all that was written: 0 where there is padding.
            encoder_outputs: of `encode`, so that the sound is heard once.
            past_key_values: what the decoder wrote before; the new steps are written into it.
            decoder_inputs_embeds: (B, T, C) instead of ids.
            decoder_position_ids: (B, T); counted from 0, or from the cache's position, if None.
            use_cache: whether to return a cache, one that grows, for the call that goes on.
            output_attentions, output_hidden_states: whether to return these.
        """
        asked = {
            "output_attentions": output_attentions,
            "output_hidden_states": output_hidden_states,
        }
        if self.training and self.config.apply_spec_augment:
            raise FormatError(
                "WhisperConfig: apply_spec_augment is not there: bands and times are not hidden in training; set it to False"
            )
        heard = heard_of(self, input_features, encoder_outputs, asked)
        given = either("Whisper's decoder", decoder_input_ids, decoder_inputs_embeds)
        cache = room_for(self, *given.shape[:2], past_key_values, use_cache)
        states = heard.last_hidden_state
        reading = Reading(None, cache, states, None, **asked)
        out = self.decoder(
            decoder_input_ids, decoder_inputs_embeds, decoder_position_ids, decoder_attention_mask, reading
        )  # fmt: skip
        return Seq2SeqModelOutput(
            last_hidden_state=out.last_hidden_state,
            past_key_values=cache,
            decoder_hidden_states=out.hidden_states,
            decoder_attentions=out.attentions,
            cross_attentions=out.cross_attentions,
            encoder_last_hidden_state=states,
            encoder_hidden_states=heard.hidden_states,
            encoder_attentions=heard.attentions,
        )


def heard_of(model: Any, features: Tensor | None, given: Any, asked: dict[str, bool]) -> BaseOutput:
    """What the encoder said, or was given as having said.

    Raises:
        ShapeError: neither sound nor states.
    """
    if given is None:
        if features is None:
            raise ShapeError("Whisper: give input_features, or encoder_outputs")
        return model.encoder(features, Reading(**asked))
    if isinstance(given, BaseOutput):
        return given
    names = ("last_hidden_state", "hidden_states", "attentions")
    return BaseOutput(dict(zip(names, given, strict=False)))


@architecture
class WhisperForConditionalGeneration(Transcribes, WhisperPreTrained):
    """Whisper with its head, which writes.

    Example:
        >>> config = models.WhisperConfig(vocab_size=11, num_mel_bins=3, d_model=6, encoder_layers=1, decoder_layers=1,
        ...     encoder_attention_heads=3, decoder_attention_heads=3, encoder_ffn_dim=8, decoder_ffn_dim=8, max_source_positions=4,
        ...     pad_token_id=0, decoder_start_token_id=1, eos_token_id=None)
        >>> model = models.WhisperForConditionalGeneration(config)
        >>> model(cr.rand(2, 3, 8), labels=cr.tensor([[5, 4], [3, -100]])).logits.shape
        chainrule.Size([2, 2, 11])
        >>> model.generate(cr.rand(2, 3, 8), max_new_tokens=4).shape
        chainrule.Size([2, 4])
    """

    tied: ClassVar = {"proj_out.weight": "model.decoder.embed_tokens.weight"}
    words_out = "proj_out"

    def __init__(self, config: WhisperConfig):
        super().__init__(config)
        self.model = WhisperModel(config)
        self.proj_out = Linear(config.d_model, config.vocab_size, bias=False)
        self.start(self.proj_out)
        if config.tie_word_embeddings:
            self.proj_out.weight = self.model.decoder.embed_tokens.weight

    def encode(
        self, input_features: Tensor, mask: Tensor | None = None, **asked: bool
    ) -> BaseOutput:
        """As of `WhisperModel.encode`; there is no mask."""
        return self.model.encode(input_features, **asked)

    def cache(self, batch: int, longest: int) -> Cache:
        """An empty cache for what is written."""
        return self.model.cache(batch, longest)

    def shifted(self, labels: Tensor) -> Tensor:
        """What the decoder is given so that it says the labels: the start token, then all but the last label."""
        first = full((labels.shape[0], 1), self.config.start_token, dtype=int64)
        before = where(labels == -100, self.config.pad_token_id or 0, labels)
        return cat([first, before[:, :-1]], dim=1)

    def forward(
        self,
        input_features: Tensor | None = None,
        attention_mask: Tensor | None = None,
        decoder_input_ids: Tensor | None = None,
        *given: Any,
        labels: Tensor | None = None,
        **settings: Any,
    ) -> Seq2SeqOutput:
        """Logits (B, T, V), and with `labels` (B, T) int64 the loss, −100 is passed over; the others as of `WhisperModel.forward`.
        Without `decoder_input_ids` these are the labels, one step later.
        """
        embedded = settings.get("decoder_inputs_embeds") is not None
        if labels is not None and decoder_input_ids is None and not embedded:
            decoder_input_ids = self.shifted(labels)
        out = self.model(input_features, attention_mask, decoder_input_ids, *given, **settings)
        logits = self.proj_out(out.last_hidden_state)  # (B, T, V)
        loss = None if labels is None else flat_loss(logits, labels)
        return Seq2SeqOutput.of(out, loss=loss, logits=logits)


@architecture
class WhisperForAudioClassification(WhisperPreTrained):
    """Whisper's encoder, which classifies sounds: logits (B, classes) of the mean over time; of the last layer, or of all of them, by
    weights that are learnt (`use_weighted_layer_sum`).
    """

    words_in = None

    def __init__(self, config: WhisperConfig):
        super().__init__(config)
        self.encoder = WhisperEncoder(config)
        if config.use_weighted_layer_sum:
            count = config.encoder_layers + 1
            self.layer_weights = Parameter(full((count,), 1 / count))
        self.projector = Linear(config.d_model, config.classifier_proj_size)
        self.classifier = Linear(config.classifier_proj_size, len(config.id2label))
        self.start(self)

    def forward(
        self,
        input_features: Tensor | None = None,
        encoder_outputs: BaseOutput | tuple | None = None,
        labels: Tensor | None = None,
        *,
        output_attentions: bool = False,
        output_hidden_states: bool = False,
    ) -> ClassifierOutput:
        """Logits, and with `labels` the loss, see `classification_loss`; the others as of `WhisperModel.forward`."""
        weighs = self.config.use_weighted_layer_sum
        asked = {
            "output_attentions": output_attentions,
            "output_hidden_states": output_hidden_states or weighs,
        }
        out = heard_of(self, input_features, encoder_outputs, asked)
        x = out.last_hidden_state
        if weighs:
            shares = F.softmax(self.layer_weights, dim=-1).reshape(-1, 1, 1, 1)
            x = (stack(list(out.hidden_states)) * shares).sum(dim=0)  # (B, S, C)
        logits = self.classifier(self.projector(x).mean(dim=1))
        loss = None if labels is None else classification_loss(logits, labels, self.config)
        return ClassifierOutput.of(out, loss=loss, logits=logits)
