"""Shows a record as text: its tree, candidates, votes and cost."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from inference_scaling.search import base

Record = Mapping[str, Any]

_END = {
  base.RUNNING: "unfinished",
  base.FINISHED: "finished",
  base.TRUNCATED: "cut off",
  base.DROPPED: "duplicate",
}


def render(record: Record) -> str:
  """Draws a record.

  Args:
    record: as in records.jsonl, or of `solve`.

  Returns:
    Lines of text: each step with its reward (if there are rewards) and its
    width (how many steps go on from it), the candidates, the votes and the
    cost.
  """
  run, problem = record["run"], record["problem"]
  title = f"{run['policy']}, {run['strategy']} n={run['n']}, seed {run['seed']}"
  what = "width, step" if _unrewarded(record) else "reward, width, step"
  sections = [
    problem["question"],
    "\n".join([f"Search tree ({title}); {what}:", *_tree(record)]),
    "\n".join(["Candidates by answer:", *_candidates(record)]),
    "\n".join(["Votes:", *_votes(record)]),
    "\n".join(["Cost:", *_cost(record["ledger"])]),
  ]
  return "\n\n".join(sections)


def _tree(record: Record) -> list[str]:
  """Lines of the tree, children below their parent."""
  tree = record["tree"]
  ends = Counter(c["path"][-1] for c in record["candidates"])
  children: dict[int | None, list[int]] = {}
  for node, parent in enumerate(tree["parents"]):
    children.setdefault(parent, []).append(node)
  lines = []

  def add(parent, indent):
    nodes = children.get(parent, [])
    for node in nodes:
      last = node == nodes[-1]
      reward = "" if _unrewarded(record) else f"{tree['scores'][node]:.3f} "
      lines.append(
        f"{indent}{'└─' if last else '├─'} {reward}"
        f"x{tree['widths'][node]:<2} {_one_line(tree['texts'][node])}"
        f"{_end(tree['status'][node], ends[node])}"
      )
      add(node, indent + ("   " if last else "│  "))

  add(None, "  ")
  return lines


def _end(status: int, candidates: int) -> str:
  """Says how a step ends and of how many candidates it is the last."""
  if status == base.RUNNING and not candidates:
    return ""
  much = {0: ", given up", 1: ""}.get(candidates, f", {candidates} times")
  if status == base.DROPPED:
    much = ""
  return f"  ({_END[status]}{much})"


def _candidates(record: Record) -> list[str]:
  """Lines "answer, how many, their last rewards", the most frequent first."""
  total = len(record["candidates"])
  candidates = record["candidates"]
  counts = Counter(candidate["answer"] for candidate in candidates)
  lines = []
  for answer, number in sorted(
    counts.items(), key=lambda item: (-item[1], str(item[0]))
  ):
    line = f"  {_answer(answer):<12} {number:>3} of {total}"
    if _unrewarded(record):
      lines.append(line)
      continue
    rewards = sorted(
      (c["step_scores"][-1] for c in candidates if c["answer"] == answer),
      reverse=True,
    )
    few = " ".join(f"{reward:.3f}" for reward in rewards[:8])
    more = " ..." if number > 8 else ""
    lines.append(f"{line}, last rewards {few}{more}")
  return lines


def _votes(record: Record) -> list[str]:
  """One line a vote; right or wrong where the answer is known."""
  known = bool(record["problem"]["gold"])
  lines = []
  for name, vote in record["votes"].items():
    verdict = ("right" if vote["correct"] else "wrong") if known else ""
    line = f"  {name:<18} {_answer(vote['answer']):<12} {verdict}"
    lines.append(line.rstrip())
  return lines


def _cost(ledger: Record) -> list[str]:
  """Tokens by kind, and FLOPs in each convention."""
  return [
    f"  policy: {ledger['policy_prefill']} prompt tokens, "
    f"{ledger['policy_decode']} generated, of these "
    f"{ledger['policy_discarded']} in no candidate",
    f"  reward: {ledger['reward_prefill']} prompt tokens, "
    f"{ledger['reward_scored']} scored",
    f"  cache:  {ledger['cache_bytes'] / 2**20:.1f} MiB of keys and values",
    *(
      f"  FLOPs {name + ':':<12} {flops:.3g}"
      for name, flops in ledger["flops"].items()
    ),
  ]


def _unrewarded(record: Record) -> bool:
  """Whether there was no reward model."""
  return record["tree"]["scores"] is None


def _answer(answer: str | None) -> str:
  return "(none)" if answer is None else answer


def _one_line(text: str) -> str:
  return text.strip().replace("\n", "⏎")
