r"""Converts a checkpoint to a sharded Orbax folder, or to Hugging Face format.

  python launch/convert.py --source=EleutherAI/llemma_7b --to=llemma_7b.orbax \
--format=orbax --mesh=2,4
  python launch/convert.py --source=llemma_7b.orbax --to=llemma_7b --format=hf

The source is a folder in Hugging Face format (safetensors or .bin files), a
GGUF file, a folder that this program has made, embedded/NAME, or a name on the
Hugging Face hub. Weights keep their dtype, bit by bit, unless --dtype asks for
another; quantised ones become float32. An Orbax folder can be given wherever a
checkpoint is asked for, and is read on any mesh, each process reading its own
part.
"""

import jax
from absl import app, flags

from inference_scaling import launching, models
from inference_scaling.models.checkpoints import conversion

_SOURCE = flags.DEFINE_string(
  "source", None,
  "The checkpoint to convert: a folder, a GGUF file, embedded/NAME, or "
  "ORG/NAME on the Hugging Face hub.",
)  # fmt: skip
_TO = flags.DEFINE_string("to", None, "The folder to write, new or empty.")
_FORMAT = flags.DEFINE_enum(
  "format", None, ["orbax", "hf"],
  "What to write: a sharded Orbax folder, or Hugging Face format.",
)  # fmt: skip
_DTYPE = flags.DEFINE_enum(
  "dtype", "stored", ["stored", *models.DTYPES],
  "Dtype of the weights that are written; 'stored' keeps that of the source.",
)  # fmt: skip
_MESH = flags.DEFINE_string(
  "mesh", "",
  "Devices over which --format=orbax splits the weights, as DATA,MODEL, such "
  "as 1,8; '' for one device.",
)  # fmt: skip


def main(argv: list[str]) -> None:
  if len(argv) > 1:
    raise app.UsageError(f"unknown arguments: {argv[1:]}.")
  source, folder = _SOURCE.value, _TO.value
  assert source and folder  # they are required
  dtype = None if _DTYPE.value == "stored" else _DTYPE.value
  if _FORMAT.value == "orbax":
    conversion.convert_to_orbax(source, folder, dtype=dtype, mesh=_mesh())
  else:
    if _MESH.value:
      raise ValueError("--mesh is for --format=orbax; files of hf are whole.")
    conversion.convert_to_hf(source, folder, dtype=dtype)
  print(f"Wrote {folder}.")


def _mesh() -> jax.sharding.Mesh | None:
  if not _MESH.value:
    return None
  return models.make_mesh(*launching.parse_mesh(_MESH.value))


if __name__ == "__main__":
  launching.require("source", "to", "format")
  launching.run(main)
