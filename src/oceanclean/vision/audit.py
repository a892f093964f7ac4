"""Audit of photo folders: which photos are one and the same, which labels contradict, which splits leak.

Three tests say that two photos are the same: their pixels have one digest; their perceptual hashes (64 bits of the
lowest frequencies, Zauner 2010) differ in few bits and their thumbnails agree; their thumbnails, or one and the other's
mirror image, correlate almost perfectly. Photos joined by any chain of pairs form a group, and a group must lie on one
side of a split: else a model is scored on what it has learned by heart.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from pydantic import Field

from oceanclean.errors import InputError
from oceanclean.settings import Settings
from oceanclean.store import write_aside
from oceanclean.vision.photos.pictures import open_photo
from oceanclean.vision.photos.sets import PhotoSet, read_photos

if TYPE_CHECKING:
    from numpy.typing import NDArray

_THUMBNAIL = 48
#: Photos compared at once: a block of 2,000 × 2,000 correlations is 16 MB.
_BLOCK = 2000


class AuditSettings(Settings):
    """When two photos count as one.

    Attributes:
        hash_bits: largest Hamming distance of the perceptual hashes.
        hash_correlation: correlation of 48 × 48 grey thumbnails that a pair of near hashes must have too: on a plain
            background unlike objects share a hash.
        correlation: correlation of the thumbnails above which a pair counts by itself.
    """

    hash_bits: int = Field(default=4, ge=0, le=32)
    hash_correlation: float = Field(default=0.9, ge=-1, le=1)
    correlation: float = Field(default=0.98, gt=0, le=1)


@dataclass(frozen=True)
class Audit:
    """What an audit found.

    Attributes:
        manifest: one row a photo: ``folder``, ``file``, ``label``, ``split``, ``sha256`` (of its pixels), ``phash``,
            ``group``.
        pairs: one row a pair: ``first`` and ``second`` (rows of the manifest), ``why`` (digest, hash, correlation,
            mirror, index), ``correlation``.
    """

    manifest: pd.DataFrame
    pairs: pd.DataFrame

    @property
    def groups(self) -> NDArray[np.int64]:
        """Group of each photo."""
        return self.manifest["group"].to_numpy(dtype=np.int64)

    def conflicts(self) -> pd.DataFrame:
        """Photos of groups that carry more than one label."""
        return self._mixed("label")

    def leaks(self) -> pd.DataFrame:
        """Photos of groups that lie on more than one side of the split that came with the data."""
        return self._mixed("split")

    def _mixed(self, column: str) -> pd.DataFrame:
        known = self.manifest[self.manifest[column] != ""]
        return known[known.groupby("group")[column].transform("nunique") > 1].sort_values(["group", "file"])

    def summary(self) -> dict[str, int]:
        """Counts for people and machines."""
        why = self.pairs["why"]
        sizes = self.manifest.groupby("group").size()
        return {
            "photos": len(self.manifest), "groups": len(sizes),
            "photos_with_a_copy": int(sizes[sizes > 1].sum()),
            "exact_pairs": int((why == "digest").sum()), "near_pairs": int((why != "digest").sum()),
            "groups_with_contradicting_labels": int(self.conflicts()["group"].nunique()),
            "groups_across_the_given_split": int(self.leaks()["group"].nunique()),
        }  # fmt: skip


@dataclass(frozen=True)
class _Prints:
    """Fingerprints of photos: digests, hashes (photo, 64) of bits, thumbnails (photo, 2,304) of unit length."""

    digests: list[str]
    bits: NDArray[np.float32]
    thumbnails: NDArray[np.float32]
    mirrored: NDArray[np.float32]


def audit_folders(
    folders: Iterable[Path], settings: AuditSettings | None = None, progress: Callable[[str, float], None] | None = None
) -> Audit:
    """Audit folders of photos, of any layout that ``train classifier`` reads.

    Raises:
        MissingDataError: a folder is absent or holds no photo.
        InputError: a photo cannot be read.
    """
    return audit_photos(read_photos(folders), settings or AuditSettings(), progress)


def audit_photos(
    photos: PhotoSet, settings: AuditSettings, progress: Callable[[str, float], None] | None = None
) -> Audit:
    """Audit a set of photos; groups that came with the data (``dup_group``) are kept and joined."""
    prints = _fingerprints(photos, progress)
    pairs = pd.concat(
        [_exact_pairs(prints.digests), _near_pairs(prints, settings), _given_pairs(photos)], ignore_index=True
    ).drop_duplicates(["first", "second"])
    manifest = pd.DataFrame({
        "folder": [str(p.folder) for p in photos], "file": [p.file for p in photos],
        "label": [p.label for p in photos], "split": [p.split for p in photos], "sha256": prints.digests,
        "phash": [_hexadecimal(b) for b in prints.bits],
        "group": unite(len(photos), pairs["first"].to_numpy(int), pairs["second"].to_numpy(int)),
    })  # fmt: skip
    return Audit(manifest, pairs.reset_index(drop=True))


def unite(count: int, first: NDArray[np.int64], second: NDArray[np.int64]) -> NDArray[np.int64]:
    """Groups 0, 1, … of ``count`` things joined by pairs, numbered in order of their first member."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    links = coo_matrix((np.ones(len(first), bool), (first, second)), shape=(count, count))
    group = connected_components(links, directed=False)[1]
    _, start, member = np.unique(group, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(start))[member].astype(np.int64)


