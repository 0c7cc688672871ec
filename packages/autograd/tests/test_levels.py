"""Transform levels: what may cross them, what is refused, writes in place inside, randomness, and what is left
behind.
"""

from __future__ import annotations

import threading

import numpy as np
import pytest

from lamella.autograd import grad, jvp, vjp, vmap
from lamella.tensor import (
    Generator,
    arange,
    bernoulli,
    dropout,
    float64,
    manual_seed,
    ones,
    rand,
    randint,
    randn,
    tensor,
    zeros,
    zeros_like,
)
from lamella.tensor.extend import HOT, LevelClosedError, tls
from lamella.testing import assert_close

X = np.arange(12.0).reshape(4, 3) / 5 - 1


def t64(a, **kw):
    return tensor(np.asarray(a, np.float64), dtype=float64, **kw)


@pytest.fixture(autouse=True)
def nothing_is_left():
    yield
    assert HOT[0] == 0
    assert tls.levels == ()
    assert tls.grad is True


# -- escapes


@pytest.mark.parametrize(
    "open_level", [lambda f: vmap(f)(t64(X)), lambda f: jvp(f, (t64(X),), (t64(X),))], ids=["vmap", "jvp"]
)
def test_a_tensor_used_after_its_level_closed_is_an_error(open_level):
    kept = []

    def f(x):
        kept.append(x * 2)
        return x

    open_level(f)
    with pytest.raises(LevelClosedError, match="used after that"):
        kept[0] + 1
    with pytest.raises(LevelClosedError):
        kept[0].numpy()
    with pytest.raises(LevelClosedError):
        kept[0].add_(1)
    with pytest.raises(LevelClosedError):  # a later level is another one
        vmap(lambda x: x + kept[0])(t64(X))
    with pytest.raises(LevelClosedError):
        grad(lambda x: (x * kept[0]).sum())(t64(X[0]))


def test_a_tensor_of_a_level_is_refused_in_another_thread():
    found = []

    def f(x):
        def other():
            try:
                x + 1
            except LevelClosedError as error:
                found.append(str(error))

        worker = threading.Thread(target=other)
        worker.start()
        worker.join()
        return x

    vmap(f)(t64(X))
    assert len(found) == 1
    assert "another thread" in found[0]


def test_levels_of_two_threads_do_not_meet():
    start = threading.Barrier(2)
    results = {}

    def work(name, scale):
        def f(x):
            start.wait()
            y = x * scale
            start.wait()
            return y + zeros(3, dtype=float64)

        results[name] = vmap(grad(lambda x: f(x).sum()))(t64(X))

    workers = [threading.Thread(target=work, args=(n, float(n + 1))) for n in range(2)]
    for w in workers:
        w.start()
    for w in workers:
        w.join()
    assert_close(results[0], np.ones_like(X))
    assert_close(results[1], np.full_like(X, 2.0))


@pytest.mark.parametrize("transform", ["vmap", "jvp"])
def test_writing_a_lifted_value_into_an_outer_tensor_raises(transform):
    outer = zeros(3, dtype=float64)

    def whole(x):
        outer.copy_(x)
        return x

    def part(x):
        outer[:2] = x[:2]
        return x

    def added(x):
        outer.add_(x)
        return x

    for f in (whole, part, added):
        with pytest.raises(RuntimeError, match=f"a value of an open {transform} is written into a tensor from outside"):
            vmap(f)(t64(X)) if transform == "vmap" else jvp(f, (t64(X[0]),), (t64(X[1]),))
    assert_close(outer, np.zeros(3))


def test_values_are_refused_inside():
    for f in (lambda x: float(x.sum()) * x, lambda x: x if x.sum() > 0 else -x, lambda x: tensor(x.tolist())):
        with pytest.raises(RuntimeError, match="inside an open vmap"):
            vmap(f)(t64(X))


def test_backward_inside_vmap_into_a_leaf_outside_is_refused():
    w = t64([1.0, 2.0, 3.0], requires_grad=True)

    def f(x):
        (w * x).sum().backward()
        return x

    with pytest.raises(RuntimeError, match="nothing requires grad at the level of this vmap"):
        vmap(f)(t64(X))
    with pytest.raises(RuntimeError, match=r"\.grad cannot hold a value of that vmap"):
        vmap(lambda x: (w * 2).backward(x))(t64(X))
    assert w.grad is None


