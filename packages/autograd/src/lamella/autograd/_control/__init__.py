"""Control flow: cond, while_loop, scan and map, eager and captured."""
