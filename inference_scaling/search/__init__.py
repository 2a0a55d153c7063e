"""Search strategies as pure functions over any JAX model.

A model takes part through two objects, `Policy` and `Reward`; `help` of these
two classes says what each function gets and returns:

  Policy  num_beams, start(params, prompts), extend(params, keys, state,
          active), fork(state, parents)
  Reward  start(params, prompts), score(params, state, step, active),
          fork(state, parents)

and both rewind(before, after) where a strategy looks ahead. In short:

- P problems are in flight, with N = num_beams beams each. Every leaf of
  prompts, of both states and of a Step leads with P; what belongs to a beam
  leads with [P, N]. Shapes and dtypes stay. States of another layout are
  wrapped: `layer_first` [L, P, N, ..], `flat_rows` [P * N, ..], `per_row` (all
  rows written at one index).
- `extend` adds one step to each active beam and leaves the others as they are,
  bit for bit, but for what nothing reads (a cache behind a beam's length). The
  step of beam [p, n] is drawn with keys[p, n] alone.
- Step(status, num_tokens, content): content is any pytree of arrays [P, N, ..]
  of one fixed size. Pad steps at their ends with one value that is no token,
  the same always: equal steps are found by equal content. num_tokens leaves
  the padding out.
- status is RUNNING while the beam may go on, FINISHED once its answer is
  complete, TRUNCATED where no step can follow although the answer is not (the
  cache is full, or the step ran to its limit and you take no such steps). The
  loop truncates what still runs after max_depth steps. An ended beam keeps its
  slot and is never extended again; the copy that a fork makes of it stays so.
- `score` gives each active beam one number, its newest step included: higher is
  better; probabilities suit every strategy.
- Both objects are static arguments: hashable and without arrays. Arrays, a
  temperature among them, are in params and states.
- Jit nothing yourself: `run_search` is compiled once for each policy, reward,
  strategy.static_part, max_depth and shapes; hyperparameters are arrays.
  `check` tells which of these laws a port breaks.

A decoder with its own KV cache, written for one token of one beam. Padding is
no token, so that `read` leaves the beam alone: whether a prompt is short, a
step is over or the beam is not active:

  >>> import dataclasses
  >>> import jax
  >>> import jax.numpy as jnp
  >>> from inference_scaling import outcomes, search
  >>> PAD, END, NEWLINE, VOCAB, WIDTH, CACHE, STEP = 0, 1, 2, 12, 16, 24, 4
  >>> def init(key, layers=2):
  ...   def normal(i, *shape):
  ...     return jax.random.normal(jax.random.fold_in(key, i), shape) / 4
  ...   return {"embed": 4 * normal(0, VOCAB, WIDTH),
  ...           "position": normal(1, CACHE, WIDTH),
  ...           "qkvo": normal(2, layers, 4, WIDTH, WIDTH),
  ...           "up": normal(3, layers, WIDTH, 32),
  ...           "down": normal(4, layers, 32, WIDTH)}
  >>> def read(params, beam, token):
  ...   x = params["embed"][token] + params["position"][beam["length"]]
  ...   def layer(x, weights):
  ...     (q, k, v, o), up, down, cache = weights
  ...     cache = cache.at[:, beam["length"]].set(jnp.stack([x @ k, x @ v]))
  ...     seen = jnp.arange(CACHE) <= beam["length"]
  ...     logits = jnp.where(seen, cache[0] @ (x @ q) / WIDTH**0.5, -jnp.inf)
  ...     x += jax.nn.softmax(logits) @ cache[1] @ o
  ...     return x + jax.nn.relu(x @ up) @ down, cache
  ...   weights = [params[name] for name in ("qkvo", "up", "down")]
  ...   x, cache = jax.lax.scan(layer, x, (*weights, beam["cache"]))
  ...   new = {"cache": cache, "length": beam["length"] + 1,
  ...          "logits": x @ params["embed"].T}
  ...   keep = lambda new, old: jnp.where(token != PAD, new, old)
  ...   return jax.tree.map(keep, new, beam)
  >>> def write_step(params, key, beam, active):
  ...   def draw(carry, key):
  ...     beam, going = carry
  ...     logits = beam["logits"].at[PAD].set(-jnp.inf)
  ...     token = jax.random.categorical(key, logits / params["temperature"])
  ...     token = jnp.where(going, token, PAD)
  ...     beam = read(params["weights"], beam, token)
  ...     going &= (token != END) & (token != NEWLINE)
  ...     return (beam, going & (beam["length"] < CACHE)), token
  ...   going = active & (beam["length"] < CACHE)
  ...   (beam, _), tokens = jax.lax.scan(
  ...     draw, (beam, going), jax.random.split(key, STEP))
  ...   full = beam["length"] >= CACHE
  ...   status = jnp.where(full, search.TRUNCATED, search.RUNNING)
  ...   status = jnp.where((tokens == END).any(), search.FINISHED, status)
  ...   return beam, search.Step(status, (tokens != PAD).sum(), tokens)
  >>> @dataclasses.dataclass(frozen=True)
  ... class Decoder:
  ...   num_beams: int
  ...   def start(self, params, prompts):  # int32[P, T], padded with PAD
  ...     layers = params["weights"]["up"].shape[0]
  ...     empty = {"cache": jnp.zeros((layers, 2, CACHE, WIDTH)),
  ...              "length": jnp.int32(0), "logits": jnp.zeros(VOCAB)}
  ...     def write(beam, token):
  ...       return read(params["weights"], beam, token), None
  ...     prefill = lambda prompt: jax.lax.scan(write, empty, prompt)[0]
  ...     beams = jax.vmap(prefill)(prompts)
  ...     return jax.tree.map(
  ...       lambda leaf: jnp.repeat(leaf[:, None], self.num_beams, 1), beams)
  ...   def extend(self, params, keys, state, active):
  ...     extend = lambda *row: write_step(params, *row)
  ...     return jax.vmap(jax.vmap(extend))(keys, state, active)
  ...   def fork(self, state, parents):
  ...     return search.gather_beams(state, parents)
  >>> class Evenness:  # a reward: the part of the step's tokens that are even
  ...   def start(self, params, prompts):
  ...     return ()
  ...   def score(self, params, state, step, active):
  ...     even = (step.content % 2 == 0) & (step.content != PAD)
  ...     return state, even.sum(-1) / jnp.maximum(step.num_tokens, 1)
  ...   def fork(self, state, parents):
  ...     return state

Try the port once, then search and vote; here, an answer is the first token of
the last step:

  >>> policy, reward = Decoder(num_beams=4), Evenness()
  >>> params = {"weights": init(jax.random.key(0)), "temperature": 1.0}
  >>> prompts = jnp.array([[5, 7, 3], [4, 9, PAD]])
  >>> "inactive beams" in search.check(policy, reward, params, None, prompts)
  True
  >>> keys = jax.vmap(jax.random.key)(jnp.arange(2))  # one a problem
  >>> for temperature in (0.1, 1.0):  # compiled once
  ...   final = search.run_search(policy, reward, search.rebase(temperature),
  ...                             params, None, prompts, keys, max_depth=8)
  >>> solved = outcomes.read_outcomes(
  ...   final, lambda candidate: int(candidate.steps[-1][0]))
  >>> [len(outcome.candidates) for outcome in solved]
  [4, 4]
  >>> votes = [outcome.votes["weighted/last"] for outcome in solved]
  >>> unused = [o.discarded / o.generated for o in solved]

Strategies: `sampling`, `adaptive_sampling`, `reward_threshold`, `deepconf`,
`rebase`, `beam_search`, `dvts`, `particle_filter`, `particle_gibbs`, `mcts`,
`ab_mcts` (with `particle_gibbs_shape`, `mcts_shape`, `ab_mcts_shape`), each
with a help page; one of your own is a `Strategy(init, select)`. `search` is
`run_search` without jit; `init_search` and `search_step` take one step at a
time. All of these are names of this
package, as are the functions that analyse a tree (`list_nodes`,
`list_candidates`, ..), and what an engine needs in addition (`BatchedPolicy`,
`BatchedReward`; `batched_policy` and `batched_reward` add it to any);
`speculative` makes one policy of two. Only what a port needs first is printed
below. `sweep/ports/README.md` puts a port in a sweep.
"""

