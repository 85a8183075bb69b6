"""Names that strangers wrote, shown as text: in cells of CSV and Markdown, and in a terminal."""

import re
import unicodedata

HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
SPACES = re.compile(r"[^\S\N{NO-BREAK SPACE}]+")
MARKDOWN = re.compile(r"([\\`*_{}\[\]#|~$:@]|(?<=www)\.)", re.IGNORECASE)
LATEX = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "\N{NO-BREAK SPACE}": "~",
    "–": "--",
    "±": r"$\pm$",
    "×": r"$\times$",
    **{mark: f"\\{mark}" for mark in "&%$#_{}"},
}
SPOKEN = {
    "top1": "top-1",
    "top3": "top-3",
    "top5": "top-5",
    "iou": "IoU",
    "map": "mAP",
    "mse": "MSE",
    "rmse": "RMSE",
    "f1": "F1",
    "mae": "MAE",
    "bleu": "BLEU",
}


def visible(text: str) -> str:
    """The text on one line; invisible characters and those that turn the reading direction become a mark."""
    line = SPACES.sub(" ", text).strip()
    return "".join("\N{REPLACEMENT CHARACTER}" if unicodedata.category(c) in HIDDEN else c for c in line)


def csv_cell(value: float | str | None) -> float | str:
    """A cell that no spreadsheet takes for a formula; nothing for null."""
    if value is None:
        return ""
    if not isinstance(value, str):
        return value
    cell = visible(value)
    return f"'{cell}" if cell.startswith(FORMULA) else cell


def markdown_cell(text: str) -> str:
    """A cell of a Markdown table that shows exactly this text."""
    line = visible(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return MARKDOWN.sub(r"\\\1", line)


def latex_cell(text: str) -> str:
    """A cell of a LaTeX table that shows exactly this text."""
    return "".join(LATEX.get(character, character) for character in visible(text))


def short_name(metric: str) -> str:
    """A metric's name without its split: top1_error of test/top1_error."""
    return metric.partition("/")[2]


def spoken(metric: str) -> str:
    """A metric's name for people: Top-1 error, Mean IoU, mAP 50."""
    words = " ".join(SPOKEN.get(word, word) for word in short_name(metric).split("_"))
    return words if words.startswith("mAP") else words[:1].upper() + words[1:]


def is_error(metric: str) -> bool:
    """Whether a metric is a share of test examples that are wrong; means over classes and losses are none."""
    return metric.endswith("_error")


def rounded(value: float) -> float:
    """Ten significant digits: what two processors agree on."""
    return float(f"{value:.10g}")
