"""Models in the style of PyTorch's tutorials, run twice from one source: with `torch` and with `chainrule`.

Each source below is what a person would write, `import torch` left out; its names are bound to one library or the
other. With the same weights both give the same outputs, losses and gradients, and after three steps of an optimizer
the same weights. Dropout is there, and switched off: random bits are not PyTorch's.
"""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as cr

NANOGPT = """
class CausalSelfAttention(nn.Module):
    def __init__(self, n_embd, n_head, dropout, bias):
        super().__init__()
        assert n_embd % n_head == 0
        self.c_attn = nn.Linear(n_embd, 3 * n_embd, bias=bias)
        self.c_proj = nn.Linear(n_embd, n_embd, bias=bias)
        self.attn_dropout = nn.Dropout(dropout)
        self.resid_dropout = nn.Dropout(dropout)
        self.n_head, self.n_embd, self.dropout = n_head, n_embd, dropout
        self.flash = hasattr(torch.nn.functional, "scaled_dot_product_attention")

    def forward(self, x):
        B, T, C = x.size()
        q, k, v = self.c_attn(x).split(self.n_embd, dim=2)
        k = k.view(B, T, self.n_head, C // self.n_head).transpose(1, 2)
        q = q.view(B, T, self.n_head, C // self.n_head).transpose(1, 2)
        v = v.view(B, T, self.n_head, C // self.n_head).transpose(1, 2)
        y = torch.nn.functional.scaled_dot_product_attention(
            q, k, v, attn_mask=None, dropout_p=self.dropout if self.training else 0, is_causal=True
        )
        y = y.transpose(1, 2).contiguous().view(B, T, C)
        return self.resid_dropout(self.c_proj(y))


class MLP(nn.Module):
    def __init__(self, n_embd, dropout, bias):
        super().__init__()
        self.c_fc = nn.Linear(n_embd, 4 * n_embd, bias=bias)
        self.gelu = nn.GELU()
        self.c_proj = nn.Linear(4 * n_embd, n_embd, bias=bias)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x):
        return self.dropout(self.c_proj(self.gelu(self.c_fc(x))))


class Block(nn.Module):
    def __init__(self, n_embd, n_head, dropout, bias):
        super().__init__()
        self.ln_1 = nn.LayerNorm(n_embd, bias=bias)
        self.attn = CausalSelfAttention(n_embd, n_head, dropout, bias)
        self.ln_2 = nn.LayerNorm(n_embd, bias=bias)
        self.mlp = MLP(n_embd, dropout, bias)

    def forward(self, x):
        x = x + self.attn(self.ln_1(x))
        return x + self.mlp(self.ln_2(x))


class Model(nn.Module):
    def __init__(self, vocab_size=13, block_size=11, n_layer=2, n_head=3, n_embd=12, dropout=0.0, bias=True):
        super().__init__()
        self.block_size = block_size
        self.transformer = nn.ModuleDict(dict(
            wte=nn.Embedding(vocab_size, n_embd),
            wpe=nn.Embedding(block_size, n_embd),
            drop=nn.Dropout(dropout),
            h=nn.ModuleList([Block(n_embd, n_head, dropout, bias) for _ in range(n_layer)]),
            ln_f=nn.LayerNorm(n_embd, bias=bias),
        ))
        self.lm_head = nn.Linear(n_embd, vocab_size, bias=False)
        self.transformer.wte.weight = self.lm_head.weight
        self.apply(self._init_weights)
        for name, p in self.named_parameters():
            if name.endswith("c_proj.weight"):
                torch.nn.init.normal_(p, mean=0.0, std=0.02 / math.sqrt(2 * n_layer))

    def _init_weights(self, module):
        if isinstance(module, nn.Linear):
            torch.nn.init.normal_(module.weight, mean=0.0, std=0.02)
            if module.bias is not None:
                torch.nn.init.zeros_(module.bias)
        elif isinstance(module, nn.Embedding):
            torch.nn.init.normal_(module.weight, mean=0.0, std=0.02)

    def forward(self, idx, targets=None):
        device = idx.device
        b, t = idx.size()
        assert t <= self.block_size
        pos = torch.arange(0, t, dtype=torch.long, device=device)
        x = self.transformer.drop(self.transformer.wte(idx) + self.transformer.wpe(pos))
        for block in self.transformer.h:
            x = block(x)
        x = self.transformer.ln_f(x)
        if targets is None:
            return self.lm_head(x[:, [-1], :]), None
        logits = self.lm_head(x)
        return logits, F.cross_entropy(logits.view(-1, logits.size(-1)), targets.view(-1), ignore_index=-1)

    @torch.no_grad()
    def generate(self, idx, max_new_tokens, temperature=1.0, top_k=None):
        for _ in range(max_new_tokens):
            idx_cond = idx if idx.size(1) <= self.block_size else idx[:, -self.block_size:]
            logits, _ = self(idx_cond)
            logits = logits[:, -1, :] / temperature
            if top_k is not None:
                v, _ = torch.topk(logits, min(top_k, logits.size(-1)))
                logits[logits < v[:, [-1]]] = -float("Inf")
            probs = F.softmax(logits, dim=-1)
            idx_next = probs.argmax(dim=-1, keepdim=True)
            idx = torch.cat((idx, idx_next), dim=1)
        return idx


def configure_optimizers(model):
    decay = [p for p in model.parameters() if p.requires_grad and p.dim() >= 2]
    nodecay = [p for p in model.parameters() if p.requires_grad and p.dim() < 2]
    groups = [{"params": decay, "weight_decay": 0.1}, {"params": nodecay, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=1e-3, betas=(0.9, 0.95), fused=False)


def make():
    model = Model()
    return model, configure_optimizers(model)


def loss_of(model, batch):
    x = torch.from_numpy(batch["tokens"][:, :-1].astype(np.int64))
    y = torch.from_numpy(batch["tokens"][:, 1:].astype(np.int64))
    logits, loss = model(x, y)
    return [logits], loss


def after(model, batch):
    model.eval()
    x = torch.from_numpy(batch["tokens"][:2, :4].astype(np.int64))
    return model.generate(x, 9, temperature=0.8, top_k=5)
"""

