"""The same work by CTranslate2."""

import pathlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from inference_scaling.benchmark import work as work_lib

NAME, PACKAGES = "ctranslate2", ("ctranslate2", "torch", "transformers")
_TYPES = ("float32", "bfloat16", "int8")


def open_engine(
  folder: pathlib.Path, gguf: pathlib.Path | None
) -> Mapping[str, work_lib.Generate]:
  """Converts a model, and loads it in each type that the device computes in.

  Args:
    folder: the model in Hugging Face format; the converted one goes beside it.
    gguf: not read.

  Returns:
    Ways to do the work, by compute type. The prompt is computed once for all
    samples, which is what `num_hypotheses` does.

  Raises:
    ImportError: where a package is missing.
  """
  del gguf
  import ctranslate2  # pyright: ignore[reportMissingImports]  # optional
  import transformers

  transformers.utils.logging.set_verbosity_error()
  converted = folder.parent / f"{folder.name}_ctranslate2"
  if not converted.exists():
    ctranslate2.converters.TransformersConverter(str(folder)).convert(
      str(converted)
    )
  device = "cuda" if ctranslate2.get_cuda_device_count() else "cpu"
  known = ctranslate2.get_supported_compute_types(device)
  tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
  return {
    kind: _sampled(
      ctranslate2.Generator(str(converted), device=device, compute_type=kind),
      tokenizer,
    )
    for kind in _TYPES
    if kind in known
  }


def _sampled(generator: Any, tokenizer: Any) -> work_lib.Generate:
  def generate(
    prompts: list[list[int]], samples: int, new_tokens: int
  ) -> np.ndarray:
    results = generator.generate_batch(
      [tokenizer.convert_ids_to_tokens(prompt) for prompt in prompts],
      max_length=new_tokens,
      min_length=new_tokens,
      num_hypotheses=samples,
      sampling_topk=0,
      sampling_temperature=1.0,
      include_prompt_in_result=False,
    )
    return np.array([result.sequences_ids for result in results])

  return generate
