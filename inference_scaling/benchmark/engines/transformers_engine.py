"""The same work by transformers: `generate` of PyTorch models."""

import pathlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from inference_scaling.benchmark import work as work_lib

NAME, PACKAGES = "transformers", ("transformers", "torch")
_DTYPES = ("float32", "bfloat16")


def open_engine(
  folder: pathlib.Path, gguf: pathlib.Path | None
) -> Mapping[str, work_lib.Generate]:
  """Loads a model in each dtype.

  Args:
    folder: the model in Hugging Face format.
    gguf: not read.

  Returns:
    Ways to do the work, by name: with the prompt computed for each sample, as
    `num_return_sequences` does, and with one that all samples share.

  Raises:
    ImportError: where transformers or PyTorch is missing.
  """
  del gguf
  import torch
  import transformers

  transformers.utils.logging.set_verbosity_error()
  ways = {}
  for dtype in _DTYPES:
    model: Any = transformers.AutoModelForCausalLM.from_pretrained(
      folder, dtype=getattr(torch, dtype)
    )
    model = model.to("cuda" if torch.cuda.is_available() else "cpu").eval()
    # Exactly `max_new_tokens`, drawn from the whole distribution.
    model.generation_config = transformers.GenerationConfig(
      do_sample=True, temperature=1.0, top_k=0, top_p=1.0, pad_token_id=0
    )
    ways[f"{dtype}, num_return_sequences"] = _repeated(model)
    ways[f"{dtype}, shared prompt"] = _shared(model)
  return ways


def _repeated(model: Any) -> work_lib.Generate:
  import torch

  def generate(
    prompts: list[list[int]], samples: int, new_tokens: int
  ) -> np.ndarray:
    with torch.inference_mode():
      tokens = torch.tensor(prompts, device=model.device)
      made = model.generate(
        tokens,
        attention_mask=torch.ones_like(tokens),
        num_return_sequences=samples,
        max_new_tokens=new_tokens,
      )
    return _new(made, prompts, samples)

  return generate


def _shared(model: Any) -> work_lib.Generate:
  import torch
  import transformers

  def generate(
    prompts: list[list[int]], samples: int, new_tokens: int
  ) -> np.ndarray:
    with torch.inference_mode():
      tokens = torch.tensor(prompts, device=model.device)
      cache = transformers.DynamicCache(config=model.config)
      if tokens.shape[1] > 1:  # the last token is left to `generate`
        model(tokens[:, :-1], past_key_values=cache, logits_to_keep=1)
        cache.batch_repeat_interleave(samples)
      tokens = tokens.repeat_interleave(samples, dim=0)
      made = model.generate(
        tokens,
        attention_mask=torch.ones_like(tokens),
        past_key_values=cache,
        max_new_tokens=new_tokens,
      )
    return _new(made, prompts, samples)

  return generate


def _new(made: Any, prompts: list[list[int]], samples: int) -> np.ndarray:
  """Cuts the prompts off."""
  rows = made[:, len(prompts[0]) :].cpu().numpy()
  return rows.reshape(len(prompts), samples, -1)