SEQ2SEQ = """
class Encoder(nn.Module):
    def __init__(self, input_dim, emb_dim, enc_hid_dim, dec_hid_dim, dropout):
        super().__init__()
        self.embedding = nn.Embedding(input_dim, emb_dim, padding_idx=0)
        self.rnn = nn.GRU(emb_dim, enc_hid_dim, bidirectional=True)
        self.fc = nn.Linear(enc_hid_dim * 2, dec_hid_dim)
        self.dropout = nn.Dropout(dropout)

    def forward(self, src, src_len):
        embedded = self.dropout(self.embedding(src))
        packed_embedded = nn.utils.rnn.pack_padded_sequence(embedded, src_len.to("cpu"), enforce_sorted=False)
        packed_outputs, hidden = self.rnn(packed_embedded)
        outputs, _ = nn.utils.rnn.pad_packed_sequence(packed_outputs)
        hidden = torch.tanh(self.fc(torch.cat((hidden[-2, :, :], hidden[-1, :, :]), dim=1)))
        return outputs, hidden


class Attention(nn.Module):
    def __init__(self, enc_hid_dim, dec_hid_dim):
        super().__init__()
        self.attn = nn.Linear((enc_hid_dim * 2) + dec_hid_dim, dec_hid_dim)
        self.v = nn.Linear(dec_hid_dim, 1, bias=False)

    def forward(self, hidden, encoder_outputs, mask):
        src_len = encoder_outputs.shape[0]
        hidden = hidden.unsqueeze(1).repeat(1, src_len, 1)
        encoder_outputs = encoder_outputs.permute(1, 0, 2)
        energy = torch.tanh(self.attn(torch.cat((hidden, encoder_outputs), dim=2)))
        attention = self.v(energy).squeeze(2)
        attention = attention.masked_fill(mask == 0, -1e10)
        return F.softmax(attention, dim=1)


class Decoder(nn.Module):
    def __init__(self, output_dim, emb_dim, enc_hid_dim, dec_hid_dim, dropout, attention):
        super().__init__()
        self.output_dim = output_dim
        self.attention = attention
        self.embedding = nn.Embedding(output_dim, emb_dim)
        self.rnn = nn.GRU((enc_hid_dim * 2) + emb_dim, dec_hid_dim)
        self.fc_out = nn.Linear((enc_hid_dim * 2) + dec_hid_dim + emb_dim, output_dim)
        self.dropout = nn.Dropout(dropout)

    def forward(self, input, hidden, encoder_outputs, mask):
        input = input.unsqueeze(0)
        embedded = self.dropout(self.embedding(input))
        a = self.attention(hidden, encoder_outputs, mask).unsqueeze(1)
        weighted = torch.bmm(a, encoder_outputs.permute(1, 0, 2)).permute(1, 0, 2)
        output, hidden = self.rnn(torch.cat((embedded, weighted), dim=2), hidden.unsqueeze(0))
        assert (output == hidden).all()
        output, embedded, weighted = output.squeeze(0), embedded.squeeze(0), weighted.squeeze(0)
        prediction = self.fc_out(torch.cat((output, weighted, embedded), dim=1))
        return prediction, hidden.squeeze(0), a.squeeze(1)


class Seq2Seq(nn.Module):
    def __init__(self, encoder, decoder, src_pad_idx, device):
        super().__init__()
        self.encoder, self.decoder = encoder, decoder
        self.src_pad_idx, self.device = src_pad_idx, device

    def create_mask(self, src):
        return (src != self.src_pad_idx).permute(1, 0)

    def forward(self, src, src_len, trg, teacher_forcing_ratio=0.5):
        batch_size, trg_len = src.shape[1], trg.shape[0]
        outputs = torch.zeros(trg_len, batch_size, self.decoder.output_dim).to(self.device)
        encoder_outputs, hidden = self.encoder(src, src_len)
        input = trg[0, :]
        mask = self.create_mask(src)
        for t in range(1, trg_len):
            output, hidden, _ = self.decoder(input, hidden, encoder_outputs, mask)
            outputs[t] = output
            teacher_force = t % 3 != 0
            top1 = output.argmax(1)
            input = trg[t] if teacher_force else top1
        return outputs


def init_weights(m):
    for name, param in m.named_parameters():
        if "weight" in name:
            nn.init.normal_(param.data, mean=0, std=0.1)
        else:
            nn.init.constant_(param.data, 0)


def make():
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    attn = Attention(7, 5)
    model = Seq2Seq(Encoder(13, 6, 7, 5, 0.0), Decoder(13, 6, 7, 5, 0.0, attn), 0, device).to(device)
    model.apply(init_weights)
    return model, optim.Adam(model.parameters())


def loss_of(model, batch):
    lengths = torch.tensor(batch["lengths"])
    src = torch.tensor(batch["tokens"][:, :7]).T
    src = src.masked_fill(torch.arange(7)[:, None] >= lengths, 0)
    trg = torch.tensor(batch["tokens"][:, 3:]).T
    output = model(src, lengths, trg)
    criterion = nn.CrossEntropyLoss(ignore_index=0)
    loss = criterion(output[1:].view(-1, output.shape[-1]), trg[1:].reshape(-1))
    return [output], loss


def clip(model):
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1)
"""

