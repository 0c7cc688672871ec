"""Images beside Pillow, sound beside what was written; hostile files are errors that name their row."""

from __future__ import annotations

import io
import struct
import threading
import time
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import PIL.Image
import PIL.ImageOps
import pytest
import soundfile

from lamella.data._media._threads import each
from lamella.data._ragged import Ragged
from lamella.data.media import DecodeAudio, DecodeImages, RandomCrop


def picture(height: int, width: int, channels: int = 3, seed: int = 0) -> np.ndarray[Any, Any]:
    """Smooth colours, so that JPEG and resizing stay close."""
    y, x = np.mgrid[0:height, 0:width]
    waves = [np.sin(x / (9 + c + seed)) + np.cos(y / (7 + 2 * c)) for c in range(channels)]
    pixels = ((np.stack(waves, -1) + 2) * 63).astype(np.uint8)
    return pixels if channels > 1 else pixels[..., 0]


def encoded(pixels: np.ndarray[Any, Any], kind: str = "PNG", **options: Any) -> bytes:
    stream = io.BytesIO()
    PIL.Image.fromarray(pixels).save(stream, kind, **options)
    return stream.getvalue()


def batch(*rows: bytes) -> dict[str, Any]:
    return {"image": Ragged.from_rows(rows) if rows else Ragged(np.empty(0, np.uint8), [0], kind="bytes")}


PIXELS = [picture(20, 30, seed=seed) for seed in range(5)]


@pytest.mark.parametrize("layout", ["CHW", "HWC"])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_pixels_are_those_of_the_files(layout: Any, dtype: Any) -> None:
    out = DecodeImages("image", layout=layout, dtype=dtype)({**batch(*map(encoded, PIXELS)), "label": np.arange(5)})
    expected = np.stack(PIXELS)
    if layout == "CHW":
        expected = expected.transpose(0, 3, 1, 2)
    assert out["image"].dtype == dtype
    assert out["image"].flags.c_contiguous
    np.testing.assert_allclose(out["image"], expected / 255 if dtype == np.float32 else expected, rtol=1e-6)
    assert list(out) == ["image", "label"]


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_modes_are_converted_as_pillow_does(mode: str, channels: int) -> None:
    pixels = picture(9, 8, channels)
    out = DecodeImages("image", mode=mode, layout="HWC")(batch(encoded(pixels)))["image"]
    expected = np.asarray(PIL.Image.fromarray(pixels).convert(mode)).reshape(1, 9, 8, -1)
    np.testing.assert_array_equal(out, expected)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "BMP", "GIF"])
def test_resized_is_what_pillow_resizes(kind: str) -> None:
    file = encoded(picture(200, 120), kind)
    out = DecodeImages("image", (30, 50), layout="HWC", draft=False)(batch(file))["image"][0]
    image = PIL.Image.open(io.BytesIO(file)).convert("RGB")
    np.testing.assert_array_equal(out, np.asarray(image.resize((50, 30), PIL.Image.Resampling.BILINEAR)))


def test_a_draft_is_close_to_the_whole() -> None:
    file = encoded(picture(800, 640), "JPEG", quality=95)
    drafted, whole = (DecodeImages("image", 40, draft=draft)(batch(file))["image"] for draft in (True, False))
    assert (drafted != whole).any()  # it was decoded at a fraction of its size
    assert np.abs(drafted.astype(int) - whole).max() <= 6


