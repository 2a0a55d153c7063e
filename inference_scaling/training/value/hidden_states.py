"""Hidden states of a frozen policy over its drawn solutions, kept in a folder.

They are computed once, problem by problem, and one file holds those of one
problem: a kill loses the problem at hand. A head then trains in minutes.

Axis letters: N solutions of a problem, T tokens, S tokens of a prompt, F
features, D of each layer that is read.
"""

import dataclasses
import functools
import hashlib
import json
import math
import pathlib
import zipfile
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from absl import logging

from inference_scaling import decoding, models
from inference_scaling.decoding import limits
from inference_scaling.decoding.kv_cache import (
  beam_index,
  prompts,
  stored_rows,
  working_rows,
)
from inference_scaling.models.layers import attention
from inference_scaling.models.layers import decoder as decoder_lib
from inference_scaling.models.quantisation import modules
from inference_scaling.training.value import solutions as solutions_lib

# Lengths are rounded up to multiples of it: each is a program of its own.
_BUCKET = 64
_HEADER = "states.json"
_DELETE = "Delete it to compute it anew."
_DELETE_ALL = "Delete this folder to compute all of them anew."


@dataclasses.dataclass(frozen=True)
class States:
  """What is known of the solutions of one problem.

  Attributes:
    hidden: float16[M, F], of all their tokens, one solution after another.
    likely: float32[M], log-probability of each token under the policy.
    lengths: int[N], tokens of each solution.
  """

  hidden: np.ndarray
  likely: np.ndarray
  lengths: np.ndarray


def check(
  folder: pathlib.Path,
  made_of: dict[str, Any],
  problems: Sequence[solutions_lib.Problem],
) -> None:
  """Checks that what the folder holds is of the same making.

  Args:
    folder: of hidden states; it need not be there.
    made_of: JSON data that decides what they are: policy, layers, prompt.
    problems: with their solutions.

  Raises:
    ValueError: where the folder holds those of another policy, of other layers,
      prompts, questions or solutions, and names them, or a broken file.
  """
  path = folder / _HEADER
  if not path.is_file():
    if any(folder.glob("*.npz")):
      raise ValueError(
        f"{folder} holds hidden states, but no {_HEADER}, which says what they "
        f"are of. {_DELETE_ALL}"
      )
    return
  try:
    old = json.loads(path.read_text("utf-8"))
  except ValueError as error:
    raise ValueError(f"{path} is no JSON: {error}. {_DELETE_ALL}") from error
  if not isinstance(old, dict):
    raise ValueError(f"{path} holds {old!r}; expected a group. {_DELETE_ALL}")
  different = [key for key in made_of if old.get(key) != made_of[key]]
  if different:
    changes = "; ".join(
      f"{key} was {old.get(key)!r} and is {made_of[key]!r}" for key in different
    )
    raise ValueError(
      f"{folder} holds hidden states of another making: {changes}. Give "
      f"another --workdir. {_DELETE_ALL}"
    )
  for problem in problems:
    if _path(folder, problem).is_file():
      _read(folder, problem, ())


def begin(folder: pathlib.Path, made_of: dict[str, Any]) -> None:
  """Makes the folder of what `check` has passed.

  Args:
    folder: of hidden states.
    made_of: as of `check`.
  """
  path = folder / _HEADER
  if path.is_file():
    return
  folder.mkdir(parents=True, exist_ok=True)
  partial = path.with_suffix(".part")  # a kill leaves no half of it
  partial.write_text(json.dumps(made_of, indent=2) + "\n", "utf-8")
  partial.replace(path)


