"""Repository tools: what `noxfile.py` and the repository's own tests run; never shipped in a wheel, standard library
only.
"""
