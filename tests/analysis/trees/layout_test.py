"""Steps of a tree stand where no lines cross and no beam is lost."""

import pytest

from inference_scaling.analysis.trees import layout
from inference_scaling.spec import record as record_lib
from tests.analysis import tree_records


def place(record, **options):
  return layout.place_nodes(record_lib.parse(record), **options)


def test_nodes_of_a_small_tree():
  assert place(tree_records.small()) == [
    layout.Node(0, None, 0, row=0.5, beams=2, candidates=(), kept=True),
    layout.Node(1, None, 0, row=2.0, beams=0, candidates=(), kept=False),
    layout.Node(2, None, 0, row=3.0, beams=1, candidates=(2,), kept=True),
    layout.Node(3, 0, 1, row=0.0, beams=1, candidates=(0,), kept=True),
    layout.Node(4, 0, 1, row=1.0, beams=1, candidates=(1,), kept=True),
  ]


def test_steps_that_came_to_nothing_can_be_left_out():
  nodes = place(tree_records.small(), kept_only=True)
  assert [node.number for node in nodes] == [0, 2, 3, 4]
  assert [node.row for node in nodes] == [0.5, 2.0, 0.0, 1.0]
  assert layout.root_row(nodes) == 1.25
  assert layout.num_leaves(nodes) == 3


def test_copies_end_in_one_node():
  nodes = place(tree_records.copied())
  assert [node.candidates for node in nodes] == [(), (), (0, 1), (2,)]
  assert [node.beams for node in nodes] == [1, 0, 2, 1]
  assert [node.kept for node in nodes] == [True, False, True, True]


def test_a_record_without_candidates_has_places():
  record = tree_records.small() | {"candidates": []}
  assert not any(node.kept for node in place(record))
  assert place(record, kept_only=True) == []
  assert layout.root_row([]) == 0


@pytest.mark.parametrize("kept_only", [False, True])
@pytest.mark.parametrize(
  "record",
  [
    *(tree_records.grown(9, 6, seed) for seed in range(8)),
    tree_records.mcts(40),
  ],
  ids=lambda record: record["run"]["strategy"],
)
def test_no_lines_cross(record, kept_only):
  nodes = place(record, kept_only=kept_only)
  at = {node.number: node for node in nodes}
  for depth in range(1 + max(node.depth for node in nodes)):
    level = sorted(
      (node for node in nodes if node.depth == depth), key=lambda n: n.row
    )
    assert len({node.row for node in level}) == len(level)
    if depth:
      above = [at[node.parent].row for node in level]
      assert above == sorted(above)
      assert {at[node.parent].depth for node in level} == {depth - 1}
  leaves = sorted(
    n.row for n in nodes if n.number not in {m.parent for m in nodes}
  )
  assert leaves == list(range(layout.num_leaves(nodes)))


@pytest.mark.parametrize("seed", range(8))
def test_no_beam_is_lost(seed):
  record = tree_records.grown(9, 6, seed)
  nodes = place(record)
  ended = 0
  for depth in range(1 + max(node.depth for node in nodes)):
    level = [node for node in nodes if node.depth == depth]
    assert ended + sum(node.beams for node in level) == 9
    ended += sum(len(node.candidates) for node in level)
  assert ended == 9


@pytest.mark.parametrize(
  ("scores", "limits"),
  [
    (None, None), ([0.2, 0.9], (0, 1)), ([0.2, 7.5], (0, 7.5)),
    ([-1.5, 0.5], (-1.5, 1)), ([], (0, 1)),
  ],
)  # fmt: skip
def test_colours_of_rewards_are_those_of_all_pictures(scores, limits):
  record = tree_records.small()
  record["tree"]["scores"] = scores
  assert layout.score_limits(record_lib.parse(record)) == limits


@pytest.mark.parametrize(
  ("text", "short"),
  [
    (" Step 2: 12 + 7 = 19 apples. ки", "12 + 7 = 19 apples."),
    ("## Step 12: Add.\nThen stop.", "Add. Then stop."),
    ("Step on it", "Step on it"),
    (" ки", ""),
    ("", ""),
  ],
)
def test_short_texts(text, short):
  assert layout.short_text(text) == short


def test_short_texts_can_be_cut():
  assert layout.short_text("Step 1: 12 + 7", most=7) == "12 + 7"
  assert layout.short_text("Step 1: 12 + 7", most=6) == "12 + 7"
  assert layout.short_text("Step 1: 12 + 7", most=5) == "12 +…"
  assert layout.short_text("Step 1: 12 + 7", most=4) == "12…"