TAGGER = """
class BiLSTMTagger(nn.Module):
    def __init__(self, vocab_size, tagset_size, embedding_dim, hidden_dim):
        super(BiLSTMTagger, self).__init__()
        self.hidden_dim = hidden_dim
        self.word_embeds = nn.Embedding(vocab_size, embedding_dim)
        self.lstm = nn.LSTM(embedding_dim, hidden_dim // 2, num_layers=2, bidirectional=True, batch_first=True, dropout=0.0)
        self.hidden2tag = nn.Linear(hidden_dim, tagset_size)

    def init_hidden(self, batch):
        return (torch.zeros(4, batch, self.hidden_dim // 2), torch.ones(4, batch, self.hidden_dim // 2))

    def forward(self, sentences, lengths):
        lengths, order = lengths.sort(descending=True)
        embeds = self.word_embeds(sentences[order])
        packed = pack_padded_sequence(embeds, lengths, batch_first=True)
        lstm_out, (h_n, c_n) = self.lstm(packed, self.init_hidden(len(sentences)))
        lstm_out, _ = pad_packed_sequence(lstm_out, batch_first=True, total_length=sentences.size(1))
        back = torch.argsort(order)
        return F.log_softmax(self.hidden2tag(lstm_out[back]), dim=-1), h_n[:, back]


def make():
    model = BiLSTMTagger(13, 5, 6, 8)
    return model, optim.SGD(model.parameters(), lr=0.5, momentum=0.9, weight_decay=1e-4)


def loss_of(model, batch):
    sentences = [torch.tensor(s[:n]) for s, n in zip(batch["tokens"], batch["lengths"])]
    padded = pad_sequence(sentences, batch_first=True, padding_value=0)
    lengths = torch.tensor([len(s) for s in sentences])
    tags = pad_sequence([s % 5 for s in sentences], batch_first=True, padding_value=-100)
    scores, h_n = model(padded, lengths)
    loss_function = nn.NLLLoss(ignore_index=-100)
    return [scores, h_n], loss_function(scores.transpose(1, 2), tags)
"""

