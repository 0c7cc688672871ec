"""The tables of the C target's tests, each graph printed as Triton and interpreted: ops, dtypes, shapes, specials."""

from __future__ import annotations

from triton_machine import tables

OWN = {  # what is not about running graphs, or about threads or printed C alone
    "test_every_rule_is_tested_somewhere",
    "test_sums_at_one_element_do_not_depend_on_threads",
    "test_a_sum_of_gradients_of_slices_is_one_pass",
    "test_results_do_not_depend_on_threads",
    "test_nan_and_infinity_in_one_of_several_chunks",
    "test_open_sizes_on_both_sides_of_every_limit",
    "test_equal_numbers_have_no_distance",  # but for the rounding of a tile's sum
}

for _name in ("ops", "pointwise", "scans", "moves", "random", "combiners"):
    _module = tables(f"test_codegen_{_name}")
    globals().update({k: v for k, v in vars(_module).items() if k.startswith("test_") and k not in OWN})
