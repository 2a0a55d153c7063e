"""Prints the program that writes tokens; of the one device that there is.

Run in a process of its own, since the number of devices is fixed once JAX runs.
"""

import dataclasses

import jax
import jax.numpy as jnp

from inference_scaling import decoding
from tests.decoding import tiny
from tests.models import tiny as tiny_models

P, N = 2, 4
# Even the smallest matrix, of keys, is larger than any activation.
VOCABULARY, WIDTH, WIDE, KV_HEADS, HEAD = 320, 128, 192, 2, 40
LIMITS = decoding.Limits(prompt_tokens=32, step_tokens=16, total_tokens=64)


def config():
  return tiny.config(
    vocab_size=VOCABULARY, hidden_size=WIDTH, intermediate_size=WIDE,
    num_heads=4, num_kv_heads=KV_HEADS, head_dim=HEAD,
  )  # fmt: skip


def program() -> str:
  """The compiled text of `ModelPolicy.write` in bfloat16."""
  model = tiny_models.make_model(config(), seed=0)
  params = jax.tree.map(lambda x: jnp.asarray(x, jnp.bfloat16), model.params)
  model = dataclasses.replace(
    model, params=params, tokenizer=tiny.letter_tokenizer()
  )
  policy = decoding.ModelPolicy(model, tiny.FORMAT, LIMITS, N)
  params = decoding.PolicyParams(params, jnp.float32(1.0))
  prompts = decoding.Prompts(
    jnp.zeros((P, LIMITS.prompt_buffer), jnp.int32), jnp.full(P, 5)
  )

  def write(params, keys, state):
    return policy.write(params, keys, state, lambda live: jnp.zeros((), bool))

  keys = jax.random.split(jax.random.key(0), (P, N))
  state = jax.eval_shape(policy.start, params, prompts)
  lowered = jax.jit(write, donate_argnums=2).lower(params, keys, state)
  return lowered.compile().as_text()


if __name__ == "__main__":
  assert jax.device_count() == 1, jax.devices()
  print(program())
