import dataclasses

import jax
import jax.numpy as jnp
import numpy as np

from inference_scaling import decoding, models
from inference_scaling.search import base
from tests.decoding import tiny


def test_steps_read_one_by_one_score_as_the_whole_text():
  model = tiny.reward_model()
  texts, starts, found = [], [], []
  prompts = tiny.prompts(3)
  for entry in tiny.grown():
    for p, n in zip(*np.nonzero(entry["active"]), strict=True):
      texts.append(entry["after"][p][n])
      starts.append(len(prompts[p]))
      found.append(entry["scores"][p, n])
  assert len(texts) > 20
  table = tiny.uncached(model.token_rewards, model.params, texts, starts)
  wanted = [
    rewards[len(text) - 1] for text, rewards in zip(texts, table, strict=True)
  ]
  np.testing.assert_allclose(found, wanted, atol=1e-5)


def test_scores_differ():
  scores = np.concatenate(
    [entry["scores"][entry["active"]] for entry in tiny.grown()]
  )
  assert scores.std() > 0.05
  assert 0 < scores.min() and scores.max() < 1


@dataclasses.dataclass(frozen=True, eq=False)
class _Counting(models.RewardModel):
  """A reward model that counts the blocks that it encodes."""

  blocks: list = dataclasses.field(default_factory=list)

  def encode(self, *args):
    jax.debug.callback(lambda: self.blocks.append(1))
    return super().encode(*args)


def _encode(lengths, num_rows=None):
  """Scores steps, compares with scores of whole texts; counts blocks."""
  N, C = len(lengths), max(lengths)
  plain = tiny.reward_model()
  names = [field.name for field in dataclasses.fields(plain)]
  model = _Counting(**{name: getattr(plain, name) for name in names})
  limits = decoding.Limits(prompt_tokens=9, step_tokens=C, total_tokens=45)
  reward = decoding.ModelReward(model, limits, N, num_rows=num_rows)
  tokens = jax.random.randint(jax.random.key(0), (1, N, C), 3, 18)
  step = base.Step(
    status=jnp.zeros((1, N), jnp.int32),
    num_tokens=jnp.array([lengths]),
    content=decoding.StepTokens(
      tokens, jnp.array([lengths]), *jnp.zeros((2, 1, N))
    ),
  )
  prompt = tiny.prompts(2)[1]
  state = jax.jit(reward.start)(
    model.params, decoding.pad_prompt(0, prompt, limits)
  )
  active = jnp.ones((1, N), bool)
  _, scores = jax.jit(reward.score)(model.params, state, step, active)
  jax.effects_barrier()
  for n, length in enumerate(lengths):
    text = jnp.array([[*prompt, *tokens[0, n, :length].tolist()]])
    solution = jnp.arange(text.shape[1])[None] >= len(prompt)
    wanted = jax.jit(model.token_rewards)(model.params, text, solution)[0, -1]
    np.testing.assert_allclose(scores[0, n], wanted, atol=1e-5)
  return len(model.blocks)


def test_steps_longer_than_a_block_are_encoded_whole():
  """A step of 40 tokens takes five blocks of 8."""
  assert _encode((40, 17)) == 5


def test_long_steps_are_encoded_beside_long_ones():
  """Five blocks for 40 and 33 tokens, one for 2 and 8; not five for each."""
  assert _encode((2, 40, 8, 33), num_rows=2) == 5 + 1


def test_counts_are_those_of_the_encoded_tokens():
  history = tiny.grown()
  counts = history[-1]["new_judged"].counts
  for p, prompt in enumerate(tiny.prompts(3)):
    read = [
      (len(entry["before"][p][n]), len(entry["after"][p][n]))
      for entry in history
      for n in np.flatnonzero(entry["active"][p])
    ]
    assert counts.prefill[p] == len(prompt)
    assert counts.decode[p] == sum(after - before for before, after in read)
    visible = list(range(1, len(prompt) + 1))
    for before, after in read:
      visible += range(before + 1, after + 1)
    assert counts.attended[p] == sum(visible)