TRANSLATION = """
class PositionalEncoding(nn.Module):
    def __init__(self, emb_size: int, dropout: float, maxlen: int = 50):
        super(PositionalEncoding, self).__init__()
        den = torch.exp(-torch.arange(0, emb_size, 2) * math.log(10000) / emb_size)
        pos = torch.arange(0, maxlen).reshape(maxlen, 1)
        pos_embedding = torch.zeros((maxlen, emb_size))
        pos_embedding[:, 0::2] = torch.sin(pos * den)
        pos_embedding[:, 1::2] = torch.cos(pos * den)
        pos_embedding = pos_embedding.unsqueeze(-2)
        self.dropout = nn.Dropout(dropout)
        self.register_buffer("pos_embedding", pos_embedding)

    def forward(self, token_embedding: torch.Tensor):
        return self.dropout(token_embedding + self.pos_embedding[:token_embedding.size(0), :])


class TokenEmbedding(nn.Module):
    def __init__(self, vocab_size: int, emb_size):
        super(TokenEmbedding, self).__init__()
        self.embedding = nn.Embedding(vocab_size, emb_size)
        self.emb_size = emb_size

    def forward(self, tokens: torch.Tensor):
        return self.embedding(tokens.long()) * math.sqrt(self.emb_size)


class Seq2SeqTransformer(nn.Module):
    def __init__(self, num_encoder_layers, num_decoder_layers, emb_size, nhead, src_vocab_size, tgt_vocab_size,
                 dim_feedforward=23, dropout=0.0):
        super(Seq2SeqTransformer, self).__init__()
        self.transformer = Transformer(d_model=emb_size, nhead=nhead, num_encoder_layers=num_encoder_layers,
                                       num_decoder_layers=num_decoder_layers, dim_feedforward=dim_feedforward, dropout=dropout)
        self.generator = nn.Linear(emb_size, tgt_vocab_size)
        self.src_tok_emb = TokenEmbedding(src_vocab_size, emb_size)
        self.tgt_tok_emb = TokenEmbedding(tgt_vocab_size, emb_size)
        self.positional_encoding = PositionalEncoding(emb_size, dropout=dropout)

    def forward(self, src, trg, src_mask, tgt_mask, src_padding_mask, tgt_padding_mask, memory_key_padding_mask):
        src_emb = self.positional_encoding(self.src_tok_emb(src))
        tgt_emb = self.positional_encoding(self.tgt_tok_emb(trg))
        outs = self.transformer(src_emb, tgt_emb, src_mask, tgt_mask, None, src_padding_mask, tgt_padding_mask,
                                memory_key_padding_mask)
        return self.generator(outs)

    def encode(self, src, src_mask):
        return self.transformer.encoder(self.positional_encoding(self.src_tok_emb(src)), src_mask)

    def decode(self, tgt, memory, tgt_mask):
        return self.transformer.decoder(self.positional_encoding(self.tgt_tok_emb(tgt)), memory, tgt_mask)


def generate_square_subsequent_mask(sz):
    mask = (torch.triu(torch.ones((sz, sz))) == 1).transpose(0, 1)
    return mask.float().masked_fill(mask == 0, float("-inf")).masked_fill(mask == 1, float(0.0))


def create_mask(src, tgt):
    src_seq_len, tgt_seq_len = src.shape[0], tgt.shape[0]
    tgt_mask = generate_square_subsequent_mask(tgt_seq_len).type(torch.bool)
    src_mask = torch.zeros((src_seq_len, src_seq_len)).type(torch.bool)
    return src_mask, tgt_mask, (src == PAD_IDX).transpose(0, 1), (tgt == PAD_IDX).transpose(0, 1)


PAD_IDX = 0


def make():
    model = Seq2SeqTransformer(2, 1, 12, 3, 13, 13)
    for p in model.parameters():
        if p.dim() > 1:
            nn.init.xavier_uniform_(p)
    return model, torch.optim.Adam(model.parameters(), lr=0.001, betas=(0.9, 0.98), eps=1e-9)


def loss_of(model, batch):
    src, tgt = torch.tensor(batch["tokens"]).T[:7], torch.tensor(batch["tokens"]).T[2:]
    src = src.masked_fill(torch.arange(7)[:, None] >= torch.tensor(batch["lengths"]), PAD_IDX)
    tgt_input = tgt[:-1, :]
    src_mask, tgt_mask, src_padding_mask, tgt_padding_mask = create_mask(src, tgt_input)
    logits = model(src, tgt_input, src_mask, tgt_mask, src_padding_mask, tgt_padding_mask, src_padding_mask)
    loss_fn = torch.nn.CrossEntropyLoss(ignore_index=PAD_IDX)
    tgt_out = tgt[1:, :]
    return [logits], loss_fn(logits.reshape(-1, logits.shape[-1]), tgt_out.reshape(-1))


def after(model, batch):
    model.eval()
    src = torch.tensor(batch["tokens"][:1]).T
    memory = model.encode(src, torch.zeros(src.shape[0], src.shape[0]).type(torch.bool))
    ys = torch.ones(1, 1).fill_(1).type(torch.long)
    for i in range(5):
        tgt_mask = generate_square_subsequent_mask(ys.size(0)).type(torch.bool)
        out = model.decode(ys, memory, tgt_mask).transpose(0, 1)
        _, next_word = torch.max(model.generator(out[:, -1]), dim=1)
        ys = torch.cat([ys, torch.ones(1, 1).type_as(src.data).fill_(next_word.item())], dim=0)
    return ys
"""

