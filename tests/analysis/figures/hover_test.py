"""Points of vector drawings tell their values."""

import re
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest

from inference_scaling.analysis.figures import drawing, hover, style

NAMES = ("accuracy", "low", "high")
SVG = "{http://www.w3.org/2000/svg}"


def rows(**columns):
  frame = pd.DataFrame(
    {
      "policy": "small", "strategy": "rebase", "voting": "weighted",
      "n": [4, 16, 64], "accuracy": [0.5, 0.75, np.nan],
      "low": [0.4, 0.7, np.nan], "high": [0.6, 0.8, np.nan],
      "flops_paper": [1e8, 4e8, 2e9],
    }
  )  # fmt: skip
  return frame.assign(**columns)


def draw(frame, x="flops_paper", **options):
  figure, axes = style.new_figure(1, 1)
  drawing.draw_curve(
    axes[0, 0], frame, x, color="#0072B2", marker="o", **options
  )
  style.cost_axis(axes[0, 0], "flops_paper")
  return figure


def titles(svg):
  root = ElementTree.fromstring(svg)
  return [title.text for title in root.iter(f"{SVG}title")]


def test_points_of_a_curve_tell_what_they_are():
  assert titles(hover.svg(draw(rows()), "a")) == [
    "small, REBASE + WV, n = 4\naccuracy 50.0 [40.0, 60.0] %\n"
    "1e+08 FLOPs per problem",
    "small, REBASE + WV, n = 16\naccuracy 75.0 [70.0, 80.0] %\n"
    "4e+08 FLOPs per problem",
  ]


def test_n_is_told_once_and_other_values_by_their_name():
  frame = rows(low=np.nan, high=np.nan)
  told = titles(hover.svg(draw(frame, "n", what="unfinished"), "a"))
  assert told[0] == "small, REBASE + WV, n = 4\nunfinished 50.0 %"


def test_names_of_others_stay_texts():
  svg = hover.svg(draw(rows(policy="</title><script>")), "a")
  assert "<script" not in svg
  assert titles(svg)[0].startswith("</title><script>, REBASE")


def test_points_without_words_tell_their_values():
  figure, axes = style.new_figure(1, 2)
  axes[0, 0].plot([1, 2, 3], [10, 20, np.nan], marker="s")
  axes[0, 0].plot([1, 2], [1, 2])  # no markers
  axes[0, 0].set_title("a panel")
  axes[0, 0].set_xlabel("samples n\n(in all)")
  axes[0, 0].set_ylabel("accuracy (%)")
  assert titles(hover.svg(figure, "a")) == [
    "a panel\naccuracy (%): 10\nsamples n: 1",
    "a panel\naccuracy (%): 20\nsamples n: 2",
  ]


def test_each_point_has_the_text_of_its_own_position():
  figure, axes = style.new_figure(1, 1)
  (line,) = axes[0, 0].plot([1, 2, 9, 3], [3, 1, 2, 2], marker="o")
  axes[0, 0].set_xlim(0, 4)
  hover.tell(line, ["first", "second", "far outside", "third"])
  root = ElementTree.fromstring(hover.svg(figure, "a"))
  told = {
    title.text: float(use.attrib["x"])
    for use in root.iter(f"{SVG}use")
    for title in use.iter(f"{SVG}title")
  }
  assert told["first"] < told["second"] < told["third"]


def test_a_drawing_can_stand_in_a_page_beside_others():
  figure = draw(rows())
  figure.draw_without_rendering()
  figure.set_layout_engine("none")  # laid out once, as when it is saved
  one, same, other = (hover.svg(figure, name) for name in ("a", "a", "b"))
  assert one == same
  ids = [set(re.findall(r' id="(.*?)"', svg)) for svg in (one, other)]
  assert ids[0] and not ids[0] & ids[1]
  for svg, own in zip((one, other), ids, strict=True):
    assert set(re.findall(r'href="#(.*?)"|url\(#(.*?)\)', svg)) <= {
      pair for name in own for pair in ((name, ""), ("", name))
    }
    assert "<style" not in svg and "<!DOCTYPE" not in svg
  assert figure.axes[0].lines[0].get_gid() is None


@pytest.mark.parametrize(
  ("column", "unit"),
  [
    ("flops_full_hard", "FLOPs per problem"),
    ("hours", "machine hours per 1,000 problems"),
  ],
)
def test_costs_have_the_unit_of_their_axis(column, unit):
  assert style.cost_unit(column) == unit
