"""The same work by OpenVINO GenAI, by its continuous batching."""

import itertools
import os
import pathlib
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from inference_scaling.benchmark import work as work_lib

NAME = "openvino"
# nncf, which quantises, comes with `optimum-intel[openvino]` alone.
PACKAGES = ("openvino_genai", "optimum", "nncf", "torch", "transformers")
# What is set of a precision. With weights of int8, all else is as OpenVINO
# chooses: on CPUs a cache of uint8 and activations that are quantised, too.
_SET = {
  "float32": {"INFERENCE_PRECISION_HINT": "f32", "KV_CACHE_PRECISION": "f32"},
  "bfloat16": {"INFERENCE_PRECISION_HINT": "bf16"},
  "int8": {},
}
# Of keys and values, in GB; pages that are not written take no memory.
_CACHE_SIZE = 2
# Tokens and texts of one call of the model: the most that are asked for.
_TOKENS, _TEXTS = 2048, 1024


def open_engine(
  folder: pathlib.Path, gguf: pathlib.Path | None
) -> Mapping[str, work_lib.Generate]:
  """Converts a model, and loads it in each precision that the CPU computes in.

  Args:
    folder: the model in Hugging Face format; converted ones go beside it.
    gguf: not read.

  Returns:
    Ways to do the work, by precision. The prompt is computed once for all
    samples, which is what `num_return_sequences` does here; the prefix cache is
    off, or the prompts of a second call would cost nothing.

  Raises:
    ImportError: where a package is missing.
  """
  del gguf
  import openvino  # pyright: ignore[reportMissingImports]  # optional

  known = openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
  return {
    precision: _sampled(Pipeline(folder, precision))
    for precision in _SET
    if precision != "bfloat16" or "BF16" in known
  }


class Pipeline:
  """A model that continues and scores texts of any lengths, all in one batch.

  A text is drawn from the whole distribution at temperature 1; no token ends
  it.
  """

  def __init__(
    self, folder: pathlib.Path, precision: str, prefix_cache: bool = False
  ):
    """Converts a model where it is not yet, and loads it.

    Args:
      folder: the model in Hugging Face format; the converted one goes beside.
      precision: "float32", "bfloat16" or "int8".
      prefix_cache: whether keys and values of texts are kept after a call, for
        texts that begin alike.

    Raises:
      ImportError: where a package is missing.
      ValueError: where optimum-cli fails.
    """
    import openvino  # pyright: ignore[reportMissingImports]  # optional
    import openvino_genai  # pyright: ignore[reportMissingImports]  # optional

    self._tensor, self._config = (
      openvino.Tensor,
      openvino_genai.GenerationConfig,
    )
    self._seeds = itertools.count()
    scheduler = openvino_genai.SchedulerConfig()
    scheduler.cache_size = _CACHE_SIZE
    scheduler.max_num_batched_tokens = _TOKENS
    scheduler.max_num_seqs = _TEXTS
    scheduler.enable_prefix_caching = prefix_cache
    self._pipeline = openvino_genai.ContinuousBatchingPipeline(
      _convert(folder, precision == "int8"), scheduler, "CPU", _SET[precision]
    )

  def draw(
    self, texts: Sequence[Sequence[int]], counts: Sequence[int], new_tokens: int
  ) -> list[np.ndarray]:
    """Continues each text in several ways.

    Args:
      texts: token ids.
      counts: continuations of each text, at least one.
      new_tokens: of each continuation.

    Returns:
      int[count, new_tokens] of each text: the new tokens.
    """
    configs = [
      self._options(new_tokens, do_sample=True, num_return_sequences=int(count))
      for count in counts
    ]
    return [
      np.array(result.m_generation_ids)
      for result in self._generate(texts, configs)
    ]

  def score(self, texts: Sequence[Sequence[int]]) -> np.ndarray:
    """Reads the log-probability of the likeliest token after each text.

    Args:
      texts: token ids.

    Returns:
      float[texts], at most 0.
    """
    configs = [self._options(1, logprobs=1) for _ in texts]
    results = self._generate(texts, configs)
    return np.array([result.m_scores[0] for result in results])

  def _options(self, new_tokens: int, **others: Any) -> Any:
    """Its defaults are temperature 1 and the whole distribution."""
    return self._config(
      max_new_tokens=new_tokens, ignore_eos=True, rng_seed=next(self._seeds),
      **others,
    )  # fmt: skip

  def _generate(
    self, texts: Sequence[Sequence[int]], configs: Sequence[Any]
  ) -> Sequence[Any]:
    tensors = [self._tensor(np.array([text], np.int64)) for text in texts]
    return self._pipeline.generate(tensors, configs)


def _sampled(pipeline: Pipeline) -> work_lib.Generate:
  def generate(
    prompts: list[list[int]], samples: int, new_tokens: int
  ) -> np.ndarray:
    counts = [samples] * len(prompts)
    return np.array(pipeline.draw(prompts, counts, new_tokens))

  return generate


def _convert(folder: pathlib.Path, quantised: bool) -> pathlib.Path:
  """Runs `optimum-cli export openvino`, for weights of int8 or float32."""
  kind = "int8" if quantised else "fp32"
  converted = folder.parent / f"{folder.name}_openvino_{kind}"
  if converted.exists():
    return converted
  # A process of its own: it may fork, which JAX's threads do not allow.
  command = [
    sys.executable, "-m", "optimum.commands.optimum_cli", "export", "openvino",
    f"--model={folder}", "--task=text-generation-with-past",
    f"--weight-format={kind}", "--disable-convert-tokenizer", str(converted),
  ]  # fmt: skip
  # As in continuous integration, where it sends no statistics to its makers.
  environment = os.environ | {"CI": "true"}
  done = subprocess.run(
    command, capture_output=True, text=True, env=environment
  )
  if done.returncode:
    last = (done.stderr.strip().splitlines() or ["no message"])[-1]
    raise ValueError(
      f"optimum-cli cannot convert {folder} for OpenVINO: {last} Use "
      "--rivals to choose other engines."
    )
  return converted
