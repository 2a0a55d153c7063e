"""Attention of new tokens to each row's own past, by a kernel.

A product of XLA reads the whole bucket of every row; a kernel reads, of each
row, the blocks that hold something. Its partial softmax is merged with those of
the prompt, which is one for all beams and read once as it is, and of the tokens
of this call.

On TPU the kernel is of this package: see `kernels/mosaic.py`. On GPU it is that
of jax (`pallas.ops.gpu.decode_attention`): caches as they lie here are what it
takes, where keys and values of a head are one matrix.

Axes: P problems, N beams, K kv heads, G query heads of each, T new tokens, S
entries, H head dim.
"""

import dataclasses
import functools
import math
from collections.abc import Mapping

import jax
import jax.numpy as jnp
from jax.sharding import Mesh, PartitionSpec

from inference_scaling import names
from inference_scaling.models import sharding
from inference_scaling.models.layers import attention
from inference_scaling.models.layers import hardware as hardware_lib

# Seconds of the kernels have not been measured on devices, so that products of
# XLA are the default on all of them.
_DEFAULTS: Mapping[str, str] = {
  "cpu": names.EINSUM, "gpu": names.EINSUM, "tpu": names.EINSUM,
}  # fmt: skip
_TPU_QUERIES = 1024  # of a row and device: as `mosaic.MOST_QUERIES`
_TPU_WIDTH = 128  # elements of a vector register along the last axis
# What a GPU reads at once: most entries, and bytes of their keys; as many of
# values, and the next of both, fit into the 227 KiB of a multiprocessor, too.
_GPU_BLOCK, _GPU_BYTES = 128, 1 << 15
_GPU_ROWS = (16, 64)  # of a product: what Triton needs, and what it can hold


@dataclasses.dataclass(frozen=True)
class DecodeKernel:
  """A kernel, and what it must know of where it runs.

  Attributes:
    platform: "gpu" or "tpu".
    mesh: over which problems and heads are split, which XLA cannot do to a
      kernel by itself; None on one device.
    interpret: whether it is run without such a device, slowly, for tests.
  """

  platform: str
  mesh: Mesh | None = None
  interpret: bool = False

  def serves(
    self,
    queries: jax.Array,
    keys: jax.Array,
    window: int | None,
    slots: jax.Array | None,
    softcap: float | None = None,
  ) -> bool:
    """Says whether the kernel takes a call; products of XLA take the others.

    Args:
      queries: as of `attend`.
      keys: likewise.
      window: of the layer.
      slots: as of `attend`.
      softcap: of the scores, which neither kernel knows.

    Returns:
      False where scores are capped. On TPU, False for float16, which its
      units do not read; for a head dim that does not fill their registers: XLA
      keeps such caches in another order and would copy them, padded to twice
      their size; and for more tokens than it can hold, which share what
      products read. On GPU, False for several tokens in a window, which begins
      elsewhere for each of them; for one problem of several, which would be
      copied; and for a head dim that is no power of 2.
    """
    _, _, K, G, T, H = queries.shape
    if softcap is not None:
      return False
    if self.platform == "tpu":
      parts = 1 if self.mesh is None else self.mesh.shape[sharding.MODEL]
      few = K // parts * G * T <= _TPU_QUERIES
      return few and keys.dtype != jnp.float16 and H % _TPU_WIDTH == 0
    begins_at_once = window is None or T == 1
    return slots is None and begins_at_once and H & (H - 1) == 0

  def attend(
    self,
    queries: jax.Array,
    keys: jax.Array,
    values: jax.Array,
    starts: jax.Array,
    stops: jax.Array,
    *,
    size: int,
    slots: jax.Array | None = None,
  ) -> attention.Partial:
    """Attends to the live entries of each row.

    Args:
      queries: [P, N, K, G, T, H], after rotation.
      keys: [P, N, K, S, H], after rotation; finite, whether live or not.
      values: likewise.
      starts: int32[P, N], where the window of a row's first token begins, and
        one further on for each other token; below 0 without a window.
      stops: int32[P, N], how many entries of each row are live.
      size: the most that may be.
      slots: int32[1], the problem of keys and values, which are of several,
        that queries are of; None where they are of the same P.

    Returns:
      A partial softmax.
    """
    queries = queries.astype(jnp.float32) * queries.shape[-1] ** -0.5
    if self.platform == "tpu":
      run = functools.partial(_attend_tpu, size=size, interpret=self.interpret)
    else:
      run = functools.partial(_attend_gpu, interpret=self.interpret)
    if self.mesh is not None:
      # A problem that is not in a slot yet is on all devices.
      shared = queries.shape[0] % self.mesh.shape[sharding.DATA] > 0
      problems = None if shared else sharding.DATA
      heads = PartitionSpec(problems, None, sharding.MODEL)
      rows, whole = PartitionSpec(problems), PartitionSpec()
      run = jax.shard_map(
        run,
        mesh=self.mesh,
        in_specs=(heads, heads, heads, rows, rows, whole),
        out_specs=heads,
        check_vma=False,  # kernels do not say over what their results vary
      )
    return run(queries, keys, values, starts, stops, slots)


