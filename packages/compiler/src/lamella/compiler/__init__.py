"""Capture, fusion, memory planning and native code for Lamella graphs."""

__all__: list[str] = []
__version__ = "0.1.0"
