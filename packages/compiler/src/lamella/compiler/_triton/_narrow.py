"""Bits of floats that exist in memory only, as f32 and back, as Triton text (see `_library`)."""

from __future__ import annotations

NARROW_BF16 = """
bits = x.to(tl.int32, bitcast=True)
r = (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16
r = tl.where((bits & 0x7FFFFFFF) > 0x7F800000, (bits >> 16) | 0x40, r)
return (r & 0xFFFF).to(tl.uint16)
"""

WIDEN_F8E4M3 = """
h = h.to(tl.int32)
a = h & 0x7F
bits = (a << 20) + (120 << 23)
bits = tl.where(a < 8, (a.to(tl.float32) * 0.001953125).to(tl.int32, bitcast=True), bits)
bits = tl.where(a == 0x7F, 0x7FC00000, bits)
return (bits | ((h & 0x80) << 24)).to(tl.float32, bitcast=True)
"""

NARROW_F8E4M3 = """
bits = x.to(tl.int32, bitcast=True)
a = bits & 0x7FFFFFFF
r = (a + 0x7FFFF + ((a >> 20) & 1) - (120 << 23)) >> 20
tiny = (a.to(tl.float32, bitcast=True) + 16384.0).to(tl.int32, bitcast=True) - 0x46800000
r = tl.where(a < 0x3C800000, tiny, r)
r = tl.where((a >= 0x44000000) | (r > 0x7E), 0x7F, r)
return (r | ((bits >> 24) & 0x80)).to(tl.uint8)
"""

NARROW_F8E5M2 = """
bits = x.to(tl.int32, bitcast=True)
a = bits & 0x7FFFFFFF
r = (a + 0xFFFFF + ((a >> 21) & 1) - (112 << 23)) >> 21
tiny = (a.to(tl.float32, bitcast=True) + 128.0).to(tl.int32, bitcast=True) - 0x43000000
r = tl.where(a < 0x38800000, tiny, r)
r = tl.where(a >= 0x47800000, 0x7C, r)
r = tl.where(a > 0x7F800000, 0x7E, r)
return (r | ((bits >> 24) & 0x80)).to(tl.uint8)
"""
