"""Simulated sweeps with known truth, in the format of records.jsonl."""

import collections
import dataclasses
import json
import pathlib

import numpy as np

from inference_scaling import names

PARAMETERS = {"small": 100_000, "medium": 400_000, "large": 1_600_000}
ABILITY = {"small": 0.2, "medium": 1.5, "large": 2.8}
REWARD_PARAMETERS = 1_000_000
PROMPT_TOKENS = 30
LIFTS = {
  "greedy": 0.4,
  "sampling": 0.0,
  "rebase": 0.7,
  "beam_search": 0.5,
  "dvts": 0.4,
  "particle_filter": 0.3,
  "mcts": -0.5,
  "ab_mcts": -0.4,
  "particle_gibbs": 0.2,
}
# Of two kinds there are variants, the numbers of one in no order of letters.
ALL_RUNS = (
  ("greedy", 1),
  ("sampling", 16),
  *(
    (strategy, n)
    for strategy in (
      "rebase",
      "rebase/round",
      "beam_search",
      "dvts",
      "particle_filter",
    )
    for n in (4, 16)
  ),
  *((f"mcts/root{k}", n) for k in (4, 16) for n in (8, 32)),
)
AGGREGATIONS = ("last", "min", "mean", "product")


@dataclasses.dataclass(frozen=True)
class Task:
  id: int
  level: int
  ease: float  # added to every policy's ability
  distractors: tuple[float, ...]  # probabilities of wrong answers, given wrong


def tasks(count: int, seed: int = 0) -> list[Task]:
  rng = np.random.default_rng([seed, 1])
  return [
    Task(
      id=100 + i,
      level=1 + i % 6,
      ease=float(rng.normal(0, 1.2)),
      distractors=tuple(rng.dirichlet(np.full(6, 0.8))),
    )
    for i in range(count)
  ]


def chance(task: Task, policy: str, strategy: str = "sampling") -> float:
  """True probability that one candidate is right."""
  lift = LIFTS[strategy.partition("/")[0]]
  logit = ABILITY[policy] + task.ease + lift - 0.8 * (task.level - 1)
  return 1 / (1 + np.exp(-logit))


