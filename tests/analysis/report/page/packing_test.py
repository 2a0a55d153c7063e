"""What is packed is what the record says."""

import base64
import json
import zlib

import pytest

from inference_scaling.analysis.report.page import packing
from inference_scaling.analysis.trees import layout
from inference_scaling.spec import record as record_lib
from tests.analysis import factory, tree_records


def compact(record):
  parsed = record_lib.parse(record)
  content = packing.compact([(3, parsed)])
  packed = packing.pack(content)
  assert packed.isascii()
  return parsed, json.loads(zlib.decompress(base64.b64decode(packed)))


@pytest.mark.parametrize(
  "record",
  [tree_records.small(), tree_records.mcts(30), tree_records.copied()],
  ids=["small", "mcts", "copied"],
)
def test_a_tree_comes_back(record):
  parsed, content = compact(record)
  texts, (packed,) = content["texts"], content["records"]
  assert packed["run"] == 3
  tree = packed["tree"]
  assert [texts[i] for i in tree["texts"]] == record["tree"]["texts"]
  assert len(texts) == len(set(texts))
  for name in ("parents", "depths", "rounds", "widths", "status", "tokens"):
    assert tree[name] == record["tree"][name]
  assert tree["scores"] == pytest.approx(record["tree"]["scores"], rel=1e-3)
  nodes = layout.place_nodes(parsed)
  assert tree["rows"] == pytest.approx([n.row for n in nodes], abs=1e-3)
  assert [row is not None for row in tree["kept"]] == [n.kept for n in nodes]
  for each, candidate in zip(
    packed["candidates"], record["candidates"], strict=True
  ):
    names = ("answer", "correct", "status", "tokens", "path")
    assert each[:5] == [candidate[name] for name in names]
    assert each[5] is None  # those of the tree
    own = "".join(record["tree"]["texts"][i] for i in candidate["path"])
    text = own if each[6] is None else texts[each[6]]
    assert text == candidate["text"]
  assert packed["votes"]["majority"] == ["42", True]
  assert packed["ledger"]["flops"] == record["ledger"]["flops"]


def test_rewards_that_are_not_those_of_the_tree_are_kept():
  record = tree_records.small()
  record["candidates"][0]["step_scores"] = [0.123456, 1.0]
  _, content = compact(record)
  first, second, _ = content["records"][0]["candidates"]
  assert first[5] == [0.1235, 1.0] and second[5] is None


@pytest.mark.parametrize(
  "tree",
  [
    {}, {"parents": [], "texts": []},
    tree_records.small()["tree"] | {"parents": [None, None, None, 0, 7]},
    tree_records.small()["tree"] | {"texts": ["one"]},
  ],
  ids=["none", "older", "no such parent", "texts are missing"],
)  # fmt: skip
def test_a_record_whose_tree_cannot_be_drawn_has_its_candidates(tree):
  record = factory.record(factory.tasks(1)[0], "small", "sampling", 4, 0)
  record["tree"] = tree
  _, content = compact(record)
  (packed,) = content["records"]
  assert packed["tree"] is None
  for each, candidate in zip(
    packed["candidates"], record["candidates"], strict=True
  ):
    assert content["texts"][each[6]] == candidate["text"]
    assert each[5] == pytest.approx(candidate["step_scores"], rel=1e-3)


def test_half_a_character_of_a_model_is_no_error():
  record = tree_records.small()
  record["tree"]["texts"][0] = "half \ud83d"
  _, content = compact(record)
  assert "half ?" in content["texts"]
