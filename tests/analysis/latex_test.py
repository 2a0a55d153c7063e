"""Tables in LaTeX."""

import pathlib
import re

import pytest

from inference_scaling.analysis import latex

RESULTS = pathlib.Path(__file__).parents[2] / "configs" / "results"
REPORTS = sorted(RESULTS.glob("*/report.md"))

REPORT = """# Title

## Runs & costs

Words | that are no table.

| policy | accuracy % | FLOPs |
| :-- | --: | --: |
| a_b | **43.5** [-40.1, 46.9] | 2.29e+08 |
| [small](x.md) | [1.0, 2.0] | `a\\|b_c` |

### At n = 16

| only | head |
|:--|--:|
"""

TEX = r"""% Tables of report.md. The document needs \usepackage{booktabs}.

\begin{table}
\centering
\caption{Runs \& costs}
\label{tab:runs-costs}
\begin{tabular}{lrr}
\toprule
policy & accuracy \% & FLOPs \\
\midrule
a\_b & \textbf{43.5} [$-$40.1, 46.9] & $2.29 \times 10^{8}$ \\
small & {}[1.0, 2.0] & \texttt{a|b\_c} \\
\bottomrule
\end{tabular}
\end{table}

\begin{table}
\centering
\caption{Runs \& costs: At n = 16}
\label{tab:runs-costs-at-n-16}
\begin{tabular}{lr}
\toprule
only & head \\
\midrule
\bottomrule
\end{tabular}
\end{table}
"""


def test_a_report_by_hand():
  assert latex.tables(REPORT.replace("\\\\", "\\")) == TEX


@pytest.mark.parametrize(
  ("markdown", "tex"),
  [
    ("+3.2 [-0.9, +5.4]", "+3.2 [$-$0.9, +5.4]"),
    ("-1.5e-03 or -", r"$-1.5 \times 10^{-3}$ or -"),
    ("n-1, e5, 1e5 a2e+3", "n-1, e5, 1e5 a2e+3"),
    ("~1.2h † \u00d72", r"\textasciitilde{}1.2h \dag{} $\times$2"),
    (r"50% & $5 #1 {x} a^b \t", r"50\% \& \$5 \#1 \{x\} a\textasciicircum{}b "
     r"\textbackslash{}t"),
    ("*to go* and **in `a_b`**", r"\emph{to go} and \textbf{in \texttt{a\_b}}"),
  ],
)  # fmt: skip
def test_signs_and_numbers(markdown, tex):
  assert latex.text(markdown) == tex


def test_a_column_of_long_cells_breaks_lines():
  long = "words " * 10
  made = latex.tables(f"## A\n\n| a | b |\n| :-- | --: |\n| {long} | 1 |\n")
  assert r"\begin{tabular}{p{0.3\linewidth}r}" in made


@pytest.mark.parametrize("path", REPORTS, ids=lambda path: path.parent.name)
def test_every_table_of_a_published_report_is_whole(path):
  report = path.read_text("utf-8")
  made = latex.tables(report)
  tables = re.findall(r"^\|[ :|-]+\|$", report, re.MULTILINE)
  assert made.count(r"\begin{table}") == len(tables) > 5
  bare = re.sub(r"\\[\\{}&%$#_]", "", made)
  assert bare.count("{") == bare.count("}")
  assert bare.count("$") % 2 == 0
  for table in made.split(r"\begin{tabular}{")[1:]:
    columns = re.sub(r"p\{[^}]*\}", "l", table).partition("}")[0]
    rows = re.findall(r"^(.*) \\\\$", table, re.MULTILINE)
    assert rows
    for row in rows:
      assert len(re.findall(r"(?<!\\)&", row)) == len(columns) - 1, row
      assert not re.search(r"(?<!\\)[%#_~^]", re.sub(r"\$[^$]*\$", "", row)), (
        row
      )
