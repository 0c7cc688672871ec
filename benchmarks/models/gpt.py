"""A character model with 1.83 M parameters (4 layers of 192, 6 heads), batch 16 x 128, AdamW."""

from __future__ import annotations

from typing import Any

__all__ = ["BATCH", "batch", "loss", "network", "optimizer"]

BATCH = 16
_LAYERS, _WIDTH, _HEADS, _VOCABULARY = 4, 192, 6, 65
_LENGTH = 128


def network(on: Any) -> Any:
    """The model, with the scores of every position as its result."""
    nn, functional = on.nn, on.functional

    class Attention(nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.c_attn = nn.Linear(_WIDTH, 3 * _WIDTH)
            self.c_proj = nn.Linear(_WIDTH, _WIDTH)

        def forward(self, x: Any) -> Any:
            n, length, _ = x.shape
            heads = (
                y.view(n, length, _HEADS, _WIDTH // _HEADS).transpose(1, 2) for y in self.c_attn(x).split(_WIDTH, 2)
            )
            y = functional.scaled_dot_product_attention(*heads, is_causal=True)
            return self.c_proj(y.transpose(1, 2).reshape(n, length, _WIDTH))

    class Block(nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.ln_1, self.ln_2 = nn.LayerNorm(_WIDTH), nn.LayerNorm(_WIDTH)
            self.attn = Attention()
            self.mlp = nn.Sequential(nn.Linear(_WIDTH, 4 * _WIDTH), nn.GELU(), nn.Linear(4 * _WIDTH, _WIDTH))

        def forward(self, x: Any) -> Any:
            x = x + self.attn(self.ln_1(x))
            return x + self.mlp(self.ln_2(x))

    class Model(nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.wte, self.wpe = nn.Embedding(_VOCABULARY, _WIDTH), nn.Embedding(_LENGTH, _WIDTH)
            self.blocks = nn.ModuleList([Block() for _ in range(_LAYERS)])
            self.ln_f = nn.LayerNorm(_WIDTH)
            self.lm_head = nn.Linear(_WIDTH, _VOCABULARY, bias=False)

        def forward(self, tokens: Any) -> Any:
            x = self.wte(tokens) + self.wpe(on.lib.arange(tokens.shape[1]))
            for block in self.blocks:
                x = block(x)
            return self.lm_head(self.ln_f(x))

    return Model()


def optimizer(on: Any, model: Any) -> Any:
    """AdamW over all parameters."""
    return on.optim.AdamW(model.parameters(), lr=1e-3)


def batch(on: Any, n: int) -> tuple[Any, Any]:
    """n sequences, and the same shifted by one."""
    tokens = on.lib.randint(0, _VOCABULARY, (n, _LENGTH + 1))
    return tokens[:, :-1], tokens[:, 1:].contiguous()


def loss(on: Any, model: Any, tokens: Any, targets: Any) -> Any:
    """Cross entropy of the next character."""
    return on.functional.cross_entropy(model(tokens).view(-1, _VOCABULARY), targets.view(-1))