def candidate(task: Task, right: bool, rng: np.random.Generator) -> dict:
  wrong = int(rng.choice(6, p=task.distractors))
  silent = not right and rng.random() < 0.15
  answer = (
    "42"
    if right
    else None
    if silent
    else str(39 + 10 * (wrong % 2) + wrong // 2)
  )
  last = rng.beta(5, 2) if right else rng.beta(3, 3)
  steps = np.float32([*rng.uniform(last, 1, task.level), last])
  return {
    "text": f"Step 1: ... The answer is: {answer}",
    "answer": answer,
    "correct": right,
    "status": "truncated" if silent else "finished",
    "step_scores": [float(score) for score in steps],
    "tokens": 20 * (task.level + 1),
    "path": list(range(task.level + 1)),
  }


def vote(weights: dict[str, float]) -> str | None:
  """The heaviest answer, ties to the one that sorts first."""
  return min(weights, key=lambda a: (-weights[a], a)) if weights else None


def votes(candidates: list[dict]) -> dict[str, dict]:
  voters = [c for c in candidates if c["answer"] is not None]
  right = {c["answer"]: c["correct"] for c in voters}
  reduce = {
    "last": lambda s: s[-1],
    "min": min,
    "mean": lambda s: float(np.float32(np.mean(s))),
    "product": lambda s: float(np.float32(np.prod(s))),
  }
  winners = {"majority": vote(collections.Counter(c["answer"] for c in voters))}
  for how in AGGREGATIONS:
    best, total = {}, collections.defaultdict(float)
    for c in voters:
      score = reduce[how](c["step_scores"])
      best[c["answer"]] = max(score, best.get(c["answer"], -1))
      total[c["answer"]] += score
    winners[f"best_of_n/{how}"] = vote(best)
    winners[f"weighted/{how}"] = vote(total)
  return {
    name: {"answer": answer, "correct": right.get(answer, False)}
    for name, answer in winners.items()
  }


def ledger(policy: str, strategy: str, tokens: int) -> dict:
  generated = tokens * (1.1 if strategy == "rebase" else 1.0)
  paper = 2.0 * PARAMETERS[policy] * generated
  scored = 2.0 * REWARD_PARAMETERS * generated
  prompt = 2.0 * PARAMETERS[policy] * PROMPT_TOKENS
  read = 2.0 * REWARD_PARAMETERS * PROMPT_TOKENS
  return {
    "policy_prefill": PROMPT_TOKENS,
    "policy_decode": int(generated),
    "flops": {
      "paper": paper,
      "with_reward": paper + scored + read,
      "full": 1.2 * (paper + scored) + prompt + read,
    },
    "flops_prefill": {"paper": 0.0, "with_reward": read, "full": prompt + read},
    "flops_reward": {
      "paper": 0.0,
      "with_reward": scored + read,
      "full": 1.2 * scored + read,
    },
    "flops_reward_prefill": {"paper": 0.0, "with_reward": read, "full": read},
  }


def record(task: Task, policy: str, strategy: str, n: int, seed: int) -> dict:
  name = f"{policy}/{strategy}".encode()
  rng = np.random.default_rng([seed, task.id, n, *name])
  p = chance(task, policy, strategy)
  if n == 1 and strategy == "rebase":
    p = chance(task, policy)
  candidates = [candidate(task, bool(rng.random() < p), rng) for _ in range(n)]
  return {
    "run": {"policy": policy, "strategy": strategy, "n": n, "seed": seed},
    "problem": {
      "id": task.id,
      "level": task.level,
      "gold": "42",
      "question": "How many?",
    },
    "candidates": candidates,
    "tree": {"parents": [], "texts": []},
    "votes": votes(candidates),
    "ledger": ledger(policy, strategy, sum(c["tokens"] for c in candidates)),
  }


def with_value_head(record: dict, share: float = 0.125) -> dict:
  """The same record, were its reward a value head on its policy.

  Args:
    record: a record.
    share: of the reward model's FLOPs beside prompts, which the head costs.
  """
  own = record["ledger"]
  prompts = own["flops_reward_prefill"]
  head = {
    name: share * (flops - prompts[name])
    for name, flops in own["flops_reward"].items()
  }
  return record | {"ledger": own | {"flops_head": head}}


def unrewarded(record: dict) -> dict:
  """The same record, had there been no reward model."""
  tokens = record["ledger"]["policy_decode"]
  own = ledger(record["run"]["policy"], "greedy", tokens)
  own["flops"] = {
    name: flops - own["flops_reward"][name]
    for name, flops in own["flops"].items()
  }
  own["flops_prefill"] = {
    name: flops - own["flops_reward_prefill"][name]
    for name, flops in own["flops_prefill"].items()
  }
  for name in ("flops_reward", "flops_reward_prefill"):
    own[name] = dict.fromkeys(own[name], 0.0)
  return record | {
    "candidates": [c | {"step_scores": []} for c in record["candidates"]],
    "tree": record["tree"] | {"scores": None},
    "votes": {"majority": record["votes"]["majority"]},
    "ledger": own,
  }


def sweep(
  num_problems: int = 24,
  policies: tuple[str, ...] = ("small", "medium", "large"),
  runs: tuple[tuple[str, int], ...] = (
    ("greedy", 1),
    ("sampling", 16),
    *(("rebase", n) for n in (1, 2, 4, 8, 16)),
  ),
  seeds: int = 2,
) -> list[dict]:
  return [
    record(task, policy, strategy, n, seed)
    for policy in policies
    for strategy, n in runs
    for seed in range(1 if strategy == "greedy" else seeds)
    for task in tasks(num_problems)
  ]


def sure(record: dict, random) -> dict:
  """The same record, had the sweep kept how sure the policy was."""
  return record | {
    "candidates": [
      one
      | {
        "confidence": {
          measure: {name: random.uniform(0.1, 0.9) for name in names.STATISTICS}
          for measure in names.MEASURES
        }
      }
      for one in record["candidates"]
    ]
  }


def write(workdir: pathlib.Path, records: list[dict]) -> pathlib.Path:
  workdir.mkdir(parents=True, exist_ok=True)
  config = {
    "config": {},
    "sha256": "0" * 64,
    "policies": {name: {"parameters": p} for name, p in PARAMETERS.items()},
    "reward": {"parameters": REWARD_PARAMETERS},
  }
  (workdir / "config.json").write_text(json.dumps(config))
  lines = "".join(json.dumps(record) + "\n" for record in records)
  (workdir / "records.jsonl").write_text(lines)
  return workdir


def seconds_of(record: dict) -> float:
  """Machine seconds that a record takes: twice the number of beams, and more.

  The first problem of a run carries the compilation.
  """
  first = record["problem"]["id"] == tasks(1)[0].id
  return 2.0 * record["run"]["n"] + 60.0 * first


def write_timings(workdir: pathlib.Path, records: list[dict]) -> pathlib.Path:
  lines = [
    {"run": record["run"], "problem": record["problem"]["id"], "seconds": 9.0}
    | {"machine_seconds": seconds_of(record)}
    for record in records
  ]
  path = workdir / "timings.jsonl"
  path.write_text("".join(json.dumps(line) + "\n" for line in lines))
  return path
