"""One program serves every further call and every number of a strategy."""

import collections
import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import monitoring

from inference_scaling import search
from tests.search import runs, toy
from tests.search.table import STRATEGIES

_EVENT = "/jax/core/compile/backend_compile_duration"
_compiled = []
monitoring.register_event_duration_secs_listener(
  lambda event, *args, **options: _compiled.append(event)
)
traces = collections.Counter()


@dataclasses.dataclass(frozen=True)
class Counted(toy.TreePolicy):
  """Counts how often it is traced."""

  name: str = ""

  def extend(self, params, keys, node, active):
    traces[self.name] += 1
    return super().extend(params, keys, node, active)


def _run(name, number, seed=0, stop=0.375, **options):
  world = runs.World(stop, toy.table(4, seed=seed), seed)
  row = STRATEGIES[name]
  strategy = row.make(number)
  if strategy.resumes:
    options["answers"] = lambda problem, tree: np.full(row.beams, -1)
  return search.run_search(
    Counted(row.beams, name=name), runs.REWARD, strategy,
    world.params, world.table,
    jnp.asarray(runs.PROBLEMS), world.keys(runs.PROBLEMS),
    max_depth=runs.MAX_DEPTH,
    lookahead_params=world.params.replace(greedy=jnp.asarray(True)), **options,
  )  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(STRATEGIES))
def test_further_calls_and_new_numbers_compile_nothing(name):
  first = jax.block_until_ready(_run(name, 0.3))
  world = runs.World(0.5, toy.table(4, seed=1), 1)  # what the test itself needs
  jax.block_until_ready(world)
  _run(name, 0.3, seed=1, stop=0.5)
  traced, compiled = traces[name], _compiled.count(_EVENT)
  assert traced > 0
  others = [_run(name, n, seed=1, stop=0.5) for n in (0.05, 0.9, 2, 2.5)]
  assert traces[name] == traced
  assert _compiled.count(_EVENT) == compiled
  row = STRATEGIES[name]
  strategy = row.make(0.3)
  if not strategy.resumes:  # `states` reads no answers
    # The search of the loop, number by number; another program may round the
    # draws of posteriors in another way.
    close = functools.partial(np.testing.assert_allclose, rtol=1e-6)
    equal = close if name == "ab_mcts" else np.testing.assert_array_equal
    policy = toy.TreePolicy(row.beams)
    state = runs.states(strategy, policy=policy)[-1]
    jax.tree.map(equal, runs.host(first), runs.host(state))
  assert others[0].depth.shape == first.depth.shape


def test_the_counter_of_compilations_counts():
  before = _compiled.count(_EVENT)
  jax.jit(lambda x: x * 3 + len(_compiled))(jnp.ones(7))
  assert _compiled.count(_EVENT) > before


def test_other_rules_depths_or_shapes_compile_again():
  name = "rebase"
  _run(name, 0.3)
  before = traces[name]
  search.run_search(
    Counted(runs.NUM_BEAMS, name=name), runs.REWARD, search.rebase(0.3),
    runs.WORLD.params, runs.WORLD.table, jnp.asarray(runs.PROBLEMS),
    runs.WORLD.keys(runs.PROBLEMS), max_depth=2,
  )  # fmt: skip
  assert traces[name] > before


def test_what_cannot_be_a_static_argument_is_named():
  @dataclasses.dataclass
  class Mutable:
    start = score = fork = toy.TableReward.fork

  with pytest.raises(ValueError, match=r"reward \(Mutable\) cannot be hashed"):
    search.run_search(
      runs.POLICY, Mutable(), search.rebase(), runs.WORLD.params,
      runs.WORLD.table, jnp.asarray(runs.PROBLEMS),
      runs.WORLD.keys(runs.PROBLEMS), max_depth=2,
    )  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float32"])
def test_scores_of_half_precision_become_float32(dtype):
  class Half(toy.TableReward):
    def score(self, params, problem, step, active):
      problem, scores = super().score(params, problem, step, active)
      return problem, scores.astype(dtype)

  state = runs.init(search.rebase(0.3))
  state = search.search_step(
    runs.POLICY, Half(), search.rebase(0.3), runs.WORLD.params,
    runs.WORLD.table, state,
  )  # fmt: skip
  assert state.scores.dtype == jnp.float32
  expected = runs.states(search.rebase(0.3))[1].tree.scores[:, 0]
  rounded = np.asarray(expected.astype(dtype).astype(jnp.float32))
  np.testing.assert_array_equal(state.tree.scores[:, 0], rounded)
