"""The same work by llama.cpp, all samples of all problems in one batch."""

import ctypes
import os
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from inference_scaling.benchmark import work as work_lib

NAME, PACKAGES = "llama.cpp", ("llama_cpp",)


def open_engine(
  folder: pathlib.Path, gguf: pathlib.Path | None
) -> Mapping[str, work_lib.Generate]:
  """Loads a GGUF file.

  Args:
    folder: not read.
    gguf: the model's file; None where it has none.

  Returns:
    The way to do the work, by the name of the file's quantisation; none where
    there is no file.

  Raises:
    ImportError: where llama-cpp-python is missing.
  """
  del folder
  import llama_cpp  # pyright: ignore[reportMissingImports]  # optional

  if gguf is None:
    return {}
  quiet = llama_cpp.llama_log_callback(lambda level, text, data: None)
  llama_cpp.llama_log_set(quiet, ctypes.c_void_p(0))
  llama_cpp.llama_backend_init()
  parameters = llama_cpp.llama_model_default_params()
  parameters.n_gpu_layers = 999
  model = llama_cpp.llama_model_load_from_file(str(gguf).encode(), parameters)
  return {gguf.stem.rpartition(".")[2]: _Sampler(llama_cpp, model, quiet)}


class _Sampler:
  """Draws texts by the low-level interface, which alone shares prompts.

  A prompt is computed once, in the cache of its first sample, and copied to
  those of the others; then each batch holds one token of every text. Tokens are
  drawn by numpy from the logits of all texts: llama.cpp's own sampler, called
  text by text, takes longer.
  """

  def __init__(self, library: Any, model: Any, quiet: Any):
    self._library, self._model, self._quiet = library, model, quiet
    self._contexts: dict[tuple[int, int, int], Any] = {}
    vocabulary = library.llama_model_get_vocab(model)
    self._size = library.llama_vocab_n_tokens(vocabulary)
    self._random = np.random.default_rng(0)

  def __call__(
    self, prompts: list[list[int]], samples: int, new_tokens: int
  ) -> np.ndarray:
    library = self._library
    rows, length = len(prompts) * samples, len(prompts[0])
    context = self._context(rows, length, new_tokens)
    memory = library.llama_get_memory(context)
    library.llama_memory_clear(memory, True)
    batch = library.llama_batch_init(max(rows, length), 0, 1)
    drawn = np.zeros((rows, new_tokens), np.int32)
    for first, prompt in zip(range(0, rows, samples), prompts, strict=True):
      positions = [(t, first, t == length - 1) for t in range(length)]
      self._decode(context, batch, prompt, positions)
      for row in range(first + 1, first + samples):
        library.llama_memory_seq_cp(memory, first, row, -1, -1)
      drawn[first : first + samples, 0] = self._draw(context, 1, samples)
    for t in range(1, new_tokens):
      positions = [(length + t - 1, row, True) for row in range(rows)]
      self._decode(context, batch, drawn[:, t - 1], positions)
      drawn[:, t] = self._draw(context, rows, 1)[:, 0]
    library.llama_batch_free(batch)
    return drawn.reshape(len(prompts), samples, new_tokens)

  def _context(self, rows: int, length: int, new_tokens: int) -> Any:
    """Makes a context for some texts; the one before is freed."""
    library, shape = self._library, (rows, length, new_tokens)
    if shape not in self._contexts:
      for context in self._contexts.values():
        library.llama_free(context)
      parameters = library.llama_context_default_params()
      # A cache of its own for each text, in units of 256 tokens.
      parameters.n_ctx = rows * -(-(length + new_tokens) // 256) * 256
      parameters.n_batch = parameters.n_ubatch = max(rows, length)
      parameters.n_seq_max = parameters.n_outputs_max = rows
      parameters.n_threads = parameters.n_threads_batch = os.cpu_count()
      parameters.flash_attn_type = library.LLAMA_FLASH_ATTN_TYPE_ENABLED
      context = library.llama_init_from_model(self._model, parameters)
      if not context:
        raise ValueError(
          f"llama.cpp makes no context for {rows} texts of "
          f"{length + new_tokens} tokens."
        )
      self._contexts = {shape: context}
    return self._contexts[shape]

  def _decode(
    self,
    context: Any,
    batch: Any,
    tokens: Sequence[int] | np.ndarray,
    positions: Sequence[tuple[int, int, bool]],
  ) -> None:
    """Computes tokens, each with its position, text and whether to draw."""
    batch.n_tokens = len(positions)
    for i, (token, (position, row, draws)) in enumerate(
      zip(tokens, positions, strict=True)
    ):
      batch.token[i] = int(token)
      batch.pos[i] = position
      batch.n_seq_id[i] = 1
      batch.seq_id[i][0] = row
      batch.logits[i] = draws
    status = self._library.llama_decode(context, batch)
    if status:
      raise ValueError(f"llama.cpp cannot compute a batch: status {status}.")

  def _draw(self, context: Any, rows: int, samples: int) -> np.ndarray:
    """Draws int32[rows, samples] from the logits of the last batch."""
    pointer = self._library.llama_get_logits(context)
    logits = np.ctypeslib.as_array(pointer, (rows * self._size,))
    logits = logits.reshape(rows, self._size)
    weights = np.exp(logits - logits.max(axis=1, keepdims=True))
    sums = weights.cumsum(axis=1)
    uniform = self._random.random((rows, samples), np.float32)
    drawn = [
      np.searchsorted(row, u * row[-1], side="right")
      for row, u in zip(sums, uniform, strict=True)
    ]
    return np.minimum(drawn, self._size - 1)
