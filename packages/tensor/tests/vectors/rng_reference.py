"""The random numbers in plain Python, from the decision record and not from the package: the author of rng-v1.json.

Integers are Python's; floats are binary64, and binary32 steps are binary64 steps rounded once more, which is exact for
+ - * / sqrt. `python rng_reference.py > rng-v1.json` writes the published file again.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Callable, Sequence

MASK = 2**64 - 1


def words(seed: int, offset: int, n: int, attempt: int = 0) -> list[int]:
    """Slots offset ... offset + n - 1, modulo 2**64, of a seed."""
    return [_block(seed & MASK, ((offset + i) & MASK) // 4 + 1, attempt)[(offset + i) % 4] for i in range(n)]


def _block(key: int, counter: int, attempt: int) -> tuple[int, int, int, int]:
    c0, c1, c2, c3, k0, k1 = counter, attempt, 0, 0, key, 0
    for _ in range(10):
        a, b = 0xD2E7470EE14C6C93 * c0, 0xCA5A826395121157 * c2
        c0, c1, c2, c3 = (b >> 64) ^ c1 ^ k0, b & MASK, (a >> 64) ^ c3 ^ k1, a & MASK
        k0, k1 = (k0 + 0x9E3779B97F4A7C15) & MASK, (k1 + 0xBB67AE8584CAA73B) & MASK
    return c0, c1, c2, c3


def uniform(w: int, bits: int) -> float:
    """The top `bits` bits of a word as a fraction."""
    return (w >> (64 - bits)) / 2.0**bits


def bernoulli(w: int, p: float) -> int:
    """1 with probability p."""
    return int(w >> 11 < math.ceil(p * 2.0**53))


def randint(w: int, low: int, high: int) -> int:
    """An integer of [low, high)."""
    return low + (w * (high - low) >> 64)


def round32(x: float) -> float:
    """x rounded to binary32."""
    return float(struct.unpack("<f", struct.pack("<f", x))[0])


def bits_of(x: float, width: int) -> int:
    """The bits of a float of 32 or 64 bits as an unsigned integer."""
    return int.from_bytes(struct.pack("<f" if width == 32 else "<d", x), "little")


def float_of(bits: int, width: int) -> float:
    """The float with these bits."""
    return float(struct.unpack("<f" if width == 32 else "<d", bits.to_bytes(width // 8, "little"))[0])


CONSTANTS: dict[int, dict[str, list[float]]] = {
    32: {
        "log": [-4.0, -1.333336353302002, -0.7994970083236694, -0.5984883904457092],
        "sine": [3.1415927410125732, -5.167710304260254, 2.550077438354492, -0.5982903838157654, 0.07765591144561768],
    },
    64: {
        "log": [-4.0, -1.333333333333353, -0.7999999999860451, -0.57142857521322, -0.4444439410932388]
        + [-0.36367263584995757, -0.30625050283519134, -0.29619483605966274],
        "sine": [3.141592653589793, -5.167712780049969, 2.5501640398773007, -0.5992645293189447, 0.0821458865731029]
        + [-0.007370430505916944, 0.0004662998161898394, -2.1903497074626018e-05, 7.697826768224191e-07],
    },
}


def normal(w: int, width: int) -> float:
    """A standard normal of 32 or 64 bits; every operation rounds once."""
    rnd: Callable[[float], float] = round32 if width == 32 else float
    mantissa = 23 if width == 32 else 52
    per_exponent = -2.0 * math.log(2.0) * 2.0**-mantissa

    x = rnd(rnd(float(w >> 32)) + 0.5)
    pivot = bits_of(rnd(2.0**32 * math.sqrt(0.5)), width)
    exponent = (bits_of(x, width) - pivot) >> mantissa << mantissa
    x = float_of(bits_of(x, width) - exponent, width)
    t = rnd(rnd(x - 2.0**32) / rnd(x + 2.0**32))
    log = rnd(_horner(rnd(t * t), CONSTANTS[width]["log"], rnd) * t)
    radius = rnd(math.sqrt(rnd(rnd(exponent * rnd(per_exponent)) + log)))

    low = w & 0xFFFFFFFF
    s = rnd(float(low - 2**32 if low >= 2**31 else low)) * 2.0**-32
    sine = rnd(_horner(rnd(s * s), CONSTANTS[width]["sine"], rnd) * s)
    return rnd(radius * sine)


def _horner(x: float, coefficients: Sequence[float], rnd: Callable[[float], float]) -> float:
    value = coefficients[-1]
    for c in reversed(coefficients[:-1]):
        value = rnd(rnd(value * x) + c)
    return value


STREAMS = [(0, 0, 0), (5, 3, 0), (67280421310721, 2**32 - 2, 0), (MASK, 2**62 - 1, 0), (1, MASK - 5, 0), (5, 3, 1)]
PROBABILITIES = [0.0, 2.0**-40, 0.1, 0.5, 1 - 2.0**-53, 1.0]
RANGES = [(0, 10), (-3, 4), (0, 2**32), (-(2**63), 2**63), (-7, 2**40), (2**63 - 2, 2**63)]

FORMULAS = {
    "word": "slot s: lane s % 4 of Philox4x64-10, key (seed, 0), counter (s // 4 + 1, attempt, 0, 0); s modulo 2**64",
    "uniform": "(word >> (64 - bits)) * 2**-bits, bits = 53, 24, 11, 8 for float64, float32, float16, bfloat16",
    "bernoulli": "(word >> 11) < ceil(p * 2**53)",
    "randint": "low + floor(word * (high - low) / 2**64)",
    "randperm": "the stable ascending order of n words",
    "normal": [
        "every operation is rounded once to the float width; none is contracted",
        "x = float(word >> 32) + 0.5; pivot = bits(2**32 * sqrt(1/2)); e = (bits(x) - pivot) & -(1 << mantissa)",
        "m = float_of(bits(x) - e); t = (m - 2**32) / (m + 2**32)",
        "r = sqrt(float(e) * (-2 ln 2 * 2**-mantissa) + log(t * t) * t), log by Horner's rule",
        "s = float(int32(word & 0xffffffff)) * 2**-32; normal = r * (sine(s * s) * s), sine by Horner's rule",
        "implementations agree within 2 ULP; those that keep these steps agree exactly",
    ],
}


def document() -> dict[str, object]:
    """The content of the published file; floats are given as the hexadecimal of their bits."""
    cases = []
    for seed, offset, attempt in STREAMS:
        stream = words(seed, offset, 12, attempt)
        cases.append(
            {
                "seed": seed,
                "offset": offset,
                "attempt": attempt,
                "words": [f"{w:016x}" for w in stream],
                "float64": [f"{bits_of(uniform(w, 53), 64):016x}" for w in stream],
                "float32": [f"{bits_of(uniform(w, 24), 32):08x}" for w in stream],
                "float16": [f"{int.from_bytes(struct.pack('<e', uniform(w, 11)), 'little'):04x}" for w in stream],
                "bfloat16": [f"{bits_of(uniform(w, 8), 32) >> 16:04x}" for w in stream],
                "bernoulli": [{"p": p, "bits": [bernoulli(w, p) for w in stream]} for p in PROBABILITIES],
                "randint": [{"low": a, "high": b, "values": [randint(w, a, b) for w in stream]} for a, b in RANGES],
                "randperm": sorted(range(12), key=stream.__getitem__),
                "normal64": [f"{bits_of(normal(w, 64), 64):016x}" for w in stream],
                "normal32": [f"{bits_of(normal(w, 32), 32):08x}" for w in stream],
            }
        )
    constants = {f"float{width}": value for width, value in CONSTANTS.items()}
    return {"version": 1, "formulas": FORMULAS, "normal_constants": constants, "cases": cases}


def text() -> str:
    """The published file: one line a field."""

    def fields(value: dict[str, object]) -> str:
        return ",\n".join(f"  {json.dumps(k)}: {json.dumps(v)}" for k, v in value.items())

    content = document()
    cases = content.pop("cases")
    assert isinstance(cases, list)
    joined = ",\n".join("{\n" + fields(case) + "\n}" for case in cases)
    return "{\n" + fields(content) + ',\n  "cases": [\n' + joined + "\n]}\n"


if __name__ == "__main__":
    print(text(), end="")
