"""Tiny models whose behaviour is known, as checkpoint folders.

The policies are Markov chains: the embedding is one-hot, layers add nothing and
the unembedding is a table of log-probabilities. After the prompt they write
steps "Step 3 ки" and, with some probability, "The answer is: 7 ки".
"""

import json
import pathlib

import jax
import jax.numpy as jnp
import numpy as np

from inference_scaling import models
from inference_scaling.training import tokenizer as tokenizer_lib

# Probability of a further step, of the digit 7 as the answer.
POLICIES = {"small": (0.6, 0.3), "large": (0.3, 0.6)}
GOLDS = ("7", "3", "7", "4", "7", "42")


def architecture(tokenizer, size, tied, kv_heads):
  """A decoder of one layer."""
  return models.DecoderConfig(
    vocab_size=len(tokenizer), hidden_size=size, intermediate_size=16,
    num_layers=1, num_heads=2, num_kv_heads=kv_heads, head_dim=8, norm_eps=1e-5,
    rope_theta=10_000.0, max_position_embeddings=256, tie_word_embeddings=tied,
    eos_token_ids=(tokenizer.eos_token_id,),
    bos_token_id=tokenizer.bos_token_id,
  )  # fmt: skip


def transitions(tokenizer, further, seven):
  """Probabilities [next, last] of the Markov chain."""
  size = len(tokenizer)
  table = np.full((size, size), 1e-9)
  ids = tokenizer.get_vocab()
  digits = [ids[f"▁{digit}"] for digit in range(1, 10)]

  def go(last, **following):
    for token, probability in following.items():
      table[ids[token], ids[last]] = probability

  go("\n", **{"Step": further, "▁The": 1 - further})
  go("▁The", **{"▁answer": 1.0})
  go("▁answer", **{"▁is": 1.0})
  go("▁is", **{":": 1.0})
  for digit in digits:
    table[digit, ids["Step"]] = 1 / 9
    table[digit, ids[":"]] = (1 - seven) / 8
    table[ids["▁ки"], digit] = 1.0
  table[ids["▁7"], ids[":"]] = seven
  go("▁ки", **{"\n": 1.0})
  return table


def policy(further, seven, kv_heads=1):
  tokenizer = tokenizer_lib.build_tokenizer()
  size = len(tokenizer)
  config = architecture(tokenizer, size, False, kv_heads)
  model = models.initial_model(config, tokenizer, 0)
  params = jax.tree.map(lambda leaf: leaf, model.params)
  layer = params["layers"][0]
  for linear in (layer["attention"]["output"], layer["mlp"]["down"]):
    linear["weight"] = jnp.zeros_like(linear["weight"])
  params["embedding"] = jnp.eye(size)
  # The norm makes sqrt(D) out of the 1 in a one-hot vector.
  logits = np.log(transitions(tokenizer, further, seven))
  params["unembedding"] = jnp.asarray(logits / np.sqrt(size), jnp.float32)
  return models.Model(model.config, params, tokenizer, model.graph)


def reward(kv_heads=1):
  tokenizer = tokenizer_lib.build_tokenizer()
  config = architecture(tokenizer, 16, True, kv_heads)
  model = models.initial_reward_model(config, tokenizer, 1)
  params = dict(model.params)
  kernel = jax.random.normal(jax.random.key(2), params["score"]["kernel"].shape)
  # Rows after the hidden state's read likelihoods, which are large numbers.
  kernel = kernel.at[16:].mul(0.05)
  params["score"] = {"kernel": kernel, "bias": jnp.zeros(1)}
  params["decoder"] = jax.tree.map(
    lambda leaf: 4 * leaf if leaf.ndim == 2 else leaf, params["decoder"]
  )
  return models.RewardModel(config, params, tokenizer, model.graph)


def write_family(folder: pathlib.Path, kv_heads: int = 1) -> pathlib.Path:
  """Writes small/, large/, reward/ and problems.jsonl into a folder."""
  for name, hyperparameters in POLICIES.items():
    models.save_model(policy(*hyperparameters, kv_heads), folder / name)
  models.save_reward_model(reward(kv_heads), folder / "reward")
  write_problems(folder / "problems.jsonl", range(len(GOLDS)))
  return folder


def write_problems(path, order):
  rows = [
    {
      "id": i,
      "question": f"Anna has {i + 2} apples. How many apples does Anna have"
      + " now?" * (1 + i % 2),
      "gold": GOLDS[i],
      "level": 1 + i,
    }
    for i in order
  ]
  path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def config(folder: pathlib.Path, **changes):
  """Each strategy on one policy: 24 searches, as few programs as can be."""
  return {
    "task": {
      "kind": "jsonl", "path": str(folder / "problems.jsonl"), "limit": 0
    },
    "policies": {name: str(folder / name) for name in POLICIES},
    "reward": {"format": "native", "source": str(folder / "reward")},
    "dtype": "float32",
    "mesh": {"data": 1, "model": 1},
    "prompt": {"kind": "plain"},
    "runs": {
      "greedy": {"strategy": "greedy", "policies": ("small",)},
      "sampling": {
        "strategy": "sampling", "policies": ("large",), "n": (4,), "seeds": (0,)
      },
      "rebase": {
        "strategy": "rebase", "policies": ("small",), "n": (4,),
        "seeds": (0, 1), "temperature": 0.1, "rule": "ceil",
        "duplicates": "keep",
      },
    },
    "sampler": {"temperature": 1.0, "top_k": 0, "top_p": 1.0},
    "format": {"step_end": (" ки",), "answer_markers": ("The answer is",)},
    "limits": {
      "prompt_tokens": 32, "step_tokens": 8, "total_tokens": 32, "max_steps": 4
    },
    "aggregations": ("last", "min", "mean", "product"),
    "batch_size": 8,
    "rows_per_problem": 0,
    "cache": "dense",
    "tree_tokens": 0,
    **changes,
  }  # fmt: skip