def test_backward_of_plain_tensors_inside_vmap_works():
    w = t64([1.0, 2.0, 3.0], requires_grad=True)

    def f(x):
        if w.grad is None:
            (w[1:] * w[1:]).sum().backward()
        return x * w.grad

    assert_close(vmap(f)(t64(X)), X * np.array([0.0, 4.0, 6.0]))


# -- exceptions


@pytest.mark.parametrize(
    "call",
    [
        lambda f: grad(f)(t64(X[0])),
        lambda f: vmap(f)(t64(X)),
        lambda f: jvp(f, (t64(X),), (t64(X),)),
        lambda f: vjp(f, t64(X)),
        lambda f: vmap(grad(f))(t64(X)),
        lambda f: grad(lambda x: vmap(f)(x).sum())(t64(X)),
        lambda f: jvp(vmap(grad(f)), (t64(X),), (t64(X),)),
    ],
)
def test_an_exception_inside_leaves_nothing_open(call):
    def fails(x):
        y = x * 2
        raise KeyError(y.ndim)

    with pytest.raises(KeyError):
        call(fails)


# -- writes in place inside


def write_whole(x):
    y = zeros(3, dtype=float64)
    y += x
    return y


def write_view(x):
    y = zeros(2, 3, dtype=float64)
    y[0] = x
    y[1, 1:] = x[:2] * 2
    return y


def write_and_read_sibling(x):
    y = ones(4, dtype=float64)
    left, right = y[:3], y[1:]
    left *= x
    right += x
    return left * right + y.sum()


def write_view_of_view(x):
    y = zeros(2, 2, 3, dtype=float64)
    v = y[1].T[1:]
    v[:, 0] = x[1:]
    v += 1.0
    return y.sum(0) * y[1]


def write_masked(x):
    y = x * 1.0
    y[y > 0] = 0.5
    return y * x


def write_like(x):
    y = zeros_like(x)
    y.copy_(x * x)
    z = y.detach()
    z *= 1.0
    return y + z


WRITERS = [write_whole, write_view, write_and_read_sibling, write_view_of_view, write_masked, write_like]


@pytest.mark.parametrize("f", WRITERS)
def test_in_place_inside_vmap_equals_a_loop(f):
    expected = np.stack([f(t64(row)).numpy() for row in X])
    assert_close(vmap(f)(t64(X)), expected)
    # nested: the batch of the outer level rebinds what the inner one made
    assert_close(
        vmap(vmap(f))(t64(np.stack([X, X * 2]))), np.stack([expected, np.stack([f(t64(r * 2)).numpy() for r in X])])
    )


@pytest.mark.parametrize("f", [w for w in WRITERS if w is not write_like])
def test_in_place_inside_jvp_and_grad_equals_differences(f):
    x, v = X[2] + 0.05, np.array([0.5, -1.0, 0.3])
    eps = 1e-6
    expected = (f(t64(x + eps * v)).numpy() - f(t64(x - eps * v)).numpy()) / (2 * eps)
    value, moved = jvp(f, (t64(x),), (t64(v),))
    assert_close(value, f(t64(x)))
    np.testing.assert_allclose(moved.numpy(), expected, atol=1e-8)
    g = grad(lambda x: f(x).sum())(t64(x))
    assert float((g * t64(v)).sum()) == pytest.approx(expected.sum(), abs=1e-7)
    rows = vmap(grad(lambda x: f(x).sum()))(t64(np.stack([x, x])))
    assert_close(rows, np.stack([g.numpy()] * 2))


def test_writing_a_batched_value_into_an_unbatched_input_raises():
    def f(x, w):
        w.add_(x)
        return w

    with pytest.raises(RuntimeError, match="from outside it"):
        vmap(f, in_dims=(0, None))(t64(X), t64(X[0]))
    # a clone belongs to the function
    assert_close(vmap(lambda x, w: w.clone().add_(x), in_dims=(0, None))(t64(X), t64(X[0])), X + X[0])


def test_an_unbatched_write_into_a_batched_tensor():
    def f(x):
        y = x * 1.0
        y[0] = 5.0
        y[1:] = arange(2).to(float64)
        return y

    assert_close(vmap(f)(t64(X)), np.tile([5.0, 0.0, 1.0], (4, 1)))


