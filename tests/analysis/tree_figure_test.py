"""The picture of a search tree says what the record says."""

import io

import numpy as np
import pytest
from matplotlib import colormaps, colors, figure, patches

from inference_scaling.analysis import style, tree_figure

GIVEN_UP_COLOR = "#B4B4B4"


def _small_record():
  """Three beams: slot 0 is forked, slot 1 given up, slot 2 ends at once."""
  return {
    "run": {"policy": "small", "strategy": "rebase", "n": 3, "seed": 0},
    "candidates": [
      {"answer": "42", "correct": True, "path": [0, 0]},
      {"answer": None, "correct": None, "path": [0, 1]},
      {"answer": "7", "correct": False, "path": [2]},
    ],
    "tree": {
      "parents": [[0, 0, 2], [0, 1, 2]],
      "active": [[True, True, True], [True, True, False]],
      "widths": [[2, 0, 0], [0, 0, 0]],
      "scores": [[0.75, 0.25, 0.5], [1.0, 0.0, 0.5]],
      "status": [[0, 0, 1], [1, 2, 1]],
      "texts": [["one", "two", "three"], ["four", "five", None]],
    },
  }


def _random_record(num_beams, depths, seed):
  """A search whose beams fork and end by chance."""
  rng = np.random.default_rng(seed)
  shape = depths, num_beams
  parents = np.tile(np.arange(num_beams), (depths, 1))
  active, status = np.zeros(shape, bool), np.zeros(shape, int)
  now, going = np.zeros(num_beams, int), np.ones(num_beams, bool)
  for depth in range(depths):
    active[depth] = going
    ends = going & (rng.random(num_beams) < 0.2)
    now = np.where(ends, 1, now)
    if depth == depths - 1:
      now = np.where(now == 0, 2, now)
    status[depth] = now
    running = np.flatnonzero(now == 0)
    if running.size and depth < depths - 1:
      parents[depth, running] = rng.choice(running, running.size)
    going = now == 0
  depths = int(active.any(axis=1).sum())
  widths = np.zeros(shape, int)
  for depth in range(depths - 1):
    np.add.at(widths[depth], parents[depth][active[depth + 1]], 1)
  candidates = []
  for slot in range(num_beams):
    path = []
    for depth in reversed(range(depths)):
      slot = parents[depth][slot]
      if active[depth, slot]:
        path.insert(0, int(slot))
    candidates.append({"answer": "1", "correct": True, "path": path})
  tree = {
    "parents": parents,
    "active": active,
    "widths": widths,
    "scores": rng.random(shape),
    "status": status,
    "texts": np.full(shape, "text"),
  }
  return _small_record() | {
    "candidates": candidates,
    "tree": {name: leaf[:depths].tolist() for name, leaf in tree.items()},
  }


def _texts(axes):
  return [text.get_text() for text in axes.texts]


def _lines(axes):
  return [p for p in axes.patches if isinstance(p, patches.PathPatch)]


def test_nodes_of_a_small_tree():
  nodes = tree_figure.place_nodes(_small_record())
  assert nodes == [
    tree_figure.Node(depth=0, slot=0, parent=None, row=0.5, beams=2),
    tree_figure.Node(depth=0, slot=1, parent=None, row=2.0, beams=0),
    tree_figure.Node(depth=0, slot=2, parent=None, row=3.0, beams=1),
    tree_figure.Node(depth=1, slot=0, parent=0, row=0.0, beams=1),
    tree_figure.Node(depth=1, slot=1, parent=0, row=1.0, beams=1),
  ]


@pytest.mark.parametrize("seed", range(10))
def test_no_lines_cross_and_no_beam_is_lost(seed):
  record = _random_record(num_beams=9, depths=6, seed=seed)
  nodes = tree_figure.place_nodes(record)
  assert len(nodes) == np.sum(record["tree"]["active"])
  rows = {(node.depth, node.slot): node.row for node in nodes}
  ended = 0
  for depth in range(len(record["tree"]["active"])):
    level = sorted(
      (node for node in nodes if node.depth == depth), key=lambda n: n.row
    )
    assert len({node.row for node in level}) == len(level)
    if depth:
      above = [rows[depth - 1, node.parent] for node in level]
      assert above == sorted(above)
    assert ended + sum(node.beams for node in level) == 9
    status = record["tree"]["status"][depth]
    ended += sum(status[node.slot] != 0 for node in level)


def test_steps_have_the_colour_of_their_reward_and_the_marker_of_their_end():
  drawn = tree_figure.search_tree(_small_record())
  _, *steps = drawn.axes[0].collections  # the first is the question
  rewards = [0.75, 0.25, 0.5, 1.0, 0.0]
  expected = colormaps[tree_figure.COLORMAP](rewards)
  found = [step.get_facecolor()[0] for step in steps]
  np.testing.assert_allclose(found, expected)
  vertices = [len(step.get_paths()[0].vertices) for step in steps]
  circle, square, cross = vertices[0], vertices[2], vertices[4]
  assert len({circle, square, cross}) == 3
  assert vertices == [circle, circle, square, square, cross]


def test_lines_are_as_wide_as_beams_and_dashed_where_given_up():
  drawn = tree_figure.search_tree(_small_record())
  lines = _lines(drawn.axes[0])
  beam = tree_figure.WIDEST_LINE / 3
  assert [line.get_linewidth() for line in lines] == [
    2 * beam, 1.0, beam, beam, beam,
  ]  # fmt: skip
  dashed = [line.get_linestyle() not in ("-", "solid") for line in lines]
  assert dashed == [False, True, False, False, False]
  assert colors.to_hex(lines[1].get_edgecolor()).upper() == GIVEN_UP_COLOR


def test_words_and_numbers():
  drawn = tree_figure.search_tree(_small_record(), label=str.upper)
  texts = _texts(drawn.axes[0])
  assert {"ONE", "TWO", "THREE", "FOUR", "FIVE"} <= set(texts)
  assert {"2", "0"} <= set(texts)  # of the steps that run
  assert {"42 ✓", "(no answer)", "7 ✗"} <= set(texts)
  assert len(texts) == 5 + 2 + 3
  labels = [text.get_text() for text in drawn.legends[0].get_texts()]
  assert len(labels) == 4 and "given up" in labels


def test_without_labels_or_lost_steps():
  record = _random_record(num_beams=1, depths=3, seed=4)
  drawn = tree_figure.search_tree(record)
  assert "text" not in _texts(drawn.axes[0])
  labels = [text.get_text() for text in drawn.legends[0].get_texts()]
  assert "given up" not in labels


def test_it_renders_the_same_bytes_each_time():
  files = []
  for _ in range(2):
    drawn = tree_figure.search_tree(_small_record(), label=str)
    assert type(drawn) is figure.Figure
    file = io.BytesIO()
    drawn.savefig(file, metadata={"Software": None})
    files.append(file.getvalue())
  assert files[0].startswith(b"\x89PNG") and files[0] == files[1]


def test_without_a_reward_model_steps_are_grey():
  record = _small_record()
  record["tree"]["scores"] = None
  drawn = tree_figure.search_tree(record)
  assert len(drawn.axes) == 1  # no bar of colours
  _, *steps = drawn.axes[0].collections
  assert len(steps) == 5
  grey = colors.to_rgba(style.GREY)
  assert {tuple(step.get_facecolor()[0]) for step in steps} == {grey}