def test_cover_takes_the_middle_and_contain_keeps_all() -> None:
    pixels = np.zeros((20, 60, 3), np.uint8)
    pixels[:, 20:40] = 200
    covered = DecodeImages("image", 20, fit="cover", layout="HWC")(batch(encoded(pixels)))["image"][0]
    assert (covered == 200).all()
    contained = DecodeImages("image", (60, 60), fit="contain", layout="HWC")(batch(encoded(pixels)))["image"][0]
    np.testing.assert_array_equal(contained[20:40], pixels)
    assert (contained[:20] == 0).all()
    assert (contained[40:] == 0).all()


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("crop", [None, RandomCrop((1, 1), (0.05, 20))])
def test_photographs_are_turned_as_their_camera_was(orientation: int, crop: RandomCrop | None) -> None:
    exif = PIL.Image.Exif()
    exif[0x0112] = orientation
    file = encoded(picture(64, 32), "JPEG", quality=95, exif=exif.tobytes())
    upright = PIL.ImageOps.exif_transpose(PIL.Image.open(io.BytesIO(file)))
    assert upright is not None
    size = (upright.height, upright.width)
    if crop is None:
        out = DecodeImages("image", layout="HWC")(batch(file))["image"][0]
        np.testing.assert_array_equal(out, np.asarray(upright))
        return
    rng = np.random.default_rng(3)
    left, upper, right, lower = crop.box(upright.width, upright.height, np.random.default_rng(3))
    out = DecodeImages("image", size, crop=crop, layout="HWC")(batch(file), [rng])["image"][0]
    part = upright.resize(size[::-1], PIL.Image.Resampling.BILINEAR, box=(left, upper, right, lower))
    np.testing.assert_array_equal(out, np.asarray(part))


def test_random_parts_are_functions_of_the_rows_generators() -> None:
    files = [encoded(picture(60, 80, seed=seed)) for seed in range(6)]
    decode = DecodeImages("image", 16, crop=RandomCrop(), flip=0.5, threads=2)

    def run(rows: list[int]) -> np.ndarray[Any, Any]:
        return decode(batch(*[files[r] for r in rows]), [np.random.default_rng(r) for r in rows])["image"]

    whole = run([0, 1, 2, 3, 4, 5])
    np.testing.assert_array_equal(run([5, 2]), whole[[5, 2]])
    assert not np.array_equal(decode(batch(files[0]), [np.random.default_rng(9)])["image"][0], whole[0])


def test_a_flip_mirrors() -> None:
    plain = DecodeImages("image")(batch(encoded(PIXELS[0])))["image"]
    rngs = [np.random.default_rng(0)]
    np.testing.assert_array_equal(
        DecodeImages("image", flip=1)(batch(encoded(PIXELS[0])), rngs)["image"], plain[..., ::-1]
    )


def test_random_crops_keep_their_promises() -> None:
    rng = np.random.default_rng(0)
    crop = RandomCrop((0.2, 0.5), (0.5, 2))
    for _ in range(300):
        left, upper, right, lower = crop.box(200, 100, rng)
        assert 0 <= left < right <= 200
        assert 0 <= upper < lower <= 100
        w, h = right - left, lower - upper
        assert 0.19 < w * h / 20_000 < 0.51
        assert 0.47 < w / h < 2.1
    # no box of that ratio fits: the largest in the middle
    assert RandomCrop((0.9, 1), (1, 1)).box(100, 10, rng) == (45, 0, 55, 10)


def test_empty_batches_and_other_names() -> None:
    out = DecodeImages("image", (4, 5), to="pixels")(batch())
    assert out["pixels"].shape == (0, 3, 4, 5)
    assert len(out["image"]) == 0
    assert DecodeImages("image")(batch())["image"].shape == (0, 3, 0, 0)
    rows = [{"bytes": encoded(PIXELS[0]), "path": None}]  # as Hugging Face stores them
    assert DecodeImages("image")({"image": rows})["image"].shape == (1, 3, 20, 30)


def bomb() -> bytes:
    """A PNG of a few bytes that says it has 40,000 x 40,000 pixels."""
    header = struct.pack(">IIBBBBB", 40_000, 40_000, 8, 2, 0, 0, 0)
    chunks = [b"IHDR" + header, b"IDAT" + zlib.compress(bytes(100))]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(c) - 4) + c + struct.pack(">I", zlib.crc32(c)) for c in chunks
    )