from inference_scaling.search.base import (
  DROP,
  DROPPED,
  DUPLICATES,
  FINISHED,
  KEEP,
  MERGE,
  RUNNING,
  TRUNCATED,
  Answers,
  Beams,
  Policy,
  Reward,
  Step,
  Strategy,
)
from inference_scaling.search.batching import BatchedPolicy, BatchedReward
from inference_scaling.search.compiled import run_search
from inference_scaling.search.contract.check import check
from inference_scaling.search.loop import init_search, search, search_step
from inference_scaling.search.porting.layouts import (
  flat_rows,
  gather_beams,
  keep_inactive,
  layer_first,
  per_row,
)
from inference_scaling.search.porting.speculative import speculative
from inference_scaling.search.porting.speculative_state import (
  ReadingPolicy,
  SpeculativeCounts,
  SpeculativeParams,
)
from inference_scaling.search.porting.whole_steps import (
  batched_policy,
  batched_reward,
)
from inference_scaling.search.resuming import resume_search
from inference_scaling.search.scoring import score_and_select, step_keys
from inference_scaling.search.state import SearchState, is_done, replace_slot
from inference_scaling.search.strategies.adaptive_branching.ab_mcts import (
  ab_mcts,
  ab_mcts_shape,
)
from inference_scaling.search.strategies.adaptive_sampling import (
  adaptive_sampling,
  reward_threshold,
)
from inference_scaling.search.strategies.allocation import rebase_widths
from inference_scaling.search.strategies.beam_search import beam_search
from inference_scaling.search.strategies.deepconf import (
  confidence_bar,
  deepconf,
  reach_bar,
)
from inference_scaling.search.strategies.dvts import dvts
from inference_scaling.search.strategies.mcts import (
  mcts,
  mcts_shape,
)
from inference_scaling.search.strategies.particles.particle_filter import (
  particle_filter,
)
from inference_scaling.search.strategies.particles.particle_gibbs import (
  particle_gibbs,
  particle_gibbs_shape,
)
from inference_scaling.search.strategies.rebase import rebase
from inference_scaling.search.strategies.sampling import sampling
from inference_scaling.search.strategies.slots import children_to_parents
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

# What a port needs first: `help` prints it. All other names above are public,
# too, each with its own help.
__all__ = [
  "FINISHED",
  "RUNNING",
  "TRUNCATED",
  "check",
  "gather_beams",
  "keep_inactive",
  "run_search",
]
