"""Texts of all figures: inside the canvas, and none over another."""

import itertools

import numpy as np
import pytest
from matplotlib import font_manager
from matplotlib import text as text_lib

from inference_scaling.analysis.figures import texts
from inference_scaling.analysis.records import load
from inference_scaling.analysis.report import results, writing
from inference_scaling.analysis.trees import figure as tree_figure
from tests.analysis import factory, tree_records

FONT = font_manager.FontProperties(size=9)
LONG = [
  f"Qwen2.5-Coder-{size}-Instruct-GGUF"
  for size in ("0.5B", "1.5B", "7B", "32B")
]
BLANKS = ["the small one, after two epochs of training on everything", "b"]
NO_BREAK = ["W" * 90, "policy" * 20]
VARIANTS = (
  ("greedy", 1),
  ("sampling", 8),
  *(
    (name, n)
    for name in (
      "rebase",
      "rebase/round_with_temperature_0.2",
      "rebase/stochastic_rule",
      "beam_search",
      "beam_search/lookahead_of_two_steps",
      "dvts",
      "dvts/eight_subtree_beams",
      "particle_filter",
      "particle_filter/multinomial_resampling",
    )
    for n in (2, 8)
  ),
  ("mcts/root4_exploration_1.4", 8),
  ("mcts/root16_exploration_1.4", 8),
)
PLAIN = (("greedy", 1), ("sampling", 8), ("rebase", 4), ("rebase", 8))
# Policies and runs: many and few, with names of all lengths.
CASES = {
  "long names": (LONG, VARIANTS),
  "one policy": (LONG[1:2], PLAIN),
  "one n": (LONG[:2], (("sampling", 4),)),
  "one greedy run": (LONG[:1], (("greedy", 1),)),
  "odd names": ([*BLANKS, *NO_BREAK], PLAIN),
  "short names": (["small", "large"], PLAIN),
}


@pytest.fixture(name="figures", scope="module", params=CASES)
def _figures(request):
  """All figures of one case, by name."""
  policies, runs = CASES[request.param]
  with pytest.MonkeyPatch.context() as patch:
    for place, name in enumerate(policies):
      patch.setitem(factory.PARAMETERS, name, 10 ** (5 + place))
      patch.setitem(factory.ABILITY, name, 0.2 + place / 2)
    records = factory.sweep(4, tuple(policies), runs, seeds=1)
    parsed = [load.parse_record(r, f"x:{i}") for i, r in enumerate(records)]
    parameters = {name: factory.PARAMETERS[name] for name in policies}
    analysis = results.analyze(parsed, parameters, num_subsets=5)
    drawn = writing.draw(analysis)
    return {figure.name: made for figure, made in drawn.items()}


def boxes(figure):
  """Visible texts of a figure with their places in inches, drawn once."""
  figure.draw_without_rendering()
  # Ticks beyond the axis have labels that are not drawn.
  ticks = {
    label
    for axes in figure.axes
    for axis in (axes.xaxis, axes.yaxis)
    for tick in (*axis.get_major_ticks(), *axis.get_minor_ticks())
    for label in (tick.label1, tick.label2)
  }
  seen = {
    label
    for axes in figure.axes
    for label in (*_seen(axes.xaxis), *_seen(axes.yaxis))
  }
  return [
    (text, text.get_window_extent().transformed(
      figure.dpi_scale_trans.inverted()
    ))
    for text in figure.findobj(text_lib.Text)
    if text.get_visible()
    and text.get_text().strip()
    and (text not in ticks or text in seen)
  ]  # fmt: skip


def _seen(axis):
  """Labels of the ticks that are drawn."""
  low, high = sorted(axis.get_view_interval())
  span = high - low
  return [
    tick.label1
    for tick in axis._update_ticks()
    if low - 1e-9 * span <= tick.get_loc() <= high + 1e-9 * span
    and tick.label1.get_visible()
  ]


def check(name, figure):
  """Asserts the rule for one figure."""
  placed = boxes(figure)
  width, height = figure.get_size_inches()
  for text, box in placed:
    assert box.x0 > -0.01 and box.y0 > -0.01, (name, text)
    assert box.x1 < width + 0.01 and box.y1 < height + 0.01, (name, text)
  # What is written into a panel may lie over its curves, and is told apart.
  inside = {text for axes in figure.axes for text in axes.texts}
  around = [(text, box) for text, box in placed if text not in inside]
  for (one, box), (other, other_box) in itertools.combinations(around, 2):
    across = min(box.x1, other_box.x1) - max(box.x0, other_box.x0)
    along = min(box.y1, other_box.y1) - max(box.y0, other_box.y0)
    assert across < 0.01 or along < 0.01, (name, one, other)


@pytest.mark.slow
def test_no_text_is_cut_or_lies_over_another(figures):
  for name, figure in figures.items():
    check(name, figure)


@pytest.mark.parametrize(
  "record",
  [
    tree_records.small(),
    tree_records.mcts(20),
    tree_records.grown(16, 6, seed=1),
  ],
)
@pytest.mark.parametrize(
  ("answer", "policy"),
  [("42", NO_BREAK[1]), (r"\frac{1}{2} + " * 12, LONG[0]), ("x" * 90, "small")],
)
def test_no_text_of_a_search_tree_is_cut(record, answer, policy):
  record = record | {"run": record["run"] | {"policy": policy}}
  record["candidates"] = [
    candidate | {"answer": candidate["answer"] and answer}
    for candidate in record["candidates"]
  ]
  check("search_tree", tree_figure.search_tree(record))


def test_lines_end_where_words_do():
  wrapped = texts.wrap("Qwen2.5-Coder-1.5B-Instruct-GGUF (1.5B)", 1.5, FONT)
  assert wrapped == "Qwen2.5-Coder-1.5B-\nInstruct-GGUF (1.5B)"
  assert texts.wrap("small (100k)", 1.5, FONT) == "small (100k)"
  assert texts.wrap("error rate (%)\nsmall", 5, FONT) == "error rate (%)\nsmall"
  assert texts.wrap("", 1, FONT) == ""


@pytest.mark.parametrize("text", [*LONG, *BLANKS, *NO_BREAK, "a b\nc-d " * 9])
@pytest.mark.parametrize("inches", [0.3, 0.7, 1.5, 3.0])
def test_no_line_is_longer_than_its_place(text, inches):
  own = text.split("\n")
  lines = texts.wrap(text, inches, FONT).split("\n")
  assert max(texts.width(line, FONT) for line in lines) <= inches
  assert len(lines) <= texts.MOST_LINES * len(own)
  whole = text.replace(" ", "").replace("\n", "")
  left = "".join(lines).replace(" ", "")
  # Nothing but the middle may be missing.
  assert left == whole or ".." in left


def test_a_legend_has_as_many_columns_as_fit():
  assert texts.legend_columns(["a", "b", "c"], 6.0) == 3
  assert texts.legend_columns([LONG[0]] * 4, 6.0) == 1
  assert texts.legend_columns([LONG[0]] * 4, 7.5) == 2
  assert texts.legend_columns(["a"], 0.1) == 1
  counts = [
    texts.legend_columns(["word"] * 9, inches) for inches in np.arange(1, 9)
  ]
  assert counts == sorted(counts)
