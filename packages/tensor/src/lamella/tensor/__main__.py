"""`python -m lamella.tensor` prints the report that a bug report asks for."""

from . import environment

print(environment())