LANGUAGE_MODEL = '''
class RNNModel(nn.Module):
    """Container module with an encoder, a recurrent module, and a decoder."""

    def __init__(self, rnn_type, ntoken, ninp, nhid, nlayers, dropout=0.0, tie_weights=False):
        super(RNNModel, self).__init__()
        self.ntoken = ntoken
        self.drop = nn.Dropout(dropout)
        self.encoder = nn.Embedding(ntoken, ninp)
        if rnn_type in ["LSTM", "GRU"]:
            self.rnn = getattr(nn, rnn_type)(ninp, nhid, nlayers, dropout=dropout)
        else:
            nonlinearity = {"RNN_TANH": "tanh", "RNN_RELU": "relu"}[rnn_type]
            self.rnn = nn.RNN(ninp, nhid, nlayers, nonlinearity=nonlinearity, dropout=dropout)
        self.decoder = nn.Linear(nhid, ntoken)
        if tie_weights:
            if nhid != ninp:
                raise ValueError("When using the tied flag, nhid must be equal to emsize")
            self.decoder.weight = self.encoder.weight
        self.init_weights()
        self.rnn_type, self.nhid, self.nlayers = rnn_type, nhid, nlayers

    def init_weights(self):
        initrange = 0.1
        nn.init.uniform_(self.encoder.weight, -initrange, initrange)
        nn.init.zeros_(self.decoder.bias)
        nn.init.uniform_(self.decoder.weight, -initrange, initrange)

    def forward(self, input, hidden):
        emb = self.drop(self.encoder(input))
        output, hidden = self.rnn(emb, hidden)
        decoded = self.decoder(self.drop(output)).view(-1, self.ntoken)
        return F.log_softmax(decoded, dim=1), hidden

    def init_hidden(self, bsz):
        weight = next(self.parameters())
        if self.rnn_type == "LSTM":
            return (weight.new_zeros(self.nlayers, bsz, self.nhid), weight.new_zeros(self.nlayers, bsz, self.nhid))
        return weight.new_zeros(self.nlayers, bsz, self.nhid)


def repackage_hidden(h):
    """Wraps hidden states in new Tensors, to detach them from their history."""
    if isinstance(h, torch.Tensor):
        return h.detach()
    return tuple(repackage_hidden(v) for v in h)


def batchify(data, bsz):
    nbatch = data.size(0) // bsz
    data = data.narrow(0, 0, nbatch * bsz)
    return data.view(bsz, -1).t().contiguous()


def make():
    model = RNNModel("LSTM", 13, 8, 8, 2, tie_weights=True)
    return model, torch.optim.SGD(model.parameters(), lr=2.0)


def loss_of(model, batch):
    source = batchify(torch.tensor(batch["tokens"]).flatten(), 4)
    hidden, criterion, total, outs = model.init_hidden(4), nn.NLLLoss(), 0.0, []
    for i in range(0, source.size(0) - 1, 5):
        seq_len = min(5, len(source) - 1 - i)
        data, target = source[i : i + seq_len], source[i + 1 : i + 1 + seq_len].view(-1)
        hidden = repackage_hidden(hidden)
        output, hidden = model(data, hidden)
        outs.append(output)
        total = total + criterion(output, target)
    return outs, total
'''

