"""Makes the golden checkpoints, which hold parity where torch is missing.

  python -m tests.models.make_goldens

writes tests/models/goldens/policy and .../reward: tiny random models as saved
by transformers 5.23 (torch 2.13), with `expected.npz`, the tokens put in and
the logits that LlamaForCausalLM gave for them; for the reward model, whose head
is this package's own, the rewards that plain Python computed from those. Run it
again only when the format itself changes: the point of a golden is that it
stays.
"""

import dataclasses
import json
import pathlib

import numpy as np
import safetensors.torch
import torch
from transformers.models.llama import modeling_llama as llama

from tests.models import reference, tiny

FOLDER = pathlib.Path(__file__).parent / "goldens"


def main():
  policy = save(FOLDER / "policy", tiny.WIDE_HEADS, seed=100)
  tokens = tiny.draw_tokens(tiny.WIDE_HEADS, (2, 11), seed=100)
  np.savez_compressed(
    FOLDER / "policy" / "expected.npz",
    tokens=tokens,
    logits=policy(torch.tensor(tokens)).logits.detach().numpy(),
  )
  config = dataclasses.replace(tiny.NO_GROUPS, num_layers=1)
  folder = FOLDER / "reward"
  decoder = save(folder, config, seed=101)
  random = np.random.default_rng(101)
  kernel = random.normal(size=config.hidden_size + 2).astype(np.float32)
  bias = np.ones(1, np.float32)
  tensors = safetensors.torch.load_file(folder / "model.safetensors")
  head = {"score.weight": kernel[None], "score.bias": bias}
  safetensors.torch.save_file(
    tensors | {name: torch.tensor(value) for name, value in head.items()},
    folder / "model.safetensors",
    metadata={"format": "pt"},
  )
  raw = json.loads((folder / "config.json").read_text())
  raw["architectures"] = ["LlamaForStepReward"]
  (folder / "config.json").write_text(json.dumps(raw, indent=2) + "\n")
  tokens = tiny.draw_tokens(config, (2, 11), seed=101)
  rewards = reference.rewards(
    decoder, tokens, tiny.solution(tokens), kernel, float(bias[0])
  )
  np.savez_compressed(
    folder / "expected.npz", tokens=tokens, rewards=np.array(rewards)
  )


def save(folder, config, seed):
  """Saves a random model, and returns what a reader of it will have."""
  model = reference.random_torch_model(llama.LlamaForCausalLM, config, seed)
  # bfloat16 halves the files and is how most checkpoints come.
  model.to(torch.bfloat16).save_pretrained(folder)
  (folder / "generation_config.json").unlink(missing_ok=True)
  tiny.make_tokenizer(config.vocab_size).save_pretrained(folder)
  # Read again: a cast model would keep rotary frequencies cut to bfloat16.
  model = llama.LlamaForCausalLM.from_pretrained(folder, dtype=torch.float32)
  return model.eval().requires_grad_(False)


if __name__ == "__main__":
  main()