def choose(
  name: str, hardware: hardware_lib.Hardware, mesh: Mesh | None
) -> DecodeKernel | None:
  """Chooses how rows attend to their past.

  Args:
    name: one of `names.ATTENTIONS`.
    hardware: that programs are for.
    mesh: of which they are; None for one device.

  Returns:
    A kernel; None for products of XLA.

  Raises:
    ValueError: for another name, or a kernel on a CPU.
  """
  if name not in names.ATTENTIONS:
    raise ValueError(
      f"attention is {name!r}; expected one of {', '.join(names.ATTENTIONS)}."
    )
  kind = _DEFAULTS[hardware.platform] if name == names.AUTO else name
  if kind == names.EINSUM:
    return None
  if hardware.is_cpu:
    raise ValueError(
      f"config.attention is {name!r}, but the devices are CPUs, which have no "
      f"kernel; expected {names.AUTO!r} or {names.EINSUM!r}."
    )
  return DecodeKernel(hardware.platform, mesh)


def _attend_tpu(
  queries: jax.Array,
  keys: jax.Array,
  values: jax.Array,
  starts: jax.Array,
  stops: jax.Array,
  slots: jax.Array | None,
  *,
  size: int,
  interpret: bool,
) -> attention.Partial:
  # Where it is used: Pallas takes half a second, which a CPU does without.
  from inference_scaling.models.kernels import mosaic

  P, N, K, G, T, H = queries.shape
  if slots is None:
    slots = jnp.arange(P, dtype=jnp.int32)
  sums, peaks, totals = mosaic.attend(
    queries.reshape(P, N, K, G * T, H), keys, values, starts, stops, slots,
    size=size, num_tokens=T, interpret=interpret,
  )  # fmt: skip
  shape = (P, N, K, G, T)
  return attention.Partial(
    sums.reshape(*shape, H), peaks.reshape(shape), totals.reshape(shape)
  )


def _attend_gpu(
  queries: jax.Array,
  keys: jax.Array,
  values: jax.Array,
  starts: jax.Array,
  stops: jax.Array,
  slots: None,
  *,
  interpret: bool,
) -> attention.Partial:
  """Calls the kernel of jax: a program of it for each row and kv head."""
  from jax.experimental.pallas.ops.gpu import decode_attention as gpu

  del slots
  P, N, K, G, T, H = queries.shape
  least, most = _GPU_ROWS
  entries = min(_GPU_BLOCK, _GPU_BYTES // (H * keys.dtype.itemsize))
  run = functools.partial(
    gpu.mqa,
    sm_scale=1.0,
    block_h=min(max(1 << (G * T - 1).bit_length(), least), most),
    block_k=math.gcd(keys.shape[3], entries),
    k_splits=1,  # rows and heads keep a GPU busy
    return_residuals=True,
    normalize_output=False,
    interpret=interpret,
  )
  rows = queries.reshape(P, N, K, G * T, H).astype(keys.dtype)
  sums, (totals, peaks) = jax.vmap(jax.vmap(run))(
    rows, keys, values, jnp.maximum(starts, 0), stops
  )
  shape = (P, N, K, G, T)
  return attention.Partial(
    sums.astype(jnp.float32).reshape(*shape, H),
    peaks.reshape(shape),
    totals.reshape(shape),
  )
