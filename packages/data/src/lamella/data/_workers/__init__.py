"""Who reads the batches: the caller's thread, threads or processes. A pool runs tasks; the loader gives and orders
them.
"""