SOURCES = {
    "nanoGPT": NANOGPT,
    "seq2seq with attention": SEQ2SEQ,
    "BiLSTM tagger": TAGGER,
    "Transformer translation": TRANSLATION,
    "LSTM language model": LANGUAGE_MODEL,
}


def executed(library, source):
    """The names that a source defines, run on one library."""
    import math

    utils = library.nn.utils.rnn
    names = {
        "torch": library, "nn": library.nn, "F": library.nn.functional, "optim": library.optim, "math": math,
        "np": np, "Transformer": library.nn.Transformer, "pack_padded_sequence": utils.pack_padded_sequence,
        "pad_packed_sequence": utils.pad_packed_sequence, "pad_sequence": utils.pad_sequence,
    }  # fmt: skip
    exec(compile(source, "<a person's file>", "exec"), names)
    return names


def batch():
    rng = np.random.default_rng(7)
    return {"tokens": rng.integers(1, 13, (5, 11)), "lengths": [5, 2, 7, 1, 4]}


def trained(library, names, model, optimizer):
    """Outputs, loss and gradients of three steps, the weights after them, and what the model then says."""
    seen = {}
    scheduler = library.optim.lr_scheduler.StepLR(optimizer, step_size=2, gamma=0.5)
    model.train()
    for step in range(3):
        optimizer.zero_grad()
        outs, loss = names["loss_of"](model, batch())
        loss.backward()
        seen |= {f"step {step}: output {k}": o for k, o in enumerate(outs)}
        seen[f"step {step}: loss"] = loss
        for name, p in model.named_parameters():
            seen[f"step {step}: gradient of {name}"] = p.grad.clone()
        if "clip" in names:
            names["clip"](model)
        optimizer.step()
        scheduler.step()
    seen |= {f"after: {name}": v.clone() for name, v in model.state_dict().items()}
    if "after" in names:
        seen["tokens"] = names["after"](model, batch())
    return {name: v.detach().numpy() for name, v in seen.items()}


@pytest.mark.torch
@pytest.mark.filterwarnings(
    "ignore:enable_nested_tensor is True", "ignore:.*mismatched src_key_padding"
)
@pytest.mark.parametrize("name", SOURCES)
def test_a_model_as_people_write_it(torch, name):
    torch.manual_seed(0), cr.manual_seed(0)
    torch.set_default_dtype(torch.float64), cr.set_default_dtype(cr.float64)
    try:
        theirs, ours = executed(torch, SOURCES[name]), executed(cr, SOURCES[name])
        (model, optimizer), (model_, optimizer_) = ours["make"](), theirs["make"]()
        state = {k: v.numpy() for k, v in model_.state_dict().items()}
        for k, v in model.state_dict().items():  # the same seed has given the same weights
            np.testing.assert_allclose(v.numpy(), state[k], atol=1e-13, err_msg=k)
        assert list(state) == list(model.state_dict())
        model.load_state_dict(state)
        found = trained(cr, ours, model, optimizer)
        expected = trained(torch, theirs, model_, optimizer_)
    finally:
        torch.set_default_dtype(torch.float32), cr.set_default_dtype(cr.float32)
    assert list(found) == list(expected)
    for what, value in expected.items():
        np.testing.assert_allclose(found[what], value, rtol=1e-7, atol=1e-10, err_msg=what)