def compute(
  model: models.Model,
  layers: tuple[int, ...],
  problems: Sequence[solutions_lib.Problem],
  folder: pathlib.Path,
  dtype: str,
) -> None:
  """Computes what is not yet in the folder.

  Args:
    model: the policy.
    layers: that are read, counted from 1.
    problems: with their solutions.
    folder: as of `begin`; gets a file for each problem.
    dtype: that the policy was loaded in, one of `names.DTYPES`.
  """
  missing = [p for p in problems if not _path(folder, p).is_file()]
  if not missing:
    return
  # Of all problems: what is missing after a kill is computed as before.
  prefix = decoding.common_prefix([problem.prompt for problem in problems])
  read = _make_reader(model, layers, dtype, prefix)
  longest = max(len(problem.prompt) for problem in problems) - len(prefix)
  longest = _round_up(longest)
  logging.info("Computing hidden states of %d problems.", len(missing))
  for number, problem in enumerate(missing, start=1):
    hidden, likely = read(problem, longest)
    lengths = [len(solution.tokens) for solution in problem.solutions]
    arrays = {
      "hidden": np.concatenate(
        [row[:n] for row, n in zip(hidden, lengths, strict=True)]
      ),
      "likely": np.concatenate(
        [row[:n] for row, n in zip(likely, lengths, strict=True)]
      ),
      "lengths": np.array(lengths, np.int32),
      "sha256": np.array(_sha256(problem)),
    }
    path = _path(folder, problem)
    partial = path.with_suffix(".part")
    with partial.open("wb") as file:
      np.savez(file, **arrays)
    partial.replace(path)
    if number % 20 == 0:
      logging.info("%d of %d problems.", number, len(missing))


def load(folder: pathlib.Path, problem: solutions_lib.Problem) -> States:
  """Reads the states of one problem.

  Args:
    folder: as of `compute`.
    problem: with its solutions.

  Returns:
    Their states.

  Raises:
    ValueError: where they are of another text than this, or cannot be read.
  """
  return States(*_read(folder, problem, ("hidden", "likely", "lengths")))


def _read(
  folder: pathlib.Path, problem: solutions_lib.Problem, names: Sequence[str]
) -> list[np.ndarray]:
  """Reads arrays of one problem, after a look at what they are of."""
  path = _path(folder, problem)
  try:
    # Opened here: NumPy leaves a broken file open.
    with path.open("rb") as opened, np.load(opened) as file:
      made_of, arrays = str(file["sha256"]), [file[name] for name in names]
  except (ValueError, KeyError, EOFError, OSError, zipfile.BadZipFile) as error:
    raise ValueError(
      f"{path} holds no hidden states: {error}. {_DELETE}"
    ) from error
  if made_of != _sha256(problem):
    raise ValueError(
      f"{path} holds hidden states of another question or of other solutions "
      f"than those drawn. {_DELETE}"
    )
  return arrays


def _sha256(problem: solutions_lib.Problem) -> str:
  """A digest of the tokens that a policy reads."""
  texts = [problem.prompt, *(s.tokens for s in problem.solutions)]
  return hashlib.sha256(json.dumps(texts).encode()).hexdigest()


def _make_reader(
  model: models.Model,
  layers: tuple[int, ...],
  dtype: str,
  prefix: tuple[int, ...],
) -> Callable[[solutions_lib.Problem, int], tuple[np.ndarray, np.ndarray]]:
  """Makes a function of a problem that gives [N, T, F] and [N, T].

  It is also given the longest rest of a prompt behind the prefix.
  """
  one_key: Any = decoder_lib.OneKey()  # shapes need no others
  read_after = tuple(sorted({*layers, model.config.num_layers}))
  graph, _ = modules.shapes(
    lambda: decoder_lib.Decoder(model.config, one_key, read_after=read_after),
    dtype,
  )
  reading = dataclasses.replace(model, graph=graph)
  prefill = jax.jit(functools.partial(_prefill, reading), static_argnums=3)
  encode = jax.jit(
    functools.partial(_encode, reading, model.config.num_layers in layers)
  )

  weights = model.params
  if prefix:
    run = jax.jit(functools.partial(prompts.prefix, reading))
    layers_kept = run(weights, jnp.asarray(prefix, jnp.int32))
    weights = prompts.Prefixed(weights, layers_kept)

  def read(
    problem: solutions_lib.Problem, longest: int
  ) -> tuple[np.ndarray, np.ndarray]:
    rest = problem.prompt[len(prefix) :]
    prompt = np.zeros((1, _round_up(len(rest))), np.int32)
    prompt[0, : len(rest)] = rest
    length = jnp.int32(len(problem.prompt))
    # All of one size: one program.
    last, kept = prefill(
      weights, prompt, jnp.full(1, len(rest), jnp.int32), longest
    )
    count = len(problem.solutions)
    size = _round_up(max(len(s.tokens) for s in problem.solutions))
    tokens = np.zeros((1, count, size), np.int32)
    for row, solution in enumerate(problem.solutions):
      tokens[0, row, : len(solution.tokens)] = solution.tokens
    hidden, likely = encode(model.params, tokens, length, last, kept)
    return np.asarray(hidden), np.asarray(likely)

  return read


