"""Puts parameters on their devices, shard by shard, cast or quantised."""

from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from inference_scaling.models import sources
from inference_scaling.models.checkpoints import finite
from inference_scaling.models.quantisation import formats, rounding

_WHOLE = (slice(None), slice(None))


def cast(
  parameter: np.ndarray,
  dtype: np.dtype,
  target: jax.sharding.Sharding | None,
  own: bool,
  *,
  name: str,
  where: str,
) -> jax.Array:
  """Casts a parameter and copies it to its devices.

  Args:
    parameter: as it is stored.
    dtype: to cast it to.
    target: its sharding; None for one device.
    own: whether nobody else holds its memory, so that JAX may keep it.
    name: of its tensor, for errors.
    where: the folder or file, for errors.

  Returns:
    The parameter.

  Raises:
    ValueError: where it is not finite, as it is stored or once it is cast.
  """

  def part(index: Any) -> np.ndarray:
    stored = parameter[index]
    copied = stored
    if not own or stored.dtype != dtype or not stored.flags.c_contiguous:
      # A copy, since the file may change; JAX keeps it where it is aligned.
      copied = sources.empty(stored.shape, dtype)
      with np.errstate(over="ignore"):  # all_finite below sees it
        copied[...] = stored
    if not finite.all_finite(copied):
      raise finite.error(where, name, stored, dtype)
    return copied

  if target is None:
    return jax.device_put(part(...))  # jnp.asarray would copy twice
  return jax.make_array_from_callback(
    parameter.shape, target, part, dtype=dtype
  )


def quantise(
  parameter: np.ndarray,
  form: formats.Format,
  dtype: np.dtype,
  targets: Sequence[jax.sharding.Sharding | None],
  *,
  name: str,
  where: str,
) -> tuple[jax.Array, jax.Array]:
  """Quantises a parameter and copies it to its devices.

  Args:
    parameter: [out, in], as it is stored.
    form: of the values.
    dtype: of the scales.
    targets: shardings of values and scales; None for one device.
    name: of its tensor, for errors.
    where: the folder or file, for errors.

  Returns:
    Values [out, in] and scales [out].

  Raises:
    ValueError: where it is not finite.
  """
  scales: dict[tuple[int, int, int], np.ndarray] = {}

  def scale_of(rows: slice) -> np.ndarray:
    """Of whole rows, whichever of their columns a device has."""
    key = rows.indices(len(parameter))
    if key not in scales:
      scales[key] = rounding.scales(parameter[rows], form)
      if not np.isfinite(scales[key]).all():
        stored = parameter[rows]
        raise finite.error(where, name, stored, stored.dtype)
    return scales[key]

  def values_part(index: Any) -> np.ndarray:
    stored = parameter[index]
    values = sources.empty(stored.shape, form.dtype)
    rounding.values(stored, scale_of(index[0]), form, values)
    return values

  def scale_part(index: Any) -> np.ndarray:
    return scale_of(index[0]).astype(dtype)

  def put(shape: tuple[int, ...], target: Any, part: Any, dtype: Any) -> Any:
    if target is None:
      return jax.device_put(part(_WHOLE))
    return jax.make_array_from_callback(shape, target, part, dtype=dtype)

  return (
    put(parameter.shape, targets[0], values_part, form.dtype),
    put(parameter.shape[:1], targets[1], scale_part, dtype),
  )