def require_grouped(groups: Sequence[Any], splits: Sequence[str], source: str | Path) -> None:
    """Refuse a split that a group crosses.

    Raises:
        InputError: names the first such group and its splits.
    """
    table = pd.DataFrame({"group": list(groups), "split": list(splits)})
    sides = table[table["split"] != ""].groupby("group")["split"].unique()
    crossing = sides[sides.map(len) > 1]
    if len(crossing):
        raise InputError(source, "split", f"{len(crossing)} groups of duplicates on more than one side, first group "
                         f"{crossing.index[0]} in {sorted(crossing.iloc[0])}", "every group on one side",
                         "Split by the group column of `oceanclean data audit`, or leave the split out.")  # fmt: skip


def write_manifest(audit: Audit, path: Path) -> Path:
    """Write the manifest as CSV; ``train … --manifest`` reads it."""
    with write_aside(path) as aside:
        audit.manifest.to_csv(aside, index=False)
    return path


def perceptual_hash(grey: NDArray[np.floating]) -> NDArray[np.bool_]:
    """64 bits: which of the 8 × 8 lowest cosine coefficients of a 32 × 32 grey picture exceed their median."""
    from scipy.fft import dctn

    low = dctn(np.asarray(grey, float), norm="ortho")[:8, :8].ravel()
    return np.asarray(low > np.median(low[1:]))


def _fingerprints(photos: PhotoSet, progress: Callable[[str, float], None] | None) -> _Prints:
    digests, bits = [], np.zeros((len(photos), 64), np.float32)
    thumbnails = np.zeros((len(photos), _THUMBNAIL, _THUMBNAIL), np.float32)
    for i, photo in enumerate(photos):
        picture = open_photo(photo.path)
        digests.append(hashlib.sha256(repr(picture.size).encode() + picture.tobytes()).hexdigest())
        grey = picture.convert("L")
        bits[i] = perceptual_hash(np.asarray(grey.resize((32, 32)), float))
        thumbnails[i] = np.asarray(grey.resize((_THUMBNAIL, _THUMBNAIL)), np.float32)
        if progress is not None and i % 50 == 0:
            progress("fingerprints", i / len(photos))
    return _Prints(digests, bits, _unit(thumbnails), _unit(thumbnails[:, :, ::-1]))


def _unit(thumbnails: NDArray[np.float32]) -> NDArray[np.float32]:
    """Thumbnails as vectors of mean 0 and length 1, whose products are correlations; a plain one is 0."""
    flat = thumbnails.reshape(len(thumbnails), -1)
    flat = flat - flat.mean(axis=1, keepdims=True)
    return flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-3)


def _hexadecimal(bits: NDArray[np.float32]) -> str:
    return np.packbits(bits.astype(bool)).tobytes().hex()


def _table(first: Sequence[int], second: Sequence[int], why: Sequence[str], value: Sequence[float]) -> pd.DataFrame:
    return pd.DataFrame({
        "first": pd.Series(list(first), dtype="int64"), "second": pd.Series(list(second), dtype="int64"),
        "why": pd.Series(list(why), dtype="object"), "correlation": pd.Series(list(value), dtype="float64"),
    })  # fmt: skip


def _chain(keys: Sequence[Any], why: str) -> pd.DataFrame:
    """Each thing paired with the one before it that has the same key."""
    last: dict[Any, int] = {}
    first, second = [], []
    for i, key in enumerate(keys):
        if key is None:
            continue
        if key in last:
            first.append(last[key])
            second.append(i)
        last[key] = i
    return _table(first, second, [why] * len(first), [1.0 if why == "digest" else np.nan] * len(first))


def _exact_pairs(digests: Sequence[str]) -> pd.DataFrame:
    return _chain(digests, "digest")


def _given_pairs(photos: PhotoSet) -> pd.DataFrame:
    return _chain([(str(p.folder), p.group) if p.group else None for p in photos], "index")


def _near_pairs(prints: _Prints, settings: AuditSettings) -> pd.DataFrame:
    """Pairs by hash, correlation or mirror, in blocks, so that memory does not grow with the square."""
    out = [_table([], [], [], [])]
    signs = prints.bits * 2 - 1
    count = len(prints.digests)
    for top in range(0, count, _BLOCK):
        for left in range(top, count, _BLOCK):
            a, b = slice(top, top + _BLOCK), slice(left, left + _BLOCK)
            straight = prints.thumbnails[a] @ prints.thumbnails[b].T
            mirror = prints.thumbnails[a] @ prints.mirrored[b].T
            distance = (64 - signs[a] @ signs[b].T) / 2
            hashed = (distance <= settings.hash_bits) & (straight > settings.hash_correlation)
            either = hashed | (straight > settings.correlation) | (mirror > settings.correlation)
            row, column = np.nonzero(either)
            later = row + top < column + left
            row, column = row[later], column[later]
            why = np.where(straight[row, column] > settings.correlation, "correlation",
                           np.where(hashed[row, column], "hash", "mirror"))  # fmt: skip
            best = np.maximum(straight[row, column], np.where(why == "mirror", mirror[row, column], -1.0))
            out.append(_table((row + top).tolist(), (column + left).tolist(), why.tolist(), best.tolist()))
    return pd.concat(out, ignore_index=True)
