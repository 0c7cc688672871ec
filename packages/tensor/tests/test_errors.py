"""Bad input: the message says what was given, what was expected and what to do, and the caller's line is in sight."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import traceback
from typing import Any

import numpy as np
import pytest

import lamella.tensor as lt
from lamella.testing.storage import quantize_blocks

M = lt.zeros(2, 3)

BAD: tuple[tuple[str, type[Exception], str], ...] = (
    # shapes
    ("x + lt.zeros(4)", ValueError, r"shapes \(2, 3\) and \(4,\) do not broadcast: dim -1 differs"),
    ("lt.where(x > 0, x, lt.zeros(4))", ValueError, r"do not broadcast"),
    ("x @ x", ValueError, r"matmul of \(2, 3\) @ \(2, 3\): the inner dims 3 and 2 differ"),
    ("x @ lt.tensor(1.0)", ValueError, r"matmul needs at least one dim on both sides.*use \* for a scalar"),
    (
        "lt.linear(x, lt.zeros(4, 2))",
        ValueError,
        r"linear needs x \[..., in\] and w \[out, in\], got \(2, 3\) and \(4, 2\)",
    ),
    ("lt.linear(x, lt.zeros(4, 3), lt.zeros(3))", ValueError, r"linear: bias must be \[4\] for w \(4, 3\), got \(3,\)"),
    ("x.reshape(4)", ValueError, r"cannot reshape \(2, 3\) \(6 elements\) to \(4,\)"),
    ("x.reshape(-1, -1)", ValueError, "only one size can be -1"),
    ("x.expand(3, 3)", ValueError, r"cannot expand \(2, 3\) to \(3, 3\): only dims of size 1 grow"),
    ("x.expand(3)", ValueError, "it has fewer dims"),
    (
        "lt.cat([x, lt.zeros(2, 2)])",
        ValueError,
        r"cat along dim 0 needs equal shapes elsewhere, got \(2, 3\), \(2, 2\)",
    ),
    ("lt.cat([])", ValueError, "cat needs at least one tensor"),
    ("lt.cat([lt.tensor(1.0)])", ValueError, "use stack for 0-d tensors"),
    ("lt.stack([x, lt.zeros(2)])", ValueError, r"stack needs tensors of equal shapes, got \(2, 3\), \(2,\)"),
    ("lt.layer_norm(x, (4,))", ValueError, r"layer_norm over \(4,\) needs x to end in these dims, got \(2, 3\)"),
    (
        "lt.layer_norm(x, (3,), lt.zeros(2))",
        ValueError,
        r"layer_norm: weight must have shape \(3,\) for x \(2, 3\), got \(2,\)",
    ),
    ("lt.batch_norm(lt.zeros(1, 3))", ValueError, "batch_norm needs more than one value per channel in training"),
    ("lt.cross_entropy(x, lt.tensor([0]))", ValueError, r"logits \(2, 3\) need targets \(2,\), got \(1,\)"),
    ("lt.attention(x, x, lt.zeros(3, 3))", ValueError, r"attention needs q \[..., L, E\]"),
    ("lt.zeros(2, -1)", ValueError, r"a size cannot be negative, got shape \(2, -1\)"),
    ("lt.zeros(2, 1.5)", TypeError, r"a shape is made of ints, got \(2, 1.5\)"),
    ("lt.pad(x, (1, 2, 3))", ValueError, "pad takes two ints per dim"),
    ("lt.pad(x, (-4, 0))", ValueError, r"pad: \(-4, 0\) cuts more than the size 3 of dim 1"),
    ("x.split(0)", ValueError, "split needs a positive size, got 0"),
    ("x.narrow(1, 2, 2)", IndexError, "narrow from 2 by 2 leaves dim 1 of size 3"),
    ("x.item()", ValueError, r"item\(\) needs a tensor of one element, got shape \(2, 3\)"),
    ("bool(x)", ValueError, r"the truth of a tensor of shape \(2, 3\) is ambiguous; use .any\(\) or .all\(\)"),
    ("len(lt.tensor(1.0))", TypeError, "a 0-d tensor has no length"),
    ("iter(lt.tensor(1.0))", TypeError, "a 0-d tensor cannot be iterated"),
    ("range(5)[lt.tensor(1.0)]", TypeError, "only an integer tensor of one element is an index, got lamella.float32"),
    # dims
    ("x.sum(2)", IndexError, "dim 2 is out of range for a tensor of 2 dims; valid are -2 to 1"),
    ("x.sum((0, -2))", ValueError, r"a dim appears twice in \(0, -2\)"),
    ("x.sum('a')", TypeError, "dim must be an int, got 'a'"),
    ("x.sum(0, axis=0)", TypeError, "give dim or its alias axis, not both"),
    ("x.permute(0, 0)", ValueError, "needs each dim once"),
    ("lt.softmax(x)", TypeError, r"softmax needs a dim, e.g. softmax\(x, dim=-1\)"),
    ("lt.cumsum(x)", TypeError, "cumsum needs a dim"),
    ("x.flatten(1, 0)", ValueError, "the start lies behind the end"),
    ("lt.zeros(2, 2, 2).t()", ValueError, "use transpose or mT"),
    # dtypes
    (
        "lt.softmax(i, 0)",
        TypeError,
        "softmax needs a floating tensor, got the integer dtype lamella.int64; convert it with .to",
    ),
    (
        "lt.linear(x, lt.zeros(4, 3, dtype=lt.float64))",
        TypeError,
        "linear needs one dtype, got x float32 and w float64; cast one",
    ),
    ("lt.cross_entropy(x, lt.zeros(2))", TypeError, "cross_entropy needs integer class targets, got float32"),
    (
        "lt.cross_entropy(x, lt.tensor([0, 9]))",
        IndexError,
        r"target 9 is not a class of \[0, 3\) nor ignore_index -100",
    ),
    ("lt.cross_entropy(x, [0, 1])", TypeError, "needs target as an integer tensor, got list"),
    (
        "lt.zeros(2, dtype='float99')",
        TypeError,
        "dtype must be a lamella dtype such as lamella.tensor.float32, got 'float99'",
    ),
    ("lt.rand(2, dtype=lt.int32)", TypeError, "rand makes floating tensors, got dtype lamella.int32"),
    ("x & x", TypeError, "bitwise_and is defined for integers and bools, not for floating tensors; compare first"),
    ("~x", TypeError, "bitwise_not is defined for integers and bools, not for floating tensors"),
    ("x << 1", TypeError, "bitwise_left_shift is defined for integers and bools, not for floating"),
    ("lt.hypot(i, i)", TypeError, r"hypot is defined for floating tensors, not for integers; convert them with .to\("),
    ("lt.gcd(x, x)", TypeError, "gcd is defined for integers and bools, not for floating tensors"),
    ("lt.div(x, x, rounding_mode='up')", ValueError, "rounding_mode is None, 'trunc' or 'floor', got 'up'"),
    ("lt.quantile(x, lt.tensor([0.5, 1.5]))", ValueError, r"quantile: q lies in \[0, 1\], got \[0.5, 1.5\]"),
    ("x.view_as(3)", TypeError, "view_as needs a tensor, got int"),
    ("lt.xlogy(x, None)", TypeError, "xlogy: b must be a tensor or a number, got NoneType"),
    ("x.xlogy_(None)", TypeError, "xlogy: b must be a tensor or a number"),
    ("x.add_(None)", TypeError, "add: b must be a tensor or a number"),
    ("x.less(None)", TypeError, "lt: b must be a tensor or a number"),
    ("lt.logical_xor(i, None)", TypeError, "logical_xor: b must be a tensor or a number"),
    ("x.fill_(lt.ones(1))", ValueError, "fill_ needs a number or a 0-d tensor"),
    ("lt.cumulative_trapezoid(x[0], lt.tensor(1.0))", ValueError, "x needs as many"),
    ("lt.median(i[:0])", ValueError, "no value among integers"),
    ("i.fmod(0)", ZeroDivisionError, "fmod of an integer tensor by 0"),
    ("i.add(i, alpha=0.5)", TypeError, "add: alpha of integer tensors must be an integer, got 0.5"),
    ("x.add(x, out=x)", TypeError, "unexpected keyword argument 'out'"),
    ("i.round(decimals=1)", TypeError, "round with decimals needs a floating tensor, got lamella.int64"),
    ("lt.isclose(x, i)", TypeError, "isclose needs tensors of one dtype, got lamella.float32 and lamella.int64"),
    ("lt.isclose(x, x, rtol=-1)", ValueError, "isclose needs tolerances of at least 0"),
    ("lt.view_as_complex(x)", ValueError, r"a last dim of size 2, the real and imaginary part, got \(2, 3\)"),
    ("lt.view_as_real(x)", TypeError, "view_as_real needs a complex tensor, got float32"),
    ("x.imag", TypeError, "imag needs a complex tensor, got lamella.float32"),
    ("lt.complex(x, x.double())", TypeError, "complex needs two float32 or two float64 tensors"),
    ("x.polygamma(-1)", ValueError, "polygamma needs a non-negative int as its order, got -1"),
    ("lt.heaviside(x, i)", TypeError, "heaviside needs x and values of one dtype"),
    ("i.masked_fill(i > 0, float('inf'))", OverflowError, "masked_fill: inf is no value of lamella.int64"),
    ("i.masked_fill(i > 0, 1j)", TypeError, "masked_fill cannot put a complex into a lamella.int64 tensor"),
    ("i.masked_fill(i > 0, lt.tensor(1.5))", TypeError, "masked_fill cannot put a lamella.float32 into a"),
    ("x.masked_fill(x > 0, x)", ValueError, "masked_fill needs a number or a 0-d tensor as value"),
    ("lt.addcdiv(i, i, i)", TypeError, "addcdiv of integer tensors is not defined"),
    ("lt.frac(i)", TypeError, "frac needs a floating tensor, got the integer dtype"),
    (
        "lt.from_numpy(np.array(['a']))",
        TypeError,
        "a tensor cannot hold numpy dtype <U1; convert it to one of bool, uint8",
    ),
    ("lt.from_numpy(np.zeros(2, '>f4'))", TypeError, "cannot share byte-swapped memory.*convert it with array.astype"),
    ("lt.from_numpy([1])", TypeError, r"from_numpy needs a numpy array, got list; use tensor\(...\)"),
    ("lt.tensor([[1], [2, 3]])", ValueError, "regular nesting of numbers"),
    ("lt.tensor(['a'])", TypeError, "cannot hold|needs numbers|cannot make"),
    (
        "lt.tensor([x, x])",
        ValueError,
        r"of one element, got shape \(2, 3\); use stack\(...\) or cat\(...\)",
    ),
    # what is no operand
    ("x + 'a'", TypeError, "unsupported operand"),
    ("x + None", TypeError, "unsupported operand"),
    ("x + np.zeros(3)", TypeError, r"add: b must be a tensor or a number, got ndarray; wrap it with from_numpy\(...\)"),
    ("np.zeros(3) * x", TypeError, r"mul: b must be a tensor or a number, got ndarray; wrap it with from_numpy"),
    ("np.zeros((2, 2)) @ x", TypeError, r"@ needs a tensor on both sides, got ndarray; wrap an array with from_numpy"),
    ("x @ 2.0", TypeError, "@ needs a tensor on both sides, got float"),
    ("x // np.zeros(3)", TypeError, "floor_divide needs tensors or numbers, got ndarray"),
    ("lt.exp([1.0])", TypeError, r"exp: x must be a tensor or a number, got list; make one with tensor\(...\)"),
    ("lt.add(x, 'a')", TypeError, "add: b must be a tensor or a number, got str"),
    ("lt.sum([1.0])", TypeError, r"sum needs a tensor, got list; make one with lamella.tensor.tensor\(...\)"),
    ("lt.full((2,), x)", TypeError, r"full needs a number or a tensor without dims, got shape \(2, 3\)"),
    # devices and storages
    (
        "x + lt.zeros(2, 3, device='meta')",
        ValueError,
        r"add got tensors on devices cpu and meta; move them to one device with .to",
    ),
    ("x.to('cuda')", ValueError, r"to\('cuda'\): neither a dtype nor a device; the devices here are 'cpu' and 'meta'"),
    ("lt.zeros(2, device='tpu')", ValueError, "unknown device 'tpu'; the devices here are 'cpu' and 'meta'"),
    ("lt.zeros(2, device='meta').to('cpu')", RuntimeError, "a meta tensor has no values to move to the cpu"),
    ("x.to(lt.float32, lt.int64)", TypeError, "to\\(\\) takes one dtype, got .*float32 and .*int64"),
    ("x.to('cpu', device='meta')", TypeError, "to\\(\\) takes one device"),
    ("x.to(lt.float32, False, False, True)", TypeError, "to\\(\\) takes two bools by position.*got 3"),
    ("lt.asarray(b'123')", ValueError, "3 bytes from offset 0 on are no whole number of float32"),
    ("lt.zeros(2, device='meta').tolist()", RuntimeError, r"tolist\(\) needs values, and a meta tensor has none"),
    ("q + q", TypeError, r"add has no kernel for a tensor with 'block_int8' storage; call .dense\(\) on it first"),
    ("q.numpy()", TypeError, r"'block_int8' storage has no numpy memory; use .dense\(\).numpy\(\)"),
    ("q.zero_()", TypeError, "'block_int8' storage cannot be written in place; make a new one"),
    (
        "lt.linear(lt.zeros(2, 8, device='meta'), q)",
        TypeError,
        r"linear got tensors of different storages \(block_int8, meta\)",
    ),
    # params
    ("lt.gelu(x, 'fast')", ValueError, "approximate is 'none' or 'tanh', got 'fast'"),
    ("lt.dropout(x, 1.5)", ValueError, r"dropout needs a probability in \[0, 1\], got 1.5"),
    (
        "lt.cross_entropy(x, lt.tensor([0, 1]), reduction='max')",
        ValueError,
        "reduction is one of none, mean, sum, got 'max'",
    ),
    ("lt.arange(0, 3, 0)", ValueError, "arange needs a step other than 0"),
    ("lt.randint(3, 3, (2,))", ValueError, r"randint needs low < high, got \[3, 3\)"),
    ("lt.randint(3)", TypeError, "randint needs an end and a size"),
    ("x.clamp()", ValueError, "clamp needs min or max"),
    ("x.view(lt.float64)", ValueError, "its last dim is not a whole number of elements of 8 bytes"),
    ("lt.take(x, lt.tensor([5]), 0)", IndexError, "take: index 5 is out of range for dim 0 of size 2"),
    ("x.gather(1, lt.tensor([0]))", ValueError, r"gather along dim 1: index \(1,\) must have the rank of x \(2, 3\)"),
    ("x.gather(0, lt.tensor([[0, 0, -3]]))", IndexError, "gather: index -3 is out of range for dim 0 of size 2"),
    ("x.scatter_add(1, lt.tensor([[0, 1]]), lt.zeros(1, 1))", ValueError, "scatter_add needs src"),
)


@pytest.mark.parametrize(("expression", "error", "message"), BAD, ids=[b[0][:40] for b in BAD])
def test_bad_input(expression: str, error: type[Exception], message: str) -> None:
    names = {"x": lt.zeros(2, 3), "i": lt.arange(3), "lt": lt, "np": np, "q": quantize_blocks(lt.ones(4, 8), 4)}
    code = compile(expression, "user.py", "eval")
    with pytest.raises(error, match=message) as caught:
        eval(code, names)
    frames = traceback.extract_tb(caught.value.__traceback__)
    user = [f for f in frames if "/lamella/" not in f.filename.replace("\\", "/")]
    assert user[-1].filename == "user.py"
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None, "the kernel's own error shows through"


def run(code: str, *more: str) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(code), *more],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
    )  # fmt: skip
    return done.stdout


def test_missing_autograd_is_named_with_the_command() -> None:
    out = run(
        """
        import importlib.util
        real = importlib.util.find_spec
        importlib.util.find_spec = lambda name, *a: None if name == "lamella.autograd" else real(name, *a)
        import lamella.tensor as lt
        x = lt.ones(2)
        for act in (lambda: x.requires_grad_(), lambda: lt.zeros(2, requires_grad=True), lambda: x.backward()):
            try:
                act()
            except ImportError as error:
                print(type(error).__name__, error)
        print((x + x).tolist())
        """
    )
    message = (
        "MissingPackage requires_grad, backward() and transforms needs the package lamella-autograd; "
        "install it with: pip install lamella-autograd\n"
    )
    assert out == message * 3 + "[2.0, 2.0]\n"


def test_importing_tensor_imports_no_sister_and_no_slow_module() -> None:
    out = run(
        """
        import sys
        import lamella.tensor as lt
        x = (lt.rand(4) @ lt.ones(4, 2)).softmax(0).sum()
        x.item()
        sisters = {m.split(".")[1] for m in sys.modules if m.startswith("lamella.")}
        print(sorted(sisters))
        slow = ("inspect", "importlib.metadata", "concurrent.futures", "pickle", "scipy")
        print([m for m in slow if m in sys.modules])
        """
    )
    lines = out.splitlines()
    assert lines[0] == "['interfaces', 'tensor']"
    # numpy itself may bring some of them
    brought = run(
        """
        import sys, numpy, ml_dtypes
        slow = ("inspect", "importlib.metadata", "concurrent.futures", "pickle", "scipy")
        print([m for m in slow if m in sys.modules])
        """
    )
    assert lines[1] == brought.strip()


def leaf() -> Any:
    pytest.importorskip("lamella.autograd")
    return lt.ones(3, requires_grad=True)


def test_in_place_on_a_leaf() -> None:
    x = leaf()
    for write in (lambda: x.add_(1), lambda: x.zero_(), lambda: x[0].fill_(1), lambda: x.__setitem__(0, 2.0)):
        with pytest.raises(
            RuntimeError, match="leaf tensor.* that requires grad is written in place; do it under no_grad"
        ):
            write()
    with lt.no_grad():
        x += 1
    assert x.tolist() == [2.0, 2.0, 2.0]


def test_leaving_the_stack_needs_detach() -> None:
    x = leaf()
    with pytest.raises(RuntimeError, match=r"use .detach\(\).numpy\(\)"):
        x.numpy()
    with pytest.raises(RuntimeError, match=r"not converted to numpy silently; use .detach\(\)"):
        np.asarray(x)
    with pytest.raises(TypeError, match="floating and complex tensors can require grad, this one is lamella.int64"):
        lt.arange(3).requires_grad_()
    y = x * 2
    with pytest.raises(RuntimeError, match=r"switched off on leaf tensors only; use .detach\(\)"):
        y.requires_grad_(False)
    with pytest.raises(RuntimeError, match="only a leaf that requires grad, or a result after retain_grad"):
        y.grad = x.detach()
    with pytest.raises(ValueError, match=r".grad must be lamella.float32\[3\], got lamella.float32\[2\]"):
        x.grad = lt.zeros(2)
