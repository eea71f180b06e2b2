"""A small table: for the eye, for a README, and for a machine."""

from __future__ import annotations

import csv
import dataclasses
import io
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Cell = str | int | float | None


@dataclass(frozen=True)
class Table:
    """Rows and columns, with a title.

    Attributes:
        title: what the table shows, with its unit.
        columns: the names of the columns.
        rows: as many cells each; None is shown as a dash, and a float with `digits` digits.
        digits: after the point; the CSV has all of them.

    >>> print(Table("CorLoc in %", ("method", "horse"), (("DFF", 70.66), ("box", None))))
    CorLoc in %
    method  horse
    DFF      70.7
    box         –
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    digits: int = 1

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ValueError(f"a row has {len(row)} cells; the columns are {', '.join(self.columns)}")

    @classmethod
    def of(cls, records: Iterable[Any], title: str = "", digits: int = 4) -> Table:
        """A row per record, a column per field.

        Args:
            records: dataclasses of one type.
            title: of the table.
            digits: of floats.
        """
        rows = [dataclasses.asdict(record) for record in records]
        columns = tuple(rows[0]) if rows else ()
        return cls(title, columns, tuple(tuple(row.values()) for row in rows), digits)

    def text(self) -> str:
        """In columns, for a terminal."""
        shown = [self.columns, *self.cells()]
        widths = [max(map(len, column)) for column in zip(*shown, strict=True)]
        left = self._left()
        lines = [
            "  ".join(c.ljust(w) if at_left else c.rjust(w) for c, w, at_left in zip(row, widths, left, strict=True))
            for row in shown
        ]
        return "\n".join(line.rstrip() for line in [self.title, *lines] if line)

    def markdown(self) -> str:
        """As Markdown, the title in bold above it."""
        escaped = [[c.replace("|", "\\|") for c in row] for row in (self.columns, *self.cells())]
        rule = [":--" if at_left else "--:" for at_left in self._left()]
        lines = ["| " + " | ".join(row) + " |" for row in (escaped[0], rule, *escaped[1:])]
        return "\n".join([f"**{self.title}**\n", *lines] if self.title else lines)

    def latex(self) -> str:
        r"""As a LaTeX table of the package booktabs, the title as its caption."""
        escaped = [[_latex(c) for c in row] for row in (self.columns, *self.cells())]
        spec = "".join("l" if at_left else "r" for at_left in self._left())
        head, *body = (" & ".join(row) + r" \\" for row in escaped)
        inner = [
            rf"\begin{{tabular}}{{{spec}}}",
            r"\toprule",
            head,
            r"\midrule",
            *body,
            r"\bottomrule",
            r"\end{tabular}",
        ]
        caption = [rf"\caption{{{_latex(self.title)}}}"] if self.title else []
        return "\n".join([r"\begin{table}", r"\centering", *caption, *inner, r"\end{table}"])

    def csv(self) -> str:
        """As CSV, without the title; numbers in full."""
        buffer = io.StringIO()
        writer = csv.writer(buffer, lineterminator="\n")
        writer.writerows([self.columns, *self.rows])
        return buffer.getvalue()

    def save(self, path: str | Path) -> None:
        """Write ``.txt``, ``.md``, ``.csv`` or ``.tex``, by the suffix of the path.

        Raises:
            ValueError: another suffix.
        """
        path = Path(path)
        writers = {".txt": self.text, ".md": self.markdown, ".csv": self.csv, ".tex": self.latex}
        if path.suffix not in writers:
            raise ValueError(f"path is {path.name!r}; give a name that ends in {', '.join(writers)}")
        path.write_text(writers[path.suffix]().rstrip("\n") + "\n", encoding="utf-8")

    def __str__(self) -> str:
        return self.text()

    def _repr_markdown_(self) -> str:
        return self.markdown()

    def cells(self) -> list[list[str]]:
        """The cells as they are shown."""
        return [
            ["–" if c is None else f"{c:.{self.digits}f}" if isinstance(c, float) else str(c) for c in row]
            for row in self.rows
        ]

    def _left(self) -> list[bool]:
        """Which columns hold words, which are flush left."""
        return [any(isinstance(row[c], str) for row in self.rows) for c in range(len(self.columns))]


_LATEX = {
    **{c: "\\" + c for c in "&%$#_{}"},
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "–": "--",
    "…": r"\dots{}",
    "≥": r"$\geq$",
    "≈": r"$\approx$",
    "×": r"$\times$",
}


def _latex(text: str) -> str:
    """Text with what LaTeX would read as more than text escaped, character by character."""
    return "".join(_LATEX.get(c, c) for c in text)
