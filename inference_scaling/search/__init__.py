"""Search strategies as pure functions over any JAX model.

A model takes part through two objects: a `Policy` with three functions (start,
extend, fork) and a `Reward` with three (start, score, fork). Every strategy
then works on it. Here the "model" is a JAX function of one line; the policy
writes one digit a step, and the reward likes large digits:

  >>> import dataclasses
  >>> import jax
  >>> import jax.numpy as jnp
  >>> from inference_scaling.search import FINISHED, RUNNING, Step
  >>> from inference_scaling.search import rebase, sampling, search
  >>> def next_digit(logits, key):
  ...   return jax.random.categorical(key, logits).astype(jnp.int32)
  >>> @dataclasses.dataclass(frozen=True)
  ... class DigitPolicy:
  ...   num_beams: int
  ...   def start(self, params, prompts):  # prompts: how many digits to write
  ...     shape = (prompts.shape[0], self.num_beams)
  ...     left = jnp.broadcast_to(prompts[:, None], shape)
  ...     return {"left": left, "total": jnp.zeros_like(left)}
  ...   def extend(self, params, keys, state, active):
  ...     draw = jax.vmap(jax.vmap(next_digit, (None, 0)), (None, 0))
  ...     digits = jnp.where(active, draw(params, keys), 0)
  ...     left = state["left"] - active
  ...     status = jnp.where(left > 0, RUNNING, FINISHED)
  ...     state = {"left": left, "total": state["total"] + digits}
  ...     return state, Step(status, jnp.ones_like(left), content=digits)
  ...   def fork(self, state, parents):
  ...     go_on = lambda leaf: jnp.take_along_axis(leaf, parents, axis=1)
  ...     return jax.tree.map(go_on, state)
  >>> class LargeDigits:
  ...   def start(self, params, prompts):
  ...     return ()
  ...   def score(self, params, state, step, active):
  ...     return state, step.content / 9
  ...   def fork(self, state, parents):
  ...     return state
  >>> def mean_total(strategy):
  ...   keys = jax.vmap(jax.random.key)(jnp.arange(2))  # one a problem
  ...   state = search(DigitPolicy(num_beams=64), LargeDigits(), strategy,
  ...                  jnp.zeros(10), None, jnp.array([3, 4]), keys,
  ...                  max_depth=8)
  ...   return float(state.policy_state["total"].mean())
  >>> mean_total(rebase(temperature=0.1)) > mean_total(sampling()) + 4
  True

The others are used in the same way: `beam_search`, `dvts`, `particle_filter`
and `mcts`. All run on one loop, with N slots: an ended beam holds its slot, and
what the strategies share out at each depth are the others. Strategies of your
own are a `Strategy(init, select)`: see its docstring.
"""

from inference_scaling.search.allocation import rebase_widths
from inference_scaling.search.base import (
  DROP,
  DROPPED,
  DUPLICATES,
  FINISHED,
  KEEP,
  MERGE,
  RUNNING,
  TRUNCATED,
  Beams,
  Policy,
  Reward,
  Step,
  Strategy,
)
from inference_scaling.search.beam_search import beam_search
from inference_scaling.search.compiled import run_search
from inference_scaling.search.contract.check import check
from inference_scaling.search.dvts import dvts
from inference_scaling.search.layouts import (
  flat_rows,
  gather_beams,
  keep_inactive,
  layer_first,
  per_row,
)
from inference_scaling.search.loop import init_search, search, search_step
from inference_scaling.search.mcts import mcts, mcts_shape
from inference_scaling.search.particle_filter import particle_filter
from inference_scaling.search.rebase import rebase
from inference_scaling.search.sampling import sampling
from inference_scaling.search.settling import settle, step_keys
from inference_scaling.search.slots import children_to_parents
from inference_scaling.search.state import SearchState, is_done, replace_lane
from inference_scaling.search.trace import (
  NO_NODE,
  Candidate,
  Nodes,
  candidate_paths,
  candidate_tokens,
  final_status,
  list_candidates,
  list_nodes,
)
from inference_scaling.search.tree import Tree

__all__ = [
  "DROP",
  "DROPPED",
  "DUPLICATES",
  "FINISHED",
  "KEEP",
  "MERGE",
  "NO_NODE",
  "RUNNING",
  "TRUNCATED",
  "Beams",
  "Candidate",
  "Nodes",
  "Policy",
  "Reward",
  "SearchState",
  "Step",
  "Strategy",
  "Tree",
  "beam_search",
  "candidate_paths",
  "candidate_tokens",
  "children_to_parents",
  "dvts",
  "final_status",
  "init_search",
  "is_done",
  "list_candidates",
  "list_nodes",
  "mcts",
  "mcts_shape",
  "particle_filter",
  "rebase",
  "rebase_widths",
  "replace_lane",
  "sampling",
  "search",
  "search_step",
  "settle",
  "step_keys",
]
