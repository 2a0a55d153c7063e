"""Bytes that rows' attention to their past moves: by products, by a kernel.

  python -m tests.models.kernels.traffic v6e:2x4 h200

compiles one layer's attention of a token (the rows' own past, and an append
buffer) for devices that need not be there, and counts its bytes in a device's
main memory from the text. The text cannot know which blocks a kernel fetches:
for TPU its index maps are run for lengths, and for GPU each row's are counted.
"""

import dataclasses
import functools
import sys

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import NamedSharding, PartitionSpec

from inference_scaling.models import sharding
from inference_scaling.models.kernels import mosaic
from inference_scaling.models.layers import attention, decode_attention
from inference_scaling.models.layers import hardware as hardware_lib
from inference_scaling.plan import compiled as compiled_lib
from inference_scaling.plan import targets
from inference_scaling.plan.hlo import traffic

FRESH = 64  # tokens of the append buffer
_GPU_BLOCK = 128


@dataclasses.dataclass(frozen=True)
class Shape:
  """Of keys and values: Llemma-7B's, 64 beams of four problems.

  Attributes:
    P: problems.
    N: beams.
    K: kv heads.
    G: query heads of each.
    T: tokens at hand.
    S: entries.
    H: head dim.
  """

  P: int = 4
  N: int = 64
  K: int = 32
  G: int = 1
  T: int = 1
  S: int = 1024
  H: int = 128


def compile_layer(
  kind: str, mesh: jax.sharding.Mesh, shape: Shape
) -> compiled_lib.Compiled:
  """Compiles attention to the past and to fresh tokens.

  Args:
    kind: one of `names.ATTENTIONS`.
    mesh: of devices that may be known to a compiler only.
    shape: of what is attended to.

  Returns:
    The program.
  """
  alone = mesh.devices.size == 1
  kernel = decode_attention.choose(
    kind, hardware_lib.of_mesh(mesh), None if alone else mesh
  )

  def attend(queries, keys, values, new, starts, stops):
    fresh = attention.Segment(
      *new, jnp.ones((1, 1, 1, FRESH), bool), attention.VALUES_AXIS
    )
    if kernel is not None:
      size = keys.shape[3]
      partial = kernel.attend(queries, keys, values, starts, stops, size=size)
      return attention.attend(queries, (fresh,), (partial,))
    live = jnp.arange(keys.shape[3])[None, None, None] < stops[..., None, None]
    own = attention.Segment(keys, values, live, attention.VALUES_AXIS)
    return attention.attend(queries, (own, fresh))

  def array(dims, dtype=jnp.bfloat16):
    spec = (sharding.DATA, None, sharding.MODEL)[: len(dims)]
    place = NamedSharding(mesh, PartitionSpec(*spec))
    return jax.ShapeDtypeStruct(dims, dtype, sharding=place)

  P, N, K, G, T, S, H = dataclasses.astuple(shape)
  cached, new = array((P, N, K, S, H)), array((P, N, K, FRESH, H))
  lengths = array((P, N), jnp.int32)
  lowered = jax.jit(attend).lower(
    array((P, N, K, G, T, H), jnp.float32), cached, cached, (new, new),
    lengths, lengths,
  )  # fmt: skip
  return compiled_lib.compile_program(kind, lowered)


def fetched(
  starts: np.ndarray, stops: np.ndarray, block: tuple[int, int], size: int
) -> int:
  """Entries that the kernel for TPU fetches: Pallas leaves out repetitions.

  Args:
    starts: int32[P, N], where windows begin.
    stops: int32[P, N], live entries.
    block: rows and entries of a step.
    size: entries of a row.

  Returns:
    The sum over rows.
  """
  (rows, entries), (P, N), total = block, stops.shape, 0
  slots, flat = np.arange(P), (starts.reshape(-1), stops.reshape(-1))
  for row in range(rows):
    index, before = mosaic.index_map(row, rows, N, entries), None
    for step in np.ndindex(P, N // rows, size // entries):
      now = tuple(int(part) for part in index(*step, slots, *flat))
      total += entries * (now != before)
      before = now
  return total


def layer_bytes(
  kind: str, mesh: jax.sharding.Mesh, shape: Shape, stops: np.ndarray
) -> int:
  """Counts the bytes of a layer on each device.

  Args:
    kind: as of `compile_layer`.
    mesh: likewise.
    shape: likewise.
    stops: int32[P, N], live entries.

  Returns:
    Bytes read and written.
  """
  done = compile_layer(kind, mesh, shape)
  counted = traffic.hbm_bytes(done.module, done.module.entry)
  if kind == "einsum":
    return counted
  entry = 4 * shape.H * shape.K // mesh.shape[sharding.MODEL]
  rows = shape.N * shape.P // mesh.shape[sharding.DATA]
  if hardware_lib.of_mesh(mesh).platform == "gpu":
    live = int((-(-stops // _GPU_BLOCK) * _GPU_BLOCK).sum())
  else:
    block = mosaic.block_shape(
      shape.N, shape.K // mesh.shape[sharding.MODEL], shape.G * shape.T,
      shape.S, shape.H, jnp.bfloat16,
    )  # fmt: skip
    live = fetched(np.full_like(stops, -1), stops, block, shape.S)
  live //= mesh.shape[sharding.DATA]
  return counted - entry * (rows * shape.S - live)


def main(names: list[str]) -> None:
  shape = Shape()
  random = np.random.default_rng(0)
  stops = random.integers(1, 600, (shape.P, shape.N)).astype(np.int32)
  print(f"{stops.size} rows of {stops.mean():.0f} live entries of {shape.S}")
  for name in names:
    target = targets.parse(name)
    mesh = sharding.make_mesh(
      1, target.num_devices, devices=targets.devices(target)
    )
    count = functools.partial(layer_bytes, mesh=mesh, shape=shape, stops=stops)
    einsum, kernel = count("einsum"), count("kernel")
    live = int(stops.sum()) * 4 * shape.H * shape.K // target.num_devices
    print(
      f"{name}: einsum {einsum / 1e6:.1f} MB, kernel {kernel / 1e6:.1f} MB, "
      f"live keys and values {live / 1e6:.1f} MB"
    )


if __name__ == "__main__":
  main(sys.argv[1:])
