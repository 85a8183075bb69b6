from podium.leaderboard.columns import NO_BREAK
from podium.leaderboard.latex import tabular
from podium.leaderboard.text import latex_cell


def test_every_mark_of_latex_is_shown_as_it_is():
    assert latex_cell(r"50% & $3 #1 a_b {x} \y ~ ^") == (
        r"50\% \& \$3 \#1 a\_b \{x\} \textbackslash{}y \textasciitilde{} \textasciicircum{}"
    )
    assert latex_cell(f"±0.1–2{NO_BREAK}×") == r"$\pm$0.1--2~$\times$"


def test_a_name_cannot_end_its_line_or_start_a_command():
    assert "\n" not in latex_cell("a\n\\input{/etc/passwd}")
    assert "\\input" not in latex_cell("\\input{x}")


def test_the_table_is_of_booktabs_with_a_heading_for_each_group():
    text = tabular(
        ["Entry", "Error, %"],
        [("a_b", [["x & y", "1.5"]]), (None, [["z", "–"]])],
        numeric=[False, True],
        note="n",
    )
    assert text.splitlines() == [
        "% n; needs \\usepackage{booktabs}",
        "\\begin{tabular}{lr}",
        "\\toprule",
        "Entry & Error, \\% \\\\",
        "\\midrule",
        "\\multicolumn{2}{l}{\\textit{a\\_b}} \\\\",
        "x \\& y & 1.5 \\\\",
        "\\midrule",
        "z & -- \\\\",
        "\\bottomrule",
        "\\end{tabular}",
    ]
