"""Rows of data frames, by hand."""

import pandas as pd

from inference_scaling.analysis import frames

FRAME = pd.DataFrame({"a": ["y", "x", "y"], "n": [1, 2, 3]})


def test_select():
  assert frames.select(FRAME, a="y")["n"].tolist() == [1, 3]
  assert frames.select(FRAME, a="y", n=3).index.tolist() == [2]
  assert frames.select(FRAME, n=[2, 3, 4])["a"].tolist() == ["x", "y"]
  assert frames.select(FRAME, a="z").columns.tolist() == ["a", "n"]
  assert frames.select(pd.DataFrame(), a="y").empty


def test_groups():
  in_order = [(key, len(rows)) for key, rows in frames.groups(FRAME, ["a"])]
  assert in_order == [(("y",), 2), (("x",), 1)]
  by_value = [key for key, _ in frames.groups(FRAME, ["a", "n"], sort=True)]
  assert by_value == [("x", 2), ("y", 1), ("y", 3)]
  assert not list(frames.groups(pd.DataFrame(), ["a"]))


def test_records():
  assert frames.records(FRAME)[1] == {"a": "x", "n": 2}
