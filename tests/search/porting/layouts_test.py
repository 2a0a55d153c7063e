"""Models in other layouts, wrapped, search as the plain one does."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from inference_scaling import search
from tests.search import layered, toy

N, MAX_DEPTH = 4, 5
PROMPTS = jnp.array([[3, 1, 4], [1, 5, 9], [2, 6, 5]], jnp.int32)
AXES = {"cache": 1, "lengths": 0}
PLAIN = (layered.Plain(N), layered.PlainReward(N))
WRAPPED = {
  "layer_first": (
    search.layer_first(layered.LayerFirst(N), AXES),
    search.layer_first(layered.LayerFirstReward(N)),
  ),
  "flat_rows": (
    search.flat_rows(layered.Flat(N), AXES),
    search.flat_rows(layered.FlatReward(N)),
  ),
  "per_row": (
    search.per_row(layered.OneIndex(), N),
    search.per_row(layered.RowReward(), N),
  ),
}
STRATEGIES = {
  "rebase": search.rebase(0.2),
  "beam_search": search.beam_search(2, lookahead=1),
  "particle_filter": search.particle_filter(),
}
names = pytest.mark.parametrize("name", sorted(WRAPPED))


@functools.cache
def _tree(name, strategy):
  policy, reward = WRAPPED.get(name, PLAIN)
  return search.run_search(
    policy, reward, STRATEGIES[strategy], None, None, PROMPTS,
    toy.keys(range(len(PROMPTS))), max_depth=MAX_DEPTH,
  ).tree  # fmt: skip


@names
@pytest.mark.parametrize(
  "strategy",
  [
    "rebase",
    *(
      pytest.param(name, marks=pytest.mark.slow)
      for name in sorted(STRATEGIES)
      if name != "rebase"
    ),
  ],
)
def test_a_wrapped_model_searches_as_the_plain_one(name, strategy):
  own, plain = _tree(name, strategy), _tree("plain", strategy)
  jax.tree.map(np.testing.assert_array_equal, own, plain)
  # Something was forked, and beams ended at different depths.
  assert (plain.parents != jnp.arange(N)[None, None]).any()
  assert len({*plain.active.sum(axis=(1, 2)).tolist()}) > 1


@names
def test_a_wrapped_model_keeps_every_law(name):
  held = search.check(*WRAPPED[name], None, None, PROMPTS[:2])
  assert {"inactive beams", "fork", "rewind", "neighbours"} <= {*held}


def test_the_plain_model_keeps_every_law():
  assert "fork" in search.check(*PLAIN, None, None, PROMPTS[:2])


class _Index(layered.OneIndex):
  """One index, and rows for all beams of all problems."""

  num_beams = N

  def start(self, params, prompts):
    return super().start(params, jnp.repeat(prompts, N, axis=0))

  def fork(self, state, rows):
    return {**state, "cache": state["cache"][:, rows]}


@pytest.mark.parametrize(
  ("policy", "words"),
  [
    (layered.LayerFirst(N), r"\['cache'\] has shape \[3, 2, .*layer_first"),
    (layered.Flat(N), r"\['cache'\] has shape \[3, 8, .*search\.flat_rows"),
    (_Index(), r"search\.(flat_rows|per_row)"),
  ],
)
def test_the_adapter_is_named_where_the_layout_is_another(policy, words):
  for enter in (
    lambda: search.check(policy, PLAIN[1], None, None, PROMPTS[:2]),
    lambda: search.search(
      policy, PLAIN[1], search.sampling(), None, None, PROMPTS[:2],
      toy.keys([0, 1]), max_depth=2,
    ),
  ):  # fmt: skip
    with pytest.raises(ValueError, match=words):
      enter()


def test_layers_as_many_as_problems_are_found_by_check():
  prompts = jnp.tile(PROMPTS, (2, 1))[: layered.LAYERS]
  with pytest.raises(ValueError, match=r"'leading axis'.*layer_first"):
    search.check(layered.LayerFirst(N), PLAIN[1], None, None, prompts)


@names
def test_wrappers_are_static_arguments(name):
  policy, reward = WRAPPED[name]
  assert policy.num_beams == N and hash(policy) == hash(policy)
  assert hash(reward) != hash(policy)
  again = {
    "layer_first": lambda: search.layer_first(layered.LayerFirst(N), AXES),
    "flat_rows": lambda: search.flat_rows(layered.Flat(N), AXES),
    "per_row": lambda: search.per_row(policy.owner, N),
  }[name]()
  assert again == policy and hash(again) == hash(policy)


def test_wrappers_lack_what_the_object_lacks():
  class Forward(layered.Flat):
    rewind = property()

  for wrap in (search.layer_first, search.flat_rows):
    assert not hasattr(wrap(Forward(N)), "rewind")
    assert hasattr(wrap(layered.Flat(N)), "rewind")
    assert not hasattr(wrap(layered.Flat(N)), "score")
    assert not hasattr(wrap(layered.RowReward()), "extend")
  with pytest.raises(ValueError, match=r"PerRow\) has no function extend"):
    search.search(
      search.per_row(layered.RowReward(), N), PLAIN[1], search.sampling(),
      None, None, PROMPTS, toy.keys(range(3)), max_depth=2,
    )  # fmt: skip


def test_wrong_axes_are_named():
  policy = search.flat_rows(layered.Flat(N), 0)
  with pytest.raises(
    ValueError, match=r"flat_rows: the state\['cache'\].*axes"
  ):
    policy.start(None, PROMPTS[:2])


@pytest.mark.parametrize(
  ("name", "shape"), [("num_tokens", r"\[\]"), ("status", r"\[2\]")]
)
def test_a_row_that_returns_another_shape_is_named(name, shape):
  class Wrong(layered.OneIndex):
    def extend(self, params, keys, state, active):
      state, step = super().extend(params, keys, state, active)
      value = getattr(step, name)
      value = value[0] if name == "num_tokens" else jnp.tile(value, 2)
      return state, step.replace(**{name: value})

  with pytest.raises(
    ValueError,
    match=rf"per_row: Step\.{name} of one row has shape {shape}, expected .*1",
  ):
    search.check(search.per_row(Wrong(), N), PLAIN[1], None, None, PROMPTS[:2])


def test_helpers_gather_and_keep():
  state = {
    "a": jnp.arange(6).reshape(2, 3),
    "b": jnp.arange(12.0).reshape(2, 3, 2),
  }
  parents = jnp.array([[2, 0, 0], [0, 1, 2]], jnp.int32)
  forked = search.gather_beams(state, parents)
  assert forked["a"].tolist() == [[2, 0, 0], [3, 4, 5]]
  assert forked["b"][0, 0].tolist() == [4.0, 5.0]
  active = jnp.array([[True, False, False], [False, False, True]])
  kept = search.keep_inactive(active, forked, state)
  assert kept["a"].tolist() == [[2, 1, 2], [3, 4, 5]]
