"""The six photos of a gymnast that the authors of the paper show in their demo (from the iCoseg data set)."""

from __future__ import annotations

import os
from pathlib import Path

from ..images import ImageSet

_BASE_URL = "https://raw.githubusercontent.com/edocollins/DFF/a8161ed/example/gymnast/"
_SHA256 = {
    "223514907_6823eb3327.jpg": "ca9ae0a6356bafee67b124a2cfc46ce11dfae5721284e64e5034a12ec3b884ef",
    "223521131_0aebe44fbc.jpg": "33c5cb1d88228db463bb9b4dee4238196474f2008e5c11ab61164d19d8adeb46",
    "223521318_cb4b9b2a8c.jpg": "8acd8575f270f03611d5a68b2cf35e3df5a0a55c861be2db5185fcbaede0c001",
    "223521523_e9e55eef69.jpg": "549b3632356040a4d4c5a3eec065fa0742a45ed4466e33cbd03a0d79bb7d7f47",
    "224265550_a9f5706373.jpg": "7b4a30b0cc86dac324b741a02d2f3e62cf7464f2c87860fd0c9c73c26879b114",
    "224265770_15fa35a01c.jpg": "87453ddd7c776ba77e0c4a48b5d1426d193a762045bd2af225467d968db9faa7",
}


def gymnast(folder: str | Path | None = None) -> ImageSet:
    """The authors' six demo photos, downloaded once (0.3 MB) and kept in the user's cache folder.

    Args:
        folder: where the files are kept; the cache folder of this user when left out (``~/.cache/dff-widgets`` on
            Linux, or where the environment variable ``DFF_WIDGETS_CACHE`` points; in its ``gymnast``).

    Raises:
        ConnectionError: the photos are not in the folder and cannot be downloaded.
    """
    import pooch

    if folder is None:
        folder = Path(os.environ.get("DFF_WIDGETS_CACHE") or pooch.os_cache("dff-widgets")) / "gymnast"
    registry = {name: f"sha256:{digest}" for name, digest in _SHA256.items()}
    cache = pooch.create(path=folder, base_url=_BASE_URL, registry=registry)
    try:
        return ImageSet.from_files(cache.fetch(name) for name in cache.registry)
    except OSError as error:  # requests' exceptions are OSErrors
        raise ConnectionError(
            f"the gymnast photos are not in {str(cache.path)!r} and cannot be downloaded from github.com "
            f"({type(error).__name__}); go online once, or put the six files there"
        ) from error
