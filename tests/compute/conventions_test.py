"""FLOPs against plain counts, the paper and XLA."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from inference_scaling import compute, models
from inference_scaling.models.layers import attention
from tests.models import families, tiny

ARCHITECTURES = tiny.ARCHITECTURES | families.READ

LLEMMA_7B = models.DecoderConfig(
  vocab_size=32016, hidden_size=4096, intermediate_size=11008, num_layers=32,
  num_heads=32, num_kv_heads=32, head_dim=128, norm_eps=1e-5,
  rope_theta=10000.0, max_position_embeddings=4096, tie_word_embeddings=False,
  eos_token_ids=(2,), bos_token_id=1,
)  # fmt: skip


def _matrices(config):
  """Sizes (in, out) of the matrices of the layers, one by one."""
  D, F, H = config.hidden_size, config.intermediate_size, config.head_dim
  for _ in range(config.num_layers):
    yield D, config.num_heads * H  # query
    yield D, config.num_kv_heads * H  # key
    yield D, config.num_kv_heads * H  # value
    yield config.num_heads * H, D  # output
    if config.gated_mlp:
      yield D, F  # gate
    yield D, F  # up
    yield F, D  # down


def _count_full(config, contexts, num_unembedded, rows_out):
  """Multiplications and additions, counted product by product.

  Args:
    config: the architecture.
    contexts: for each token computed, the positions it attends to.
    num_unembedded: tokens whose hidden state is mapped to `rows_out`.
    rows_out: V.
  """
  total = 0
  for context in contexts:
    for size_in, size_out in _matrices(config):
      total += 2 * size_in * size_out
    for _ in range(config.num_layers):
      for _ in range(config.num_heads):
        total += 2 * config.head_dim * context  # scores
        total += 2 * config.head_dim * context  # mixing
  return total + num_unembedded * 2 * config.hidden_size * rows_out


def _counts(prefill, decode, attended):
  return compute.Counts(prefill=prefill, decode=decode, attended=attended)


NOTHING = _counts(0, 0, 0)


@pytest.mark.parametrize("name", sorted(ARCHITECTURES))
def test_full_equals_a_plain_count(name):
  # A prompt of 5, two beams of 3 tokens: each token sees prompt and own past.
  config = ARCHITECTURES[name]
  prompt, beams, length = 5, 2, 3
  contexts = [t + 1 for t in range(prompt)]
  contexts += [prompt + t + 1 for t in range(length) for _ in range(beams)]
  counts = _counts(prompt, beams * length, sum(contexts))
  policy, reward = compute.policy_cost(config), compute.reward_cost(config)
  drawn = beams * length
  assert compute.flops(policy, reward, counts, NOTHING, "full") == _count_full(
    config, contexts, drawn, config.vocab_size
  )
  # The reward model also reads logits; its head is one vector, D + 2 long.
  expected = _count_full(config, contexts, drawn, config.vocab_size)
  expected += drawn * 2 * (config.hidden_size + 2)
  assert compute.flops(policy, reward, NOTHING, counts, "full") == expected


def test_conventions_add_up():
  policy = compute.policy_cost(tiny.WIDE_HEADS)
  reward = compute.reward_cost(tiny.NO_GROUPS)
  drawn, scored = _counts(11, 7, 100), _counts(13, 5, 90)
  paper = compute.flops(policy, reward, drawn, scored, "paper")
  assert paper == 2 * policy.parameters * 7
  with_reward = compute.flops(policy, reward, drawn, scored, "with_reward")
  assert with_reward == paper + 2 * reward.parameters * 5
  full = compute.flops(policy, reward, drawn, scored, "full")
  alone = [
    compute.flops(policy, reward, drawn, NOTHING, "full"),
    compute.flops(policy, reward, NOTHING, scored, "full"),
  ]
  assert full == sum(alone)


def test_prompt_is_counted_once_and_only_in_full():
  policy = compute.policy_cost(tiny.WIDE_HEADS)
  reward = compute.reward_cost(tiny.NO_GROUPS)
  drawn, scored = _counts(4, 7, 100), _counts(3, 5, 90)
  arguments = (policy, reward, drawn, scored)
  assert compute.prompt_flops(*arguments, "paper") == 0
  assert compute.prompt_flops(*arguments, "with_reward") == 0
  expected = _count_full(tiny.WIDE_HEADS, [1, 2, 3, 4], 0, 1)
  expected += _count_full(tiny.NO_GROUPS, [1, 2, 3], 0, 1)
  assert compute.prompt_flops(*arguments, "full") == expected


def test_prompt_is_counted_within_the_window():
  config = dataclasses.replace(tiny.WIDE_HEADS, sliding_window=2)
  cost = compute.policy_cost(config)
  arguments = (cost, cost, _counts(4, 7, 100), NOTHING)
  expected = _count_full(config, [1, 2, 2, 2], 0, 1)
  assert compute.prompt_flops(*arguments, "full") == expected


def test_unknown_convention():
  cost = compute.policy_cost(tiny.WIDE_HEADS)
  with pytest.raises(ValueError, match=r"'papers'.*with_reward"):
    compute.flops(cost, cost, NOTHING, NOTHING, "papers")


def test_figure_of_the_paper():
  # Greedy decoding of Llemma 7B on MATH500: 291 tokens, 3.92e12 FLOPs.
  cost = compute.policy_cost(LLEMMA_7B)
  total = compute.flops(cost, cost, _counts(0, 291, 0), NOTHING, "paper")
  assert f"{total:.2e}" == "3.92e+12"


def test_counts_beyond_int32():
  # 64 beams of 1024 tokens on a 34B model: the product leaves int32 far behind.
  cost = compute.policy_cost(LLEMMA_7B)
  counts = _counts(*(jnp.int32(n) for n in (500, 65536, 50_000_000)))
  total = compute.flops(cost, cost, counts, NOTHING, "full")
  plain = _counts(500, 65536, 50_000_000)
  assert total == compute.flops(cost, cost, plain, NOTHING, "full")
  assert total > 2 * 6.5e9 * 65536


@pytest.mark.parametrize("cached", [0, 24])
def test_full_is_near_what_xla_counts(cached):
  # Wider than the other models, so that products outweigh norms and the like.
  config = dataclasses.replace(
    tiny.WIDE_HEADS, hidden_size=96, intermediate_size=160, head_dim=24
  )
  model = tiny.make_model(config, seed=0)
  T, K, H = 4, config.num_kv_heads, config.head_dim

  def run(params, tokens, positions, cache):
    def attend(queries, keys, values):
      segments = (
        attention.Segment(*cache, jnp.ones((1, 1, 1, cached), bool)),
        attention.Segment(keys, values, attention.causal_mask(T)),
      )
      return attention.attend(queries, segments), None

    beside = [attend] * config.num_layers if cached else None
    hidden, _ = model.forward(params, tokens, positions, beside)
    return model.unembed(params, hidden)

  cache = jnp.zeros((1, 1, K, H, cached)), jnp.zeros((1, 1, K, cached, H))
  rows = np.zeros((1, 1, T), np.int32)
  lowered = jax.jit(run).lower(model.params, rows, rows, cache)
  measured = lowered.cost_analysis()["flops"]
  # The products are whole squares: masked positions are computed too.
  expected = _count_full(config, [cached + T] * T, T, config.vocab_size)
  assert expected <= measured <= 1.2 * expected
