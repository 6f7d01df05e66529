"""Tables of text as CSV, Markdown and LaTeX."""

from collections.abc import Iterable, Sequence

METRIC_TEX = {"log10": "$\\log_{10}$", **{f"delta{k}": f"$\\delta_{k}$" for k in (1, 2, 3)}}
_SPECIAL = {"\\": "\\textbackslash{}", "~": "\\textasciitilde{}", "^": "\\textasciicircum{}"}
_SPECIAL |= {char: f"\\{char}" for char in "&%$#_{}"} | {"·": "$\\cdot$", "–": "--", "δ": "$\\delta$"}
_FITTED = "\\resizebox{\\ifdim\\width>\\linewidth \\linewidth\\else\\width\\fi}{!}{%"
_SPECIAL |= {"↑": "$\\uparrow$", "↓": "$\\downarrow$"}


def to_markdown_text(header: Sequence[str], words: int, rows: Iterable[Sequence[str]], notes: Iterable[str]) -> str:
    """A Markdown table of which the first ``words`` columns are text and the others numbers, with notes below."""
    line = "|" + "---|" * words + "---:|" * (len(header) - words)
    body = ("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in (header, *rows))
    first, *others = body
    return "\n".join([first, line, *others, "", *notes, ""])


def to_latex_text(
    header: Sequence[str], words: int, groups: Iterable[tuple[str, list[list[str]]]], caption: str
) -> str:
    """A ``booktabs`` table, made smaller where it is wider than the page; needs ``graphicx``.

    Header and cells are LaTeX already, the caption and the groups' titles are not.
    """
    lines = ["% \\usepackage{booktabs, graphicx}", "\\begin{table}", f"\\caption{{{latex(caption)}}}", _FITTED]
    lines += [f"\\begin{{tabular}}{{{'l' * words}{'r' * (len(header) - words)}}}", "\\toprule"]
    lines.append(" & ".join(header) + " \\\\")
    for title, rows in groups:
        lines.append("\\midrule")
        if title:
            lines.append(f"\\multicolumn{{{len(header)}}}{{l}}{{\\emph{{{latex(title)}}}}} \\\\")
        lines += [" & ".join(row) + " \\\\" for row in rows]
    return "\n".join([*lines, "\\bottomrule", "\\end{tabular}}", "\\end{table}", ""])


def latex(text: str) -> str:
    """Text made safe for LaTeX."""
    return "".join(_SPECIAL.get(char, char) for char in text)
