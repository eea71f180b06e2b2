import csv
import io
from dataclasses import dataclass

import pytest

from dff_widgets.evaluation import Table

TABLE = Table("CorLoc in %", ("method", "horse", "cow|calf"), (("DFF", 70.6666, 3), ("a | b", None, 10)))


def test_text_is_in_columns():
    assert TABLE.text().splitlines() == [
        "CorLoc in %",
        "method  horse  cow|calf",
        "DFF      70.7         3",
        "a | b       –        10",
    ]
    assert str(TABLE) == TABLE.text()


def test_markdown_keeps_its_columns():
    title, _, *lines = TABLE.markdown().splitlines()
    assert title == "**CorLoc in %**"
    assert lines == [
        "| method | horse | cow\\|calf |",
        "| :-- | --: | --: |",
        "| DFF | 70.7 | 3 |",
        "| a \\| b | – | 10 |",
    ]


def test_csv_has_all_digits():
    rows = list(csv.reader(io.StringIO(TABLE.csv())))
    assert rows == [["method", "horse", "cow|calf"], ["DFF", "70.6666", "3"], ["a | b", "", "10"]]


def test_it_is_saved_as_its_suffix_says(tmp_path):
    for suffix, content in ((".txt", TABLE.text()), (".md", TABLE.markdown()), (".csv", TABLE.csv())):
        TABLE.save(tmp_path / f"t{suffix}")
        assert (tmp_path / f"t{suffix}").read_text(encoding="utf-8").rstrip("\n") == content.rstrip("\n")
    with pytest.raises(ValueError, match=r"'t\.xls'; give a name that ends in \.txt, \.md, \.csv"):
        TABLE.save(tmp_path / "t.xls")


def test_records_become_rows():
    @dataclass(frozen=True)
    class Record:
        name: str
        score: float

    table = Table.of([Record("a", 0.25), Record("b", 1.0)], digits=2)
    assert table.columns == ("name", "score")
    assert table.text().splitlines() == ["name  score", "a      0.25", "b      1.00"]
    assert Table.of([]).rows == ()


def test_a_row_must_fit():
    with pytest.raises(ValueError, match="a row has 1 cells; the columns are a, b"):
        Table("", ("a", "b"), (("x",),))
