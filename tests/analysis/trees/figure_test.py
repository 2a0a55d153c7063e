"""The picture of a search tree says what the record says."""

import io

import numpy as np
from matplotlib import colormaps, colors, figure, patches

from inference_scaling.analysis.figures import style
from inference_scaling.analysis.trees import figure as tree_figure
from tests.analysis import tree_records

GIVEN_UP_COLOR = "#B4B4B4"


def _texts(axes):
  return [text.get_text() for text in axes.texts]


def _lines(axes):
  return [p for p in axes.patches if isinstance(p, patches.PathPatch)]


def test_steps_have_the_colour_of_their_reward_and_the_marker_of_their_end():
  drawn = tree_figure.search_tree(tree_records.small())
  _, *steps = drawn.axes[0].collections  # the first is the question
  rewards = [0.75, 0.25, 0.5, 1.0, 0.0]
  expected = colormaps[tree_figure.COLORMAP](rewards)
  drawn_colors = [step.get_facecolor()[0] for step in steps]
  np.testing.assert_allclose(drawn_colors, expected)
  vertices = [len(step.get_paths()[0].vertices) for step in steps]
  circle, square, cross = vertices[0], vertices[2], vertices[4]
  assert len({circle, square, cross}) == 3
  assert vertices == [circle, circle, square, square, cross]


def test_lines_are_as_wide_as_beams_and_dashed_where_given_up():
  drawn = tree_figure.search_tree(tree_records.small())
  lines = _lines(drawn.axes[0])
  beam = tree_figure.WIDEST_LINE / 3
  assert [line.get_linewidth() for line in lines] == [
    2 * beam, 1.0, beam, beam, beam,
  ]  # fmt: skip
  dashed = [line.get_linestyle() not in ("-", "solid") for line in lines]
  assert dashed == [False, True, False, False, False]
  assert colors.to_hex(lines[1].get_edgecolor()).upper() == GIVEN_UP_COLOR


def test_words_and_numbers():
  drawn = tree_figure.search_tree(tree_records.small(), label=str.upper)
  texts = _texts(drawn.axes[0])
  assert {"ONE", "TWO", "THREE", "FOUR", "FIVE"} <= set(texts)
  assert {"2", "0"} <= set(texts)  # of the steps that run
  assert {"42 ✓", "(no answer) ✗", "7 ✗"} <= set(texts)
  assert len(texts) == 5 + 2 + 3
  labels = [text.get_text() for text in drawn.legends[0].get_texts()]
  assert len(labels) == 4 and "given up" in labels


def test_without_labels_or_lost_steps():
  record = tree_records.grown(num_beams=1, depths=3, seed=4)
  drawn = tree_figure.search_tree(record)
  assert "text" not in _texts(drawn.axes[0])
  labels = [text.get_text() for text in drawn.legends[0].get_texts()]
  assert "given up" not in labels


def test_it_renders_the_same_bytes_each_time():
  files = []
  for _ in range(2):
    drawn = tree_figure.search_tree(tree_records.small(), label=str)
    assert type(drawn) is figure.Figure
    file = io.BytesIO()
    drawn.savefig(file, metadata={"Software": None})
    files.append(file.getvalue())
  assert files[0].startswith(b"\x89PNG") and files[0] == files[1]


def test_without_a_reward_model_steps_are_grey():
  record = tree_records.small()
  record["tree"]["scores"] = None
  drawn = tree_figure.search_tree(record)
  assert len(drawn.axes) == 1  # no bar of colours
  _, *steps = drawn.axes[0].collections
  assert len(steps) == 5
  grey = colors.to_rgba(style.GREY)
  assert {tuple(step.get_facecolor()[0]) for step in steps} == {grey}


def test_without_labels_or_scores_all_kinds_of_trees_are_drawn():
  record = tree_records.mcts(expansions=60)
  drawn = tree_figure.search_tree(record)
  assert len(_lines(drawn.axes[0])) == len(record["tree"]["parents"])
  labels = [text.get_text() for text in drawn.legends[0].get_texts()]
  assert "candidate unfinished" in labels and "given up" not in labels
  assert drawn.get_figheight() < 20
  # Only ended candidates have an answer beside them.
  answers = [t for t in _texts(drawn.axes[0]) if t[-1] in "✓✗"]
  ended = [c for c in record["candidates"] if c["status"] != "unfinished"]
  assert 0 < len(answers) == len(ended) < len(record["candidates"])


def test_copies_of_a_finished_beam_are_counted_beside_it():
  drawn = tree_figure.search_tree(tree_records.copied())
  assert "42 ✓ x2" in _texts(drawn.axes[0])
  lines = _lines(drawn.axes[0])
  beam = tree_figure.WIDEST_LINE / 3
  assert [line.get_linewidth() for line in lines] == [
    beam, 1.0, 2 * beam, beam,
  ]  # fmt: skip


def test_scores_beyond_one_have_their_own_scale():
  record = tree_records.small()
  record["tree"]["scores"] = [0.75, 0.25, 5.0, 1.0, 0.0]
  drawn = tree_figure.search_tree(record)
  _, *steps = drawn.axes[0].collections
  expected = colormaps[tree_figure.COLORMAP]([0.15, 0.05, 1.0, 0.2, 0.0])
  drawn_colors = [step.get_facecolor()[0] for step in steps]
  np.testing.assert_allclose(drawn_colors, expected)


def test_a_dropped_duplicate_has_a_marker_of_its_own():
  record = tree_records.small()
  record["tree"]["status"][1] = 3
  drawn = tree_figure.search_tree(record)
  labels = [text.get_text() for text in drawn.legends[0].get_texts()]
  assert "same as another step" in labels
  assert "0" not in _texts(drawn.axes[0])
