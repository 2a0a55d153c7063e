"""Two policies as one, beside plain Python that follows each beam's path."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from inference_scaling import search
from inference_scaling.search import compiled
from inference_scaling.search.porting import speculative

P, N, DEPTHS, MODULUS = 3, 4, 6, 9973
PROMPTS = jnp.array([5, 77, 123])
KEYS = jax.vmap(jax.random.key)(jnp.arange(P))
TABLE = jax.random.uniform(jax.random.key(9), (MODULUS,))
STRATEGIES = {
  "rebase": search.rebase(0.2),
  "beam_search": search.beam_search(2, lookahead=1),
}


@dataclasses.dataclass(frozen=True)
class Walker:
  """Remembers its whole path in one number, which decides the next step."""

  kind: int
  num_beams: int = N

  def start(self, params, prompts):
    del params
    return jnp.broadcast_to(prompts[:, None], (prompts.shape[0], N))

  def extend(self, params, keys, memory, active):
    draws = jax.vmap(jax.vmap(lambda key: jax.random.uniform(key, (2,))))(keys)
    branch = (3 * draws[..., 0]).astype(jnp.int32)
    node = (memory * 31 + 7 * branch + self.kind + 1) % MODULUS
    ends = draws[..., 1] < params
    step = search.Step(
      jnp.where(ends, search.FINISHED, search.RUNNING), 1 + branch,
      {"node": node},
    )  # fmt: skip
    return self.read(params, memory, step, active), step

  def read(self, params, memory, step, active):
    del params
    after = (memory * 17 + step.content["node"]) % MODULUS
    return jnp.where(active, after, memory)

  def fork(self, memory, parents):
    return jnp.take_along_axis(memory, parents, axis=1)

  def rewind(self, before, after):
    del after
    return before


class PathReward(Walker):
  """Scores a whole path."""

  def score(self, params, memory, step, active):
    memory = self.read(params, memory, step, active)
    return memory, params[memory]


DRAFT, TARGET, REWARD = Walker(0), Walker(1), PathReward(2)
STOP = jnp.float32(0.25)


@dataclasses.dataclass(frozen=True)
class Folded(Walker):
  """A policy alone, with the draws that a target has."""

  def extend(self, params, keys, memory, active):
    fold = jax.vmap(jax.vmap(lambda key: jax.random.fold_in(key, 2**31 - 1)))
    return super().extend(params, fold(keys), memory, active)


@functools.cache
def pair(max_unread=speculative.MAX_UNREAD):
  policy, reward = search.speculative(DRAFT, TARGET, REWARD, max_unread)
  return search.batched_policy(policy), reward


def run(threshold, strategy="rebase", max_unread=speculative.MAX_UNREAD):
  policy, reward = pair(max_unread)
  params = search.SpeculativeParams(STOP, STOP, TABLE, jnp.float32(threshold))
  return search.run_search(
    policy, reward, STRATEGIES[strategy], params, None, PROMPTS, KEYS,
    max_depth=DEPTHS,
  )  # fmt: skip


def alone(policy, strategy="rebase"):
  return search.run_search(
    policy, REWARD, STRATEGIES[strategy], STOP, TABLE, PROMPTS, KEYS,
    max_depth=DEPTHS,
  )  # fmt: skip


def follow(problem, final, threshold):
  """Every step of a search in plain Python, and what was spent on it.

  Parents are those of the search; which step a beam takes is computed here from
  the nodes of its path alone.
  """
  draws = jax.jit(lambda key: jax.random.uniform(key, (2,)))
  tree = jax.tree.map(lambda leaf: np.asarray(leaf)[problem], final.tree)
  paths = [{"nodes": [], "read": 0} for _ in range(N)]  # read by the target
  counts = dict.fromkeys(
    ("draft", "target", "reward", "draft_read", "target_read", "rejected"), 0
  )

  def remember(nodes):
    memory = int(PROMPTS[problem])
    for node, _ in nodes:
      memory = (memory * 17 + node) % MODULUS
    return memory

  def make(nodes, key, kind):
    first, second = np.asarray(draws(key)).tolist()
    branch = int(3 * first)
    node = (remember(nodes) * 31 + 7 * branch + kind + 1) % MODULUS
    return (node, 1 + branch), second < 0.25

  for depth in range(DEPTHS):
    for slot in np.flatnonzero(tree.active[depth]):
      path, key = paths[slot], jax.random.fold_in(KEYS[problem], depth)
      key = jax.random.fold_in(key, slot)
      step, ends = make(path["nodes"], key, 0)
      counts["draft"] += step[1]
      counts["reward"] += step[1]
      score = np.asarray(TABLE)[remember([*path["nodes"], step])]
      if score < threshold:
        counts["rejected"] += step[1]
        counts["target_read"] += sum(
          t for _, t in path["nodes"][path["read"] :]
        )
        step, ends = make(
          path["nodes"], jax.random.fold_in(key, 2**31 - 1), 1
        )  # fmt: skip
        counts["target"] += step[1]
        counts["reward"] += step[1]
        counts["draft_read"] += 0 if ends else step[1]
        score = np.asarray(TABLE)[remember([*path["nodes"], step])]
        path["read"] = len(path["nodes"]) + 1
      path["nodes"] = [*path["nodes"], step]
      content = tree.contents.content["node"][depth, slot]
      assert (content, tree.num_tokens[depth, slot]) == step
      assert tree.scores[depth, slot] == np.float32(score)
      assert (tree.status[depth, slot] == search.FINISHED) == ends
    paths = [dict(paths[parent]) for parent in tree.parents[depth]]
  return counts


@pytest.mark.parametrize("threshold", [0.3, 0.7])
def test_each_step_and_each_token_is_that_of_plain_python(threshold):
  policy, _ = pair()
  final = run(threshold)
  seen = policy.counts(final.policy_state)
  assert all(counts.sum() for counts in (
    seen.rejected, seen.draft_read, seen.target_read
  ))  # fmt: skip
  for problem in range(P):
    wanted = follow(problem, final, threshold)
    own = {
      **{name: getattr(seen, name).decode[problem] for name in (
        "draft", "target", "reward"
      )},
      **{name: getattr(seen, name)[problem] for name in (
        "draft_read", "target_read", "rejected"
      )},
    }  # fmt: skip
    assert own == wanted
    assert seen.decode[problem] == wanted["draft"] + wanted["target"]
    assert seen.target.prefill[problem] == wanted["target_read"]


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize(
  ("threshold", "policy"), [(-jnp.inf, DRAFT), (jnp.inf, Folded(1))]
)
def test_at_both_ends_of_the_threshold_one_policy_is_alone(
  strategy, threshold, policy
):
  final, wanted = run(threshold, strategy), alone(policy, strategy)
  tree = final.tree.replace(contents=final.tree.contents.content)
  jax.tree.map(np.testing.assert_array_equal, tree, wanted.tree)
  counts = pair()[0].counts(final.policy_state)
  silent = counts.target if policy is DRAFT else counts.draft
  assert (silent.decode.sum() == 0) == (policy is DRAFT)
  assert counts.target_read.sum() == 0


def test_how_many_steps_wait_to_be_read_changes_no_step():
  eager, lazy = run(0.3, max_unread=1), run(0.3)
  jax.tree.map(np.testing.assert_array_equal, eager.tree, lazy.tree)
  waiting = [
    final.policy_state.owner.num_unread.max() for final in (eager, lazy)
  ]
  assert waiting[0] == 1 < waiting[1]


def test_the_pair_keeps_the_laws_of_a_policy():
  policy, reward = pair(2)
  params = search.SpeculativeParams(STOP, STOP, TABLE, 0.5)
  held = search.check(policy, reward, params, None, PROMPTS)
  assert {"inactive beams", "own key and step", "fork", "rewind", "counts"} <= (
    {*held}
  )


def test_a_pair_is_compiled_once_for_every_threshold():
  run(0.3)
  size = compiled._run._cache_size()
  run(0.6)
  again = search.speculative(Walker(0), Walker(1), PathReward(2))
  assert (search.batched_policy(again[0]), again[1]) == pair()
  assert compiled._run._cache_size() == size


class _Bare:
  num_beams = N

  def start(self, *_):
    return ()

  extend = score = fork = start


def test_what_a_model_lacks_is_named():
  for models, words in (
    ((_Bare(), TARGET, REWARD), r"the draft \(_Bare\) has no function read"),
    ((DRAFT, _Bare(), REWARD), r"the target \(_Bare\) has no function read"),
    ((DRAFT, TARGET, _Bare()), r"the reward \(_Bare\) has no function rewind"),
    ((DRAFT, Walker(1, 9), REWARD), "num_beams=4 and the target 9"),
  ):
    with pytest.raises(ValueError, match=words):
      search.speculative(*models)
  with pytest.raises(ValueError, match="max_unread is 0"):
    search.speculative(DRAFT, TARGET, REWARD, 0)


@dataclasses.dataclass(frozen=True)
class _Wider(Walker):
  def extend(self, params, keys, memory, active):
    memory, step = super().extend(params, keys, memory, active)
    return memory, step.replace(content={"edge": step.content["node"]})


def test_steps_of_two_kinds_are_refused():
  policy, reward = search.speculative(DRAFT, _Wider(1), REWARD)
  params = search.SpeculativeParams(STOP, STOP, TABLE, 0.5)
  with pytest.raises(
    ValueError, match=r"of the draft is .*node.*target .*edge"
  ):
    search.init_search(
      policy, reward, search.sampling(), params, None, PROMPTS, KEYS,
      max_depth=DEPTHS,
    )  # fmt: skip
