"""Images: a column of PNG, JPEG, ... files becomes one array of pixels, cropped, resized and flipped on the way."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal, SupportsIndex, TypeAlias, final

import numpy as np
import numpy.typing as npt

from lamella.data._arguments import check_int
from lamella.data._media._encoded import encoded_rows, note_row, replaced
from lamella.data._media._threads import cpus, each
from lamella.data._protocols import Array

Fit = Literal["stretch", "cover", "contain"]
_CHANNELS = {"L": 1, "RGB": 3, "RGBA": 4}
_FITS = ("stretch", "cover", "contain")
_SIDEWAYS = 5  # EXIF orientations from here on swap width and height
_CROP_ATTEMPTS = 10  # random boxes tried before the largest one in the middle is taken
_Box = tuple[float, float, float, float]
_Image: TypeAlias = Any  # Pillow's: an extra, so its types cannot be named


@final
@dataclass(frozen=True, slots=True)
class RandomCrop:
    """A random part of an image: `area` is its share of the pixels, `ratio` its width over its height (log-uniform)."""

    area: tuple[float, float] = (0.08, 1.0)
    ratio: tuple[float, float] = (3 / 4, 4 / 3)

    def __post_init__(self) -> None:
        for name, (low, high), most in (("area", self.area, 1.0), ("ratio", self.ratio, math.inf)):
            if not 0 < low <= high <= most:
                raise ValueError(f"RandomCrop: {name} must be 0 < low <= high <= {most}, got {(low, high)}")

    def box(self, width: int, height: int, rng: np.random.Generator) -> _Box:
        """Left, upper, right and lower edge, in pixels."""
        for _ in range(_CROP_ATTEMPTS):
            area = width * height * rng.uniform(*self.area)
            ratio = math.exp(rng.uniform(math.log(self.ratio[0]), math.log(self.ratio[1])))
            w, h = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
            if 0 < w <= width and 0 < h <= height:
                left, upper = int(rng.integers(width - w + 1)), int(rng.integers(height - h + 1))
                return left, upper, left + w, upper + h
        return _middle(width, height, min(max(width / height, self.ratio[0]), self.ratio[1]))


@final
class DecodeImages:
    """Decodes the images in `column` of a batch into one array (rows, channels, height, width).

    A transform for `map(..., batched=True)`, with `rng=True` where `crop` or `flip` (a probability) draw. `size` is
    (height, width) or one number for both; without it all images must have one size. `fit` says how an image meets it:
    "stretch", "cover" (the largest middle part) or "contain" (the rest is black). `mode` is "L", "RGB" or "RGBA",
    `layout` "CHW" or "HWC", `dtype` uint8 (0 to 255) or float32 (0 to 1). `draft` decodes JPEGs at a fraction of their
    size where that is still twice what is needed. `orient` turns photographs as their camera was held. Images of more
    than `max_pixels` are refused. `to` names the result (default: `column`), `threads` bounds those that decode.
    ValueError that names the row for what is no image.
    """

    def __init__(
        self,
        column: str,
        size: SupportsIndex | tuple[SupportsIndex, SupportsIndex] | None = None,
        *,
        fit: Fit = "stretch",
        crop: RandomCrop | None = None,
        flip: float = 0.0,
        mode: str = "RGB",
        layout: Literal["CHW", "HWC"] = "CHW",
        dtype: npt.DTypeLike = np.uint8,
        draft: bool = True,
        orient: bool = True,
        max_pixels: SupportsIndex = 89_478_485,
        to: str | None = None,
        threads: SupportsIndex | None = None,
    ) -> None:
        owner = "DecodeImages"
        if mode not in _CHANNELS:
            raise ValueError(f"{owner}: mode must be one of {list(_CHANNELS)}, got {mode!r}")
        if layout not in ("CHW", "HWC"):
            raise ValueError(f"{owner}: layout must be 'CHW' or 'HWC', got {layout!r}")
        if fit not in _FITS:
            raise ValueError(f"{owner}: fit must be one of {_FITS}, got {fit!r}")
        if np.dtype(dtype) not in (np.uint8, np.float32):
            raise ValueError(f"{owner}: dtype must be uint8 or float32, got {np.dtype(dtype)}")
        if not 0 <= flip <= 1:
            raise ValueError(f"{owner}: flip is a probability in [0, 1], got {flip!r}")
        if crop is not None and (size is None or fit != "stretch"):
            raise ValueError(f"{owner}: a random crop is resized to `size` as it is; pass size and leave out fit")
        sides = size if isinstance(size, tuple) else (size, size)
        self.column, self.to = column, column if to is None else to
        self.size = None if size is None else tuple([check_int(owner, "size", side, 1) for side in sides])  # type: ignore[arg-type]
        self.fit, self.crop, self.flip, self.mode, self.layout = fit, crop, float(flip), mode, layout
        self.dtype = np.dtype(dtype)
        self.draft, self.orient = draft, orient
        self.max_pixels = check_int(owner, "max_pixels", max_pixels, 1)
        self.threads = cpus() if threads is None else check_int(owner, "threads", threads, 1)
        _pillow()  # a missing library is said here, and not in the middle of an epoch

    @property
    def draws(self) -> bool:
        """Whether it needs random numbers."""
        return self.crop is not None or self.flip > 0

    def __call__(self, batch: Mapping[str, Any], rng: Sequence[np.random.Generator] | None = None) -> dict[str, Any]:
        """The batch with the decoded images; `rng` has a generator for each row."""
        rows = encoded_rows("DecodeImages", batch, self.column)
        if self.draws and rng is None:
            raise ValueError("DecodeImages: crop and flip draw; use map(..., batched=True, rng=True)")
        height, width = self._size(rows)
        channels = _CHANNELS[self.mode]
        shape = (channels, height, width) if self.layout == "CHW" else (height, width, channels)
        out = np.empty((len(rows), *shape), self.dtype)

        def one(row: int) -> None:
            try:
                self._lay_out(self._decoded(rows[row], (height, width), None if rng is None else rng[row]), out[row])
            except Exception as error:
                note_row(error, self.column, row)
                raise

        each(one, len(rows), self.threads)
        return replaced(batch, self.column, self.to, out)

    def _lay_out(self, pixels: Array, target: Array) -> None:
        """Pixels (height, width, channels) as the batch has them: here, where every thread does its own."""
        if self.layout == "CHW":
            pixels = pixels.transpose(2, 0, 1)
        if self.dtype == np.uint8:
            target[...] = pixels
        else:
            np.multiply(pixels, np.float32(1 / 255), out=target)

    def _size(self, rows: Sequence[bytes]) -> tuple[int, int]:
        if self.size is not None:
            return self.size[0], self.size[1]
        if not rows:
            return 0, 0
        image = self._open(rows[0])
        width, height = image.size
        return (width, height) if self.orient and _orientation(image) >= _SIDEWAYS else (height, width)

    def _open(self, encoded: bytes) -> _Image:
        with _naming("bytes that are no image of a known format", len(encoded)):
            image = _pillow().open(io.BytesIO(encoded))
        if image.width * image.height > self.max_pixels:
            raise ValueError(
                f"DecodeImages: an image of {image.width} x {image.height} pixels, more than max_pixels="
                f"{self.max_pixels}"
            )
        return image

    def _decoded(self, encoded: bytes, size: tuple[int, int], rng: np.random.Generator | None) -> Array:
        image = self._open(encoded)
        turned = _orientation(image) if self.orient else 1
        width, height = image.size if turned < _SIDEWAYS else image.size[::-1]
        box = None if self.crop is None or rng is None else self.crop.box(width, height, rng)
        if self.draft and image.format == "JPEG" and self.size is not None:
            part = (1.0, 1.0) if box is None else (width / (box[2] - box[0]), height / (box[3] - box[1]))
            needed = (math.ceil(2 * size[1] * part[0]), math.ceil(2 * size[0] * part[1]))
            image.draft(None, needed if turned < _SIDEWAYS else needed[::-1])
        with _naming(f"bytes of a damaged {image.format} image", len(encoded)):
            image.load()
        if turned > 1:
            image = _turned(image, turned)
        if box is not None:  # in pixels of what was decoded
            x, y = image.width / width, image.height / height
            box = (box[0] * x, box[1] * y, box[2] * x, box[3] * y)
        if image.mode != self.mode:
            image = image.convert(self.mode)
        image = self._resized(image, size, box)
        if rng is not None and self.flip and rng.random() < self.flip:
            image = image.transpose(_pillow().Transpose.FLIP_LEFT_RIGHT)
        return np.asarray(image).reshape(*size, -1)

    def _resized(self, image: _Image, size: tuple[int, int], box: _Box | None) -> _Image:
        pillow = _pillow()
        height, width = size
        if self.size is None:
            if image.size != (width, height):
                raise ValueError(
                    f"DecodeImages: an image of {image.height} x {image.width} pixels where the first has {height} x "
                    f"{width}; pass size="
                )
            return image
        if self.fit == "cover":
            box = _middle(image.width, image.height, width / height)
        if self.fit == "contain":
            scale = min(width / image.width, height / image.height)
            inner = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
            canvas = pillow.new(self.mode, (width, height))
            canvas.paste(
                image.resize(inner, pillow.Resampling.BILINEAR), ((width - inner[0]) // 2, (height - inner[1]) // 2)
            )
            return canvas
        if box is None and image.size == (width, height):
            return image
        return image.resize((width, height), pillow.Resampling.BILINEAR, box=box)


@contextmanager
def _naming(what: str, size: int) -> Iterator[None]:
    """Damaged files make Pillow raise almost anything: it becomes one kind of error."""
    try:
        yield
    except MemoryError:
        raise
    except Exception as error:
        raise ValueError(f"DecodeImages: {size} {what}: {error}") from error


def _middle(width: int, height: int, ratio: float) -> _Box:
    """The largest box of a ratio (width over height) in the middle."""
    w, h = min(width, height * ratio), min(height, width / ratio)
    return (width - w) / 2, (height - h) / 2, (width + w) / 2, (height + h) / 2


def _orientation(image: _Image) -> int:
    """The EXIF orientation, 1 to 8; only photographs have one, and reading it costs as much as a small image."""
    if image.format not in ("JPEG", "MPO", "TIFF") or ("exif" not in image.info and image.format != "TIFF"):
        return 1
    found = image.getexif().get(0x0112, 1)
    return found if isinstance(found, int) and 1 <= found <= 8 else 1


def _turned(image: _Image, orientation: int) -> _Image:
    turn = _pillow().Transpose
    turns = (
        turn.FLIP_LEFT_RIGHT,
        turn.ROTATE_180,
        turn.FLIP_TOP_BOTTOM,
        turn.TRANSPOSE,
        turn.ROTATE_270,
        turn.TRANSVERSE,
        turn.ROTATE_90,
    )
    return image.transpose(turns[orientation - 2])


def _pillow() -> Any:
    try:
        import PIL.Image
    except ImportError as error:
        raise ImportError(
            "decoding images needs Pillow: pip install 'lamella-data[image]' (or pip install pillow)"
        ) from error
    return PIL.Image
