"""Why an op is no loop: it runs as an extern step, its own kernel on planned memory.

An op that has neither a rule, a library kernel, a body nor a row here fails the tests by name. Any op runs as an extern
step where an operand is complex, or float8 and not merely cast, and where its rule declines params or dtypes.
"""

from __future__ import annotations

_REASONS: dict[str, str] = {
    "a sort or a selection, which no loop over elements in a fixed order is": (
        "argsort sort topk kthvalue median nanmedian median_along mode randperm"
    ),
    "a search in a sorted array": "isin searchsorted",
    "a rejection sampler: how often an element draws depends on what it draws": "poisson multinomial",
    "a long series or an iteration an element, in double: arithmetic, not memory, is its time": (
        "digamma polygamma erfinv i0 i1"
    ),
    "windows of an image as columns: what reads them, a product, packs patches itself": "im2col col2im",
    "a sparse matrix of weights that its kernel keeps": "resample",
    "bits of one dtype as another, or parts of complex numbers": "view_dtype view_as_real view_as_complex",
    "runs graphs of its own": "cond while_loop scan",
}
EXTERN: dict[str, str] = {name: reason for reason, names in _REASONS.items() for name in names.split()}