def _prefill(
  model: models.Model,
  weights: Any,
  prompt: jax.Array,
  lengths: jax.Array,
  size: int,
) -> tuple[jax.Array, list[Any]]:
  """Hidden state [D] at the end of a prompt, and its keys and values.

  Keys are [.., H, S] and values [.., S, H], those of the prefix first.
  """
  rest = limits.Prompts(prompt, lengths)
  hidden, kept = prompts.compute(model, weights, rest, size)
  keys_axis = attention.keys_axis(model.hardware)
  _, prefix = prompts.split(weights)
  if prefix:
    kept = working_rows.map_arrays(
      lambda new, axis, old: jnp.concatenate([old, new], axis=axis),
      keys_axis, kept, prefix,
    )  # fmt: skip
  if keys_axis != attention.KEYS_AXIS:
    kept = [(keys.swapaxes(-1, -2), values) for keys, values in kept]
  D = model.config.hidden_size
  return hidden[0, lengths[0] - 1, -D:], list(kept)


def _encode(
  model: models.Model,
  last_is_read: bool,
  params: Any,
  tokens: jax.Array,
  length: jax.Array,
  last: jax.Array,
  kept: list[Any],
) -> tuple[jax.Array, jax.Array]:
  """Hidden states float16[N, T, F] of solutions, and log-probabilities."""
  T, D = tokens.shape[-1], model.config.hidden_size
  positions = jnp.broadcast_to(length + jnp.arange(T), tokens.shape)

  def make(index: int) -> Callable:
    keys, values = kept[index]
    window = model.config.window(index)
    seen = jnp.arange(keys.shape[-1])[None, :]
    mask = seen < length
    if window is not None:
      mask &= seen > length + jnp.arange(T)[:, None] - window
    mask = jnp.broadcast_to(mask, (T, keys.shape[-1]))[None, None]
    own = attention.within_window(attention.causal_mask(T), window)

    def attend(
      queries: jax.Array, new_keys: jax.Array, new_values: jax.Array
    ) -> tuple[jax.Array, None]:
      segments = (
        attention.Segment(keys, values, mask),
        attention.Segment(new_keys, new_values, own),
      )
      softcap = model.config.attention_softcap
      return attention.attend(queries, segments, softcap=softcap), None

    return attend

  if stored_rows.serves(model.config, model.hardware, (T,)):
    # One softmax by machine code: by XLA it took as long as all products.
    attends = _stored(kept, tokens.shape[1], T, length).attention(
      model.config, T
    )
  else:
    attends = [make(index) for index in range(model.config.num_layers)]
  hidden, _ = model.forward(params, tokens, positions, attends)
  hidden, tokens = hidden[0], tokens[0]
  before = jnp.concatenate(
    [jnp.broadcast_to(last, (len(hidden), 1, D)), hidden[:, :-1, -D:]], axis=1
  )

  def row(pair: tuple[jax.Array, jax.Array]) -> jax.Array:
    # One solution at a time: logits of all would be gigabytes.
    states, ids = pair
    logits = model.unembed(params, states)
    chosen = jnp.take_along_axis(logits, ids[:, None], axis=-1)[:, 0]
    return chosen - jax.nn.logsumexp(logits, axis=-1)

  likely = jax.lax.map(row, (before, tokens))
  read = hidden if last_is_read else hidden[..., :-D]
  return read.astype(jnp.float16), likely


def _stored(
  kept: list[Any], num_rows: int, size: int, length: jax.Array
) -> stored_rows.StoredRows:
  """Rows without text of their own, behind a prompt."""

  def empty(array: jax.Array, axis: int) -> jax.Array:
    shape = [1, num_rows, *array.shape[2:]]
    shape[axis] = size
    return jnp.zeros(shape, array.dtype)

  prompt = stored_rows.as_prompts(tuple(kept), 1)
  return stored_rows.StoredRows(
    prompt=prompt,
    prompt_lengths=length[None],
    own=working_rows.map_arrays(empty, attention.KEYS_AXIS, prompt),
    lengths=jnp.zeros((1, num_rows), jnp.int32),
    beam_index=beam_index.ALL,
  )


def _round_up(length: int) -> int:
  return math.ceil(length / _BUCKET) * _BUCKET


def _path(folder: pathlib.Path, problem: solutions_lib.Problem) -> pathlib.Path:
  return folder / f"{problem.id:06d}.npz"