GOOD = encoded(PIXELS[0])
HOSTILE = [
    (b"", "no image of a known format"),
    (b"GIF89a", "no image of a known format"),
    (encoded(picture(50, 50), "JPEG")[:200], "no image of a known format"),
    (encoded(np.random.default_rng(0).integers(0, 255, (60, 60, 3), np.uint8))[:3000], "damaged PNG"),
    (bomb(), "decompression bomb"),
    (encoded(picture(21, 30)), "21 x 30 pixels where the first has 20 x 30; pass size="),
]


@pytest.mark.parametrize(("file", "message"), HOSTILE)
def test_hostile_images_name_their_row(file: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        DecodeImages("image", max_pixels=100_000)(batch(GOOD, file, GOOD))
    assert caught.value.__notes__ == ["while decoding row 1 of the batch, column 'image'"]


def test_flipped_bits_are_errors_or_pixels() -> None:
    rng = np.random.default_rng(1)
    for kind in ("PNG", "JPEG"):
        file = bytearray(encoded(picture(40, 40), kind))
        for _ in range(60):
            changed = bytearray(file)
            changed[int(rng.integers(len(file)))] ^= 1 << int(rng.integers(8))
            try:
                out = DecodeImages("image", 8, max_pixels=10_000)(batch(bytes(changed)))["image"]
            except ValueError:
                continue
            assert out.shape == (1, 3, 8, 8)


WAVE = np.stack([np.sin(np.arange(4000) / 20), np.cos(np.arange(4000) / 33)], 1).astype(np.float32) * 0.5


def sound(samples: np.ndarray[Any, Any], rate: int = 8000, kind: str = "WAV", subtype: str = "FLOAT") -> bytes:
    stream = io.BytesIO()
    soundfile.write(stream, samples, rate, format=kind, subtype=subtype)
    return stream.getvalue()


def test_samples_are_those_of_the_files() -> None:
    rows = {"sound": [sound(WAVE), sound(WAVE[:100]), sound(WAVE, kind="FLAC", subtype="PCM_16")]}
    out = DecodeAudio("sound", channels=2)(rows)["sound"]
    assert isinstance(out, Ragged)
    assert out.lengths.tolist() == [4000, 100, 4000]
    np.testing.assert_array_equal(out[0], WAVE)
    np.testing.assert_array_equal(out[1], WAVE[:100])
    np.testing.assert_allclose(out[2], WAVE, atol=1 / 32767)
    mono = DecodeAudio("sound")(rows)["sound"]
    np.testing.assert_allclose(mono[0][:, 0], WAVE.mean(1), atol=1e-7)


def test_one_length_cuts_pads_and_draws() -> None:
    rows = {"sound": [sound(WAVE), sound(WAVE[:100])]}
    cut = DecodeAudio("sound", channels=2, length=300, to="samples")(rows)["samples"]
    assert cut.shape == (2, 2, 300)
    np.testing.assert_array_equal(cut[0], WAVE[:300].T)
    np.testing.assert_array_equal(cut[1], np.pad(WAVE[:100], ((0, 200), (0, 0))).T)
    rngs = [np.random.default_rng(5), np.random.default_rng(6)]
    drawn = DecodeAudio("sound", channels=2, length=300)(rows, rngs)["sound"]
    first = int(np.random.default_rng(5).integers(3701))
    np.testing.assert_array_equal(drawn[0], WAVE[first : first + 300].T)
    np.testing.assert_array_equal(drawn[1], cut[1])


def test_rates_are_made_one() -> None:
    tone = np.sin(2 * np.pi * 100 * np.arange(8000) / 8000).astype(np.float32)
    out = DecodeAudio("sound", rate=4000)({"sound": [sound(tone, 8000), sound(tone[::2], 4000)]})["sound"]
    assert out.lengths.tolist() == [4000, 4000]
    inside = slice(100, 3900)
    np.testing.assert_allclose(out[0][inside, 0], np.sin(2 * np.pi * 100 * np.arange(4000) / 4000)[inside], atol=2e-3)


def test_empty_sound() -> None:
    assert DecodeAudio("sound", length=7)({"sound": []})["sound"].shape == (0, 1, 7)
    assert len(DecodeAudio("sound")({"sound": []})["sound"]) == 0


SOUND_ERRORS = [
    ([sound(WAVE), b"RIFF"], {}, "no sound of a known format"),
    ([sound(WAVE), sound(WAVE, 4000)], {}, "row 1 has 4000 samples a second where row 0 has 8000; pass rate="),
    ([sound(WAVE), sound(WAVE[:, :1])], {"channels": None}, "row 1 has 1 channels where row 0 has 2"),
    ([sound(WAVE)], {"channels": 3}, "2 channels, expected 3"),
]


@pytest.mark.parametrize(("rows", "options", "message"), SOUND_ERRORS)
def test_bad_sound(rows: list[bytes], options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        DecodeAudio("sound", **options)({"sound": rows})


BAD: list[tuple[Callable[[], object], type[Exception], str]] = [
    (lambda: DecodeImages("image", mode="CMYK"), ValueError, "mode must be one of"),
    (lambda: DecodeImages("image", layout="WHC"), ValueError, "'CHW' or 'HWC'"),  # type: ignore[arg-type]
    (lambda: DecodeImages("image", fit="fill"), ValueError, "fit must be one of"),  # type: ignore[arg-type]
    (lambda: DecodeImages("image", dtype=np.int8), ValueError, "uint8 or float32, got int8"),
    (lambda: DecodeImages("image", flip=2), ValueError, r"probability in \[0, 1\], got 2"),
    (lambda: DecodeImages("image", (0, 3)), ValueError, "size must be an int >= 1, got 0"),
    (lambda: DecodeImages("image", crop=RandomCrop()), ValueError, "pass size"),
    (lambda: DecodeImages("image", threads=0), ValueError, "threads must be"),
    (lambda: RandomCrop((0, 1)), ValueError, "area must be"),
    (lambda: RandomCrop((0.5, 1), (2, 1)), ValueError, "ratio must be"),
    (lambda: DecodeImages("image", flip=0.5)(batch(GOOD)), ValueError, "rng=True"),
    (lambda: DecodeImages("picture")(batch(GOOD)), KeyError, r"no column 'picture'.*\['image'\]"),
    (lambda: DecodeImages("image")(GOOD), TypeError, "batched=True"),  # type: ignore[arg-type]
    (lambda: DecodeImages("image")({"image": ["text"]}), TypeError, "row 0 of column 'image' is a str"),
    (lambda: DecodeImages("image")({"image": np.zeros(3)}), TypeError, "is a ndarray, expected the bytes"),
    (lambda: DecodeImages("image")({"image": Ragged(np.zeros(3), [0, 3])}), TypeError, "holds list"),
    (lambda: DecodeAudio("sound", rate=0), ValueError, "rate must be"),
    (lambda: DecodeAudio("sound", length=0), ValueError, "length must be"),
]


@pytest.mark.parametrize(("call", "kind", "message"), BAD)
def test_bad_input(call: Callable[[], object], kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        call()


def test_work_is_spread_over_threads_and_its_first_error_is_raised() -> None:
    seen: set[int] = set()
    done: list[int] = []

    def note(number: int) -> None:
        seen.add(threading.get_ident())
        done.append(number)
        time.sleep(0.002)

    each(note, 30, 2)
    assert sorted(done) == list(range(30))
    assert len(seen) == 2
    each(note, 0, 2)
    alone: list[int] = []
    each(lambda _: alone.append(threading.get_ident()), 5, 1)
    assert set(alone) == {threading.get_ident()}

    def fail(number: int) -> None:
        done.append(number)
        raise ValueError(f"number {number}")

    done.clear()
    with pytest.raises(ValueError, match="number [01]"):
        each(fail, 1000, 2)
    assert len(done) <= 2
