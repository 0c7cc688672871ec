"""The running average of parameters."""

import numpy as np
import pytest

import lamella.tensor as lt
from lamella.optim import EMA


def pair():
    return {"w": lt.tensor([1.0, 2.0], requires_grad=True), "b": lt.tensor(3.0, requires_grad=True)}


def test_it_follows_the_formula():
    params = pair()
    ema = EMA(params, decay=0.9)
    expected = {name: p.detach().numpy().copy() for name, p in params.items()}
    for step in range(5):
        with lt.no_grad():
            for p in params.values():
                p.add_(float(step))
        ema.update()
        for name, p in params.items():
            expected[name] = 0.9 * expected[name] + 0.1 * p.detach().numpy()
            np.testing.assert_allclose(ema.averages[name].numpy(), expected[name], rtol=1e-6)


def test_warmup_starts_fast():
    params = pair()
    ema = EMA(params, decay=0.999, warmup=True)
    with lt.no_grad():
        params["b"].fill_(13.0)
    ema.update()
    assert ema.averages["b"].item() == pytest.approx(0.1 * 3 + 0.9 * 13)


def test_swapped_puts_back_what_was_there_even_after_an_error():
    params = pair()
    ema = EMA(params, decay=0.5)
    with lt.no_grad():
        params["b"].fill_(5.0)
    ema.update()
    seen = []

    def evaluate():
        with ema.swapped():
            seen.append(params["b"].item())
            raise RuntimeError("inside")

    with pytest.raises(RuntimeError, match="inside"):
        evaluate()
    assert seen == [4.0]
    assert params["b"].item() == 5.0
    ema.copy_to()
    assert params["b"].item() == 4.0


def test_a_state_continues():
    params = pair()
    a, b = EMA(params, 0.9), EMA(pair(), 0.5)
    a.update()
    b.load_state_dict(a.state_dict())
    assert (b.decay, b.updates) == (0.9, 1)
    assert b.averages["w"].tolist() == a.averages["w"].tolist()


@pytest.mark.parametrize(
    ("act", "error", "text"),
    [
        (lambda: EMA([]), ValueError, "distinct names"),
        (lambda: EMA([lt.tensor([1])]), TypeError, "floating"),
        (lambda: EMA(pair(), 1.0), ValueError, "decay"),
        (lambda: EMA(pair()).copy_to({"w": lt.zeros(2)}), ValueError, "names"),
        (lambda: EMA(pair()).load_state_dict({}), ValueError, "state_dict"),
        (
            lambda: EMA(pair()).load_state_dict({"decay": 0.5, "updates": 1, "averages": {"w": lt.zeros(3)}}),
            ValueError,
            "expected",
        ),
    ],
)
def test_bad_input_is_named(act, error, text):
    with pytest.raises(error, match=text):
        act()
