"""Records with trees of all kinds, made without a model."""

import collections

import numpy as np

RUNNING, FINISHED, TRUNCATED = 0, 1, 2
_NAMES = {RUNNING: "unfinished", FINISHED: "finished", TRUNCATED: "truncated"}
_METHODS = ("majority", "best_of_n/last", "weighted/last")


def record(parents, status, scores, ends, texts=None, strategy="rebase", n=0):
  """A whole record.

  Args:
    parents: of each node; None for first steps.
    status: of each node.
    scores: of each node, or None.
    ends: (last node, answer) of each candidate; the right answer is "42".
    texts: of the nodes.
    strategy: named in the record.
    n: likewise; 0 for the number of candidates.

  Returns:
    JSON data.
  """
  size = len(parents)
  depths = []
  for parent in parents:
    depths.append(0 if parent is None else depths[parent] + 1)
  counts = collections.Counter(parents)
  candidates = []
  for node, answer in ends:
    path = [node]
    while parents[path[0]] is not None:
      path.insert(0, parents[path[0]])
    candidates.append(
      {
        "text": "".join(texts[i] for i in path) if texts else "steps",
        "answer": answer,
        "correct": answer == "42",
        "status": _NAMES[status[node]],
        "step_scores": [scores[i] for i in path] if scores else [],
        "tokens": 7 * len(path),
        "path": path,
      }
    )
  flops = {"paper": 1.5e9, "with_reward": 3e9, "full": 5e9}
  vote = {"answer": "42", "correct": True}
  return {
    "run": {
      "policy": "small", "strategy": strategy, "n": n or len(ends), "seed": 0
    },
    "problem": {"id": 7, "level": 3, "gold": "42", "question": "How many?"},
    "candidates": candidates,
    "tree": {
      "parents": parents,
      "depths": depths,
      "rounds": depths,
      "widths": [counts[node] for node in range(size)],
      "scores": scores,
      "status": status,
      "tokens": [7] * size,
      "texts": texts or [f"Step {depth + 1}: text ки" for depth in depths],
    },
    "votes": dict.fromkeys(_METHODS if scores else _METHODS[:1], vote),
    "ledger": {
      "policy_prefill": 50, "policy_decode": 7 * size, "policy_discarded": 7,
      "policy_attended": 900, "reward_prefill": 51, "reward_scored": 7 * size,
      "reward_attended": 950, "cache_bytes": 2**20,
      "flops": flops,
      "flops_prefill": {"paper": 0.0, "with_reward": 0.0, "full": 5e8},
      "flops_reward": {"paper": 0.0, "with_reward": 1.5e9, "full": 2e9},
      "flops_reward_prefill": {"paper": 0.0, "with_reward": 0.0, "full": 2e8},
    },
  }  # fmt: skip


def small():
  """Node 0 is forked, node 1 given up, and node 2 ends at once."""
  return record(
    parents=[None, None, None, 0, 0],
    status=[RUNNING, RUNNING, FINISHED, FINISHED, TRUNCATED],
    scores=[0.75, 0.25, 0.5, 1.0, 0.0],
    ends=[(3, "42"), (4, None), (2, "7")],
    texts=["one", "two", "three", "four", "five"],
  )


def grown(num_beams, depths, seed):
  """Beams that are forked and end by chance, as in REBASE."""
  rng = np.random.default_rng(seed)
  parents, status, ends = [], [], []
  beams = [None] * num_beams
  for depth in range(depths):
    made = range(len(parents), len(parents) + len(beams))
    parents += beams
    last = depth == depths - 1
    status += [
      FINISHED if rng.random() < 0.2 else TRUNCATED if last else RUNNING
      for _ in made
    ]
    ends += [(node, "42") for node in made if status[node] != RUNNING]
    running = [node for node in made if status[node] == RUNNING]
    if not running:
      break
    beams = sorted(int(node) for node in rng.choice(running, len(running)))
  return record(parents, status, rng.random(len(parents)).tolist(), ends)


def mcts(expansions, root_children=4, children=2, deepest=8, seed=0):
  """Leaves that are expanded one at a time; the rest are unfinished."""
  rng = np.random.default_rng(seed)
  parents, depths, rounds, status = [], [], [], []

  def expand(node, number, index):
    for _ in range(number):
      parents.append(node)
      depths.append(0 if node is None else depths[node] + 1)
      rounds.append(index)
      ended = depths[-1] and rng.random() < 0.15
      status.append(
        FINISHED if ended else TRUNCATED if depths[-1] == deepest else RUNNING
      )

  expand(None, root_children, 0)
  for index in range(1, expansions):
    open_leaves = [
      node
      for node, state in enumerate(status)
      if state == RUNNING and node not in parents
    ]
    if not open_leaves:
      break
    expand(int(rng.choice(open_leaves[-8:])), children, index)
  leaves = [node for node in range(len(parents)) if node not in parents]
  ends = [
    (node, str(rng.choice(["42", "7"])) if status[node] == FINISHED else None)
    for node in leaves
  ]
  scores = rng.random(len(parents)).tolist()
  made = record(
    parents, status, scores, ends, strategy="mcts/root4", n=expansions
  )
  made["tree"]["rounds"] = rounds
  return made


def copied():
  """Finished particles, one copied over another, as in particle filtering."""
  return record(
    parents=[None, None, None, 0],
    status=[RUNNING, FINISHED, FINISHED, FINISHED],
    scores=[0.5, 0.25, 1.0, 0.75],
    ends=[(2, "42"), (2, "42"), (3, "7")],
    strategy="particle_filter",
  )
