"""Sound: a column of WAV, FLAC, OGG, MP3, ... files becomes samples, at one rate and, if wanted, of one length."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from typing import Any, SupportsIndex, final

import numpy as np

from lamella.data._arguments import check_int
from lamella.data._media._encoded import encoded_rows, note_row, replaced
from lamella.data._media._threads import cpus, each
from lamella.data._protocols import Array
from lamella.data._ragged import Ragged


@final
class DecodeAudio:
    """Decodes the sound files in `column` of a batch into float32 samples in [-1, 1].

    A transform for `map(..., batched=True)`. With `length` (samples) the result is an array (rows, channels, length):
    longer sound is cut, shorter is followed by silence, and with `rng=True` the part that is cut out is drawn; without
    it rows are ragged, (samples, channels) each. `rate` (samples a second) resamples by a polyphase filter, which needs
    scipy; without it all files must have one rate. `channels=1` averages them; None takes the first file's number.
    `to` names the result (default: `column`). ValueError that names the row for what is no sound.
    """

    def __init__(
        self,
        column: str,
        *,
        rate: SupportsIndex | None = None,
        channels: SupportsIndex | None = 1,
        length: SupportsIndex | None = None,
        to: str | None = None,
        threads: SupportsIndex | None = None,
    ) -> None:
        owner = "DecodeAudio"
        self.column, self.to = column, column if to is None else to
        self.rate = None if rate is None else check_int(owner, "rate", rate, 1)
        self.channels = None if channels is None else check_int(owner, "channels", channels, 1)
        self.length = None if length is None else check_int(owner, "length", length, 1)
        self.threads = cpus() if threads is None else check_int(owner, "threads", threads, 1)
        _soundfile()

    def __call__(self, batch: Mapping[str, Any], rng: Sequence[np.random.Generator] | None = None) -> dict[str, Any]:
        """The batch with the decoded sound; `rng` has a generator for each row."""
        rows = encoded_rows("DecodeAudio", batch, self.column)
        found: list[tuple[Array, int]] = [(np.empty((0, 1), np.float32), 0)] * len(rows)

        def one(row: int) -> None:
            try:
                found[row] = self._decoded(rows[row])
            except Exception as error:
                note_row(error, self.column, row)
                raise

        each(one, len(rows), self.threads)
        self._check_alike(found)
        sounds = [samples for samples, _ in found]
        if self.length is None:
            channels = sounds[0].shape[1] if sounds else self.channels or 1
            joined = Ragged.from_rows(sounds) if sounds else Ragged(np.empty((0, channels), np.float32), [0])
            return replaced(batch, self.column, self.to, joined)
        cut = np.zeros((len(sounds), sounds[0].shape[1] if sounds else self.channels or 1, self.length), np.float32)
        for row, samples in enumerate(sounds):
            spare = len(samples) - self.length
            first = int(rng[row].integers(spare + 1)) if rng is not None and spare > 0 else 0
            part = samples[first : first + self.length]
            cut[row, :, : len(part)] = part.T
        return replaced(batch, self.column, self.to, cut)

    def _decoded(self, encoded: bytes) -> tuple[Array, int]:
        soundfile = _soundfile()
        try:
            samples, rate = soundfile.read(io.BytesIO(encoded), dtype="float32", always_2d=True)
        except soundfile.LibsndfileError as error:
            raise ValueError(
                f"DecodeAudio: {len(encoded)} bytes that are no sound of a known format: {error}"
            ) from error
        if self.channels == 1 and samples.shape[1] > 1:
            samples = samples.mean(1, keepdims=True)
        elif self.channels is not None and samples.shape[1] != self.channels:
            raise ValueError(f"DecodeAudio: {samples.shape[1]} channels, expected {self.channels}; channels=1 averages")
        if self.rate is not None and rate != self.rate:
            samples, rate = _resampled(samples, rate, self.rate), self.rate
        return samples, rate

    def _check_alike(self, found: Sequence[tuple[Array, int]]) -> None:
        for row, (samples, rate) in enumerate(found):
            if rate != found[0][1]:
                raise ValueError(
                    f"DecodeAudio: row {row} has {rate} samples a second where row 0 has {found[0][1]}; pass rate="
                )
            if samples.shape[1] != found[0][0].shape[1]:
                raise ValueError(
                    f"DecodeAudio: row {row} has {samples.shape[1]} channels where row 0 has {found[0][0].shape[1]}; "
                    "pass channels=1"
                )


def _resampled(samples: Array, old: int, new: int) -> Array:
    try:
        from scipy.signal import resample_poly
    except ImportError as error:
        raise ImportError("DecodeAudio(rate=...) resamples with scipy: pip install 'lamella-data[audio]'") from error
    common = math.gcd(old, new)
    resampled: Array = resample_poly(samples, new // common, old // common, axis=0).astype(np.float32, copy=False)
    return resampled


def _soundfile() -> Any:
    try:
        import soundfile
    except ImportError as error:
        raise ImportError(
            "decoding sound needs soundfile: pip install 'lamella-data[audio]' (or pip install soundfile)"
        ) from error
    return soundfile
