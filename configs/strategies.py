"""Every strategy at matched compute, on the embedded models.

  python launch/sweep.py --config=configs/strategies.py
  python launch/sweep.py --config=configs/strategies.py:likelihood

Wu et al., "Inference Scaling Laws: An Empirical Analysis of Compute-Optimal
Inference for LLM Problem-Solving", ICLR 2025, https://arxiv.org/abs/2408.00724
(Figures 4-7 and 9-12, with MCTS as in Appendix B), and the strategies of its
rivals: beam search and DVTS with and without look-ahead, particle filtering,
the rules of REBASE's widths. With ":likelihood" or ":self_certainty" no reward
model is used: the policy's own probabilities take its place.

The small and the middle policy over problems of the synthetic benchmark's test
split. What a strategy spends depends on the problem, so that no two have points
at the same FLOPs: the report compares them at equal FLOPs by interpolation
along their curves, in all three conventions.

It took 39 minutes for the small and 64 for the middle policy, side by side on
two busy cores. Expect what configs/results/strategies/ holds: at equal FLOPs
REBASE with weighted voting is 7.2 points ahead of sampling for the small
policy, 2.0 for the middle one; MCTS is not ahead. Without the reward model
expect a quarter of an hour.
"""

import ml_collections

POLICIES = ("small", "middle")
SIZES = (4, 16, 64)
SCORES = ("likelihood", "self_certainty")
KEEP = {"duplicates": "keep"}
REBASE = {"temperature": 0.1, "rule": "ceil", **KEEP}
BEAM = {"children": 4, "lookahead": 0, **KEEP}
DVTS = {"subtree_beams": 4, **BEAM}
PARTICLES = {
  "resampling": "systematic",
  "temperature": 1.0,
  "terminal": "resample",
  **KEEP,
}
# The paper's: C = 1; 4, 8 or 16 children of the root, 2 elsewhere; n is the
# number of expansions.
MCTS = {"root_children": 4, "children": 2, "exploration": 1.0, **KEEP}


def get_config(arg: str = "") -> ml_collections.ConfigDict:
  """Makes the config of the reward model or of another source of scores.

  Args:
    arg: nothing, "likelihood" or "self_certainty"; "tiny", or ",tiny" behind
      one of these, shrinks it to a check that everything runs.

  Returns:
    The config.
  """
  words = arg.split(",") if arg else []
  tiny = words[-1:] == ["tiny"]
  scores = words[: len(words) - tiny]
  if scores not in ([], *([score] for score in SCORES)):
    raise ValueError(
      f"argument is {arg!r}; expected nothing, {' or '.join(map(repr, SCORES))}"
      ", and 'tiny' alone or behind a comma."
    )
  config = ml_collections.ConfigDict()
  config.task = {
    "kind": "synthetic",
    "split": "test",
    "count": 240,
    "seed": 0,
    "levels": (1, 2, 3, 4, 5, 6),
  }
  config.policies = {name: f"embedded/policy_{name}" for name in POLICIES}
  config.reward = {"form": "own", "source": "embedded/reward"}
  if scores:
    config.reward = {"form": scores[0]}
  config.dtype = "float32"
  config.mesh = {"data": 1, "model": 1}
  config.prompt = {"kind": "plain"}
  config.runs = make_runs(tiny, rewarded=not scores)
  config.sampler = {"temperature": 1.0, "top_k": 0, "top_p": 1.0}
  config.format = {
    "step_end": (" ки",),
    "answer_markers": ("The answer is",),
  }
  config.limits = {
    "prompt_tokens": 112,
    "step_tokens": 32,
    "total_tokens": 128,
    "max_steps": 8,
  }
  config.aggregations = ("last", "min", "mean", "product")
  config.rows_in_flight = 512
  config.rows_per_problem = 0
  config.cache = "dense"
  config.tree_tokens = 0
  if tiny:
    config.task.count = 6
    config.rows_in_flight = 16
  return config


def make_runs(tiny: bool, rewarded: bool):
  """The blocks of runs: main strategies in all sizes, variants in one.

  Without a reward model a few of them.
  """
  runs = {"greedy": {"strategy": "greedy", "policies": POLICIES}}

  def add(strategy, sizes, numbers, policies=POLICIES):
    runs[strategy.replace("/", "_")] = {
      "strategy": strategy,
      "policies": policies,
      "n": (4,) if tiny else sizes,
      "seeds": (0,),
      **numbers,
    }

  add("sampling", (64,), {})
  add("rebase", SIZES, REBASE)
  add("beam_search", SIZES, BEAM)
  if not rewarded:
    return runs
  add("dvts", SIZES, DVTS)
  add("particle_filter", SIZES, PARTICLES)
  add("mcts", (32, 64, 128), MCTS)
  middle = ("middle",)
  for rule in ("round", "exact", "stochastic"):
    add(f"rebase/{rule}", (16,), {**REBASE, "rule": rule}, middle)
  for name, treatment in (("distinct", "drop"), ("merged", "merge")):
    add(f"rebase/{name}", (16,), {**REBASE, "duplicates": treatment}, middle)
  add("beam_search/distinct", (16,), {**BEAM, "duplicates": "drop"}, middle)
  add("beam_search/lookahead", (4, 16), {**BEAM, "lookahead": 1}, middle)
  add("dvts/lookahead", (4, 16), {**DVTS, "lookahead": 1}, middle)
  multinomial = {**PARTICLES, "resampling": "multinomial"}
  add("particle_filter/multinomial", (16,), multinomial, middle)
  for root in (8, 16):
    add(f"mcts/root{root}", (32,), {**MCTS, "root_children": root}, middle)
  return runs
