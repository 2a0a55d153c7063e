"""Simulated sweeps whose records have search trees, and hostile texts."""

from tests.analysis import factory

HOSTILE = (
  '</script><script>hacked = 1</script><img src=x onerror="hacked = 1"> '
  "'\"` $$x$$ [a](javascript:hacked=1) \u202eRTL \u05d0\u05d1 " + "long" * 60
)
RUNS = (("greedy", 1), ("sampling", 4), ("rebase", 2), ("rebase", 4))


def with_tree(record):
  """The same record with a tree: REBASE forks its first step, others none."""
  shared = record["run"]["strategy"] == "rebase"
  tree = {
    name: [] for name in (
      "parents", "depths", "rounds", "widths", "scores", "status", "tokens",
      "texts",
    )
  }  # fmt: skip

  def add(parent, depth, score, status, text):
    tree["parents"].append(parent)
    tree["depths"].append(depth)
    tree["rounds"].append(depth)
    tree["widths"].append(0)
    tree["scores"].append(score)
    tree["status"].append(status)
    tree["tokens"].append(5)
    tree["texts"].append(text)
    if parent is not None:
      tree["widths"][parent] += 1
    return len(tree["parents"]) - 1

  first = (
    add(None, 0, 0.5, 0, "Step 1: begin. \u043a\u0438") if shared else None
  )
  if shared:
    add(None, 0, 0.25, 0, "Step 1: given up. \u043a\u0438")
  candidates = []
  for index, candidate in enumerate(record["candidates"]):
    ended = 1 if candidate["status"] == "finished" else 2
    end = f"Step 2: candidate {index} says {candidate['answer']}."
    score = round(candidate["step_scores"][-1], 4)  # as a page has it
    node = add(first, int(shared), score, ended, end)
    path = [first, node] if shared else [node]
    candidates.append(
      candidate
      | {
        "path": path,
        "step_scores": [tree["scores"][i] for i in path],
        "text": "".join(tree["texts"][i] for i in path),
      }
    )
  return record | {
    "candidates": candidates, "tree": tree, "votes": factory.votes(candidates)
  }  # fmt: skip


def hostile(record):
  """The same record, in which every text wants to be markup."""
  texts = [f"{i} {HOSTILE}" for i in range(len(record["tree"]["texts"]))]
  return record | {
    "problem": record["problem"] | {"question": HOSTILE},
    "tree": record["tree"] | {"texts": texts},
    "candidates": [c | {"text": HOSTILE} for c in record["candidates"]],
  }


def sweep(num_problems=6, policies=("small", "large"), runs=RUNS):
  """Records with trees; the first problem is hostile, in text and answer."""
  records = [
    with_tree(record)
    for record in factory.sweep(num_problems, policies, runs, seeds=1)
  ]
  first = records[0]["problem"]["id"]
  return [hostile(r) if r["problem"]["id"] == first else r for r in records]
