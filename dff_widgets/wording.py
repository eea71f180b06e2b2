"""What errors, and files of other people, say: as text that fits a sentence of ours."""


def sentence(said: object) -> str:
    """All of it on one line; an error without words says its type."""
    return " ".join(str(said).split()) or type(said).__name__


def one_line(said: object) -> str:
    """The same, of sensible length."""
    text = sentence(said)
    return text if len(text) <= 200 else text[:199] + "…"
