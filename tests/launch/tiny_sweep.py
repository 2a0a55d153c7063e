"""A config for launchers: the argument is a folder made by `tiny`."""

import pathlib

import ml_collections

from tests.sweep import tiny

MCTS = {
  "strategy": "mcts", "policies": ("small",), "n": (3,), "seeds": (0,),
  "root_children": 4, "children": 2, "exploration": 1.0, "duplicates": "keep",
}  # fmt: skip


def get_config(arg):
  """The sweep of `tests/sweep/conftest.py`, with MCTS in place of greedy."""
  config = tiny.config(pathlib.Path(arg))
  runs = {"mcts": MCTS, **config["runs"]}
  del runs["greedy"]
  return ml_collections.ConfigDict(config | {"runs": runs})
