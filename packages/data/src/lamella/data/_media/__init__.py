"""Encoded images and sound as transforms of batches, decoded side by side on threads: their libraries let go of
Python's lock.
"""
