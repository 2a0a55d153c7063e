"""Modules whose weights are quantised: the same, with scales beside weights.

Linear layers, embedding and unembedding are quantised: nearly all bytes of a
token. Norms, biases and the heads of reward models stay as they are.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from inference_scaling.models.checkpoints import layout
from inference_scaling.models.layers import decoder, weights
from inference_scaling.models.quantisation import formats

_SCALES = {
  "weight": "scale",
  "embedding": "embedding_scale",
  "unembedding": "unembedding_scale",
}


def shapes(
  make: Callable[[], nnx.Module], dtype: str | None
) -> tuple[Any, layout.Parameters]:
  """Traces a module whose weights may be quantised.

  Args:
    make: makes it with weights in float32: a decoder, or what has one.
    dtype: one of `names.DTYPES`; None for what is stored.

  Returns:
    Its structure, and a nested dict of `jax.ShapeDtypeStruct`: of the format's
    dtype where weights are quantised, otherwise float32.
  """
  graph, state = nnx.split(
    nnx.eval_shape(lambda: _quantise(make(), formats.format_of(dtype)))
  )
  return graph, nnx.to_pure_dict(state)


def scale_path(path: layout.Path) -> layout.Path | None:
  """Says where the scale of a weight is.

  Args:
    path: of a parameter.

  Returns:
    The path of its scale, which a model has only if it is quantised; None for
    what is never quantised.
  """
  scale = _SCALES.get(str(path[-1]))
  return None if scale is None else (*path[:-1], scale)


def without_scales(params: layout.Parameters) -> layout.Parameters:
  """Leaves the parameters that a checkpoint has.

  Args:
    params: nested dict of the parameters of a model, quantised or not.

  Returns:
    The same without the scales of weights.
  """
  scales = {scale for name, scale in _SCALES.items() if name in params}
  return {
    name: without_scales(value) if isinstance(value, dict) else value
    for name, value in params.items()
    if name not in scales
  }


def refuse(params: layout.Parameters, action: str) -> None:
  """Refuses what cannot be done with quantised weights.

  Args:
    params: nested dict of the parameters of a model.
    action: what is to be done, such as "saved".

  Raises:
    ValueError: where a weight is quantised.
  """
  for leaf in jax.tree.leaves(params):
    if leaf.dtype in formats.STORED:
      raise ValueError(
        f"the model has weights of {leaf.dtype}, which cannot be {action}; "
        "load it in float32, bfloat16 or float16."
      )


def _quantise(module: nnx.Module, form: formats.Format | None) -> nnx.Module:
  """Gives a module weights of a format, and scales for them."""
  if form is None:
    return module
  for _, part in nnx.iter_modules(module):
    if not isinstance(part, (decoder.Decoder, weights.Linear)):
      continue
    for name, scale in _SCALES.items():
      weight = getattr(part, name, None)
      if weight is not None:
        setattr(part, name, nnx.Param(jnp.zeros(weight.shape, form.dtype)))
        ones = nnx.Param(jnp.ones(weight.shape[:1]))
        setattr(part, scale, nnx.data(ones))  # it was None, which is static
  return module
