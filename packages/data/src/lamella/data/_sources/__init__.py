"""Where rows come from: files in the formats that Arrow reads, tables, sequences, iterables. One kind of source a file."""