def test_writing_an_argument_in_place_changes_the_caller_only_through_views():
    x = t64(X)

    def f(row):
        row.mul_(2.0)
        return row

    out = vmap(f)(x)
    assert_close(out, X * 2)
    assert_close(x, X * 2)


# -- arguments and results


def test_in_dims_and_out_dims():
    a = np.arange(24.0).reshape(2, 3, 4)
    for d in (0, 1, 2, -1, -2, -3):
        expected = np.stack([np.sin(s) for s in np.moveaxis(a, d, 0)])
        for o in (0, 1, 2, -1):
            got = vmap(lambda x: x.sin(), in_dims=d, out_dims=o)(t64(a))
            assert_close(got, np.moveaxis(expected, 0, o))


def test_trees_of_arguments_and_results():
    def f(tree, scale):
        return {"a": tree["x"] * scale, "b": [tree["y"][0], (tree["y"][1] + 1,)]}

    tree = {"x": t64(X), "y": (t64(X), t64(X[0]))}
    out = vmap(f, in_dims=({"x": 0, "y": (0, None)}, None))(tree, 2.0)
    assert_close(out["a"], X * 2)
    assert_close(out["b"][1][0], np.tile(X[0] + 1, (4, 1)))
    g = grad(lambda t: (t["x"] * t["y"][0]).sum())({"x": t64(X), "y": (t64(X), t64(X))})
    assert_close(g["x"], X)
    assert_close(g["y"][1], np.zeros_like(X))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: vmap(lambda x: x, in_dims=3)(t64(X)), ValueError, "in_dims 3 does not fit"),
        (lambda: vmap(lambda x, y: x, in_dims=(0, 0))(t64(X), t64(X[:2])), ValueError, "different sizes, 4 and 2"),
        (lambda: vmap(lambda x: x, in_dims=None)(t64(X)), ValueError, "at least one argument to map over"),
        (lambda: vmap(lambda x: x, in_dims=(0, 0))(t64(X)), ValueError, "2 entries for 1 arguments"),
        (lambda: vmap(lambda x: x, in_dims=({"a": 0},))(t64(X)), ValueError, "structure of its argument"),
        (lambda: vmap(lambda x: x, out_dims=5)(t64(X)), ValueError, "out_dims 5 does not fit"),
        (lambda: vmap(lambda x: x, out_dims=(0, 0))(t64(X)), ValueError, "2 entries for 1 results"),
        (lambda: vmap(lambda x: 3.0)(t64(X)), TypeError, "must return tensors, got float"),
        (lambda: vmap(lambda x: x)(3.0), ValueError, "at least one argument to map over"),
        (lambda: vmap(3), TypeError, "expected a function"),
        (lambda: vmap(lambda x: x, randomness="no"), ValueError, "'error', 'same' or 'different'"),
        (lambda: grad(lambda x: x)(t64(X)), RuntimeError, "one 0-d tensor, got shape"),
        (lambda: grad(lambda x: 1.0)(t64(X)), RuntimeError, "got float"),
        (lambda: grad(lambda x: x.sum())(3.0), TypeError, "argument 0 holds float"),
        (lambda: grad(lambda x: x.sum())(arange(3)), TypeError, "argument 0 is lamella.int64"),
        (lambda: grad(lambda x: x.sum(), argnums=1)(t64(X)), ValueError, "argnums 1 is out of range"),
        (lambda: grad(lambda x: x.sum(), has_aux=True)(t64(X)), TypeError, "must return \\(value, aux\\)"),
        (lambda: grad(5), TypeError, "grad takes a function"),
        (lambda: jvp(lambda x: x, t64(X), t64(X)), TypeError, "tuples of primals and tangents"),
        (lambda: jvp(lambda x: x, (t64(X),), (t64(X[0]),)), ValueError, "a tangent must be like its primal"),
        (lambda: jvp(lambda x: x, (arange(3),), (arange(3),)), TypeError, "floating or complex primals"),
        (lambda: jvp(lambda x: x, (t64(X),), (t64(X), t64(X))), ValueError, "one structure"),
        (lambda: jvp(lambda x: 1.0, (t64(X),), (t64(X),)), TypeError, "must return tensors"),
        (lambda: jvp(lambda x: x, (t64(X),), (t64(X),), has_aux=True), TypeError, "must return \\(value, aux\\)"),
        (lambda: vjp(lambda x: x, t64(X))[1](t64(X[0])), ValueError, "a cotangent of shape"),
        (lambda: vjp(lambda x: x, t64(X))[1]((t64(X), t64(X))), ValueError, "structure of the function's result"),
    ],
)
def test_bad_calls_say_what_was_expected(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_aux_and_several_arguments():
    f = lambda x, y: ((x * y).sum(), {"sum": x + y})  # noqa: E731
    (gx, gy), aux = grad(f, argnums=(0, -1), has_aux=True)(t64(X), t64(X * 2))
    assert_close(gx, X * 2)
    assert_close(gy, X)
    assert_close(aux["sum"], X * 3)
    assert not aux["sum"].requires_grad
    value, tangent, more = jvp(lambda x: (x * x, x), (t64(X),), (t64(X),), has_aux=True)
    assert_close(tangent, 2 * X * X)
    assert_close(more, X)
    assert_close(value, X * X)


def test_a_vjp_can_be_called_again_and_mapped():
    value, back = vjp(lambda x: x * x, t64(X[0]))
    assert_close(back(t64([1.0, 0, 0]))[0], 2 * X[0] * [1, 0, 0])
    assert_close(back(t64([0, 1.0, 0]))[0], 2 * X[0] * [0, 1, 0])
    (rows,) = vmap(back)(t64(np.eye(3)))
    assert_close(rows, np.diag(2 * X[0]))
    assert not value.requires_grad


def test_the_results_of_grad_are_connected_only_to_what_lies_outside():
    x, w = t64(X[0]), t64(X[1], requires_grad=True)
    assert not grad(lambda x: (x * x).sum())(x).requires_grad
    assert grad(lambda x: (x * x * w).sum())(x).requires_grad
    y = t64(X[0], requires_grad=True)
    g = grad(lambda x: (x * x * x).sum())(y)
    g.sum().backward()
    assert_close(y.grad, 6 * X[0])


def test_float32_and_integers_keep_their_dtype():
    x = tensor([1.0, 2.0])
    assert grad(lambda x: (x * 2).sum())(x).dtype is x.dtype
    value, tangent = jvp(lambda x: x.argmax(), (x,), (x,))
    assert value.item() == 1
    assert tangent.item() == 0


# -- randomness


def test_randomness_inside_vmap():
    for draw in (lambda: rand(3), lambda: randn(3), lambda: bernoulli(zeros(3), 0.5), lambda: randint(0, 9, (3,))):
        with pytest.raises(RuntimeError, match="randomness='different'"):
            vmap(lambda x, draw=draw: x + draw())(t64(X))
    with pytest.raises(RuntimeError, match="dropout inside vmap"):
        vmap(lambda x: dropout(x, 0.5))(t64(X))


@pytest.mark.parametrize("draw", [lambda: randn(3), lambda: rand(3), lambda: randint(0, 1000, (3,))])
def test_random_draws_same_and_different(draw):
    manual_seed(3)
    same = vmap(lambda x: x * 0 + draw(), randomness="same")(t64(X)).numpy()
    assert (same == same[0]).all()
    manual_seed(3)
    assert_close(same[0], draw())
    manual_seed(3)
    different = vmap(lambda x: x * 0 + draw(), randomness="different")(t64(X)).numpy()
    assert len({tuple(r) for r in different}) == 4
    manual_seed(3)
    nested = vmap(vmap(lambda x: x + draw(), randomness="different"), randomness="different")(t64(np.zeros((2, 4, 3))))
    assert len({tuple(r) for r in nested.numpy().reshape(8, 3)}) == 8
    mixed = vmap(vmap(lambda x: x + draw(), randomness="same"), randomness="different")(
        t64(np.zeros((2, 4, 3)))
    ).numpy()
    assert (mixed == mixed[:, :1]).all()
    assert (mixed[0] != mixed[1]).any()


def test_dropout_inside_vmap_has_its_gradient():
    manual_seed(5)
    out, back = vjp(lambda x: vmap(lambda r: dropout(r, 0.5), randomness="different")(x), t64(np.ones((4, 3))))
    assert_close(back(t64(np.ones((4, 3))))[0], out)
    assert len({tuple(r) for r in out.numpy()}) > 1


def test_a_generator_of_ones_own_moves_by_all_examples():
    g = Generator(1)
    vmap(lambda x: x + randn(3, generator=g), randomness="different")(t64(X))
    assert g.position()[1] == 12
