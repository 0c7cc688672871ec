"""Decoding of images (Pillow) and sound (soundfile) as transforms of batches: for `map(transform, batched=True)`."""

from lamella.data._media._audio import DecodeAudio
from lamella.data._media._images import DecodeImages, RandomCrop

__all__ = ["DecodeAudio", "DecodeImages", "RandomCrop"]
