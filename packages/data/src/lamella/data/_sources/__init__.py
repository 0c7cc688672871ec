"""Where rows come from: files in the formats that Arrow reads, tables, sequences and iterables."""
