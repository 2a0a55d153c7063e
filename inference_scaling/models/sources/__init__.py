"""Where tensors come from: one class for each kind of checkpoint.

All offer the tensors of a Hugging Face checkpoint, whatever their files hold,
one at a time and without a copy where the file can be mapped into memory.
"""

import pathlib

from inference_scaling.models.sources import safetensors_folder, torch_folder
from inference_scaling.models.sources.base import TensorSource, empty
from inference_scaling.models.sources.gguf.blocks import (
  READERS,
  dequantise,
)
from inference_scaling.models.sources.gguf.config import to_hf as gguf_to_hf
from inference_scaling.models.sources.gguf.file import GgufFile
from inference_scaling.models.sources.gguf.parts import read_header
from inference_scaling.models.sources.gguf.text.tokenizer import (
  build as gguf_tokenizer,
)
from inference_scaling.models.sources.hub import (
  download,
  download_config,
  download_file,
)
from inference_scaling.models.sources.hub import is_file_name as is_hub_file
from inference_scaling.models.sources.hub import is_name as is_hub_name
from inference_scaling.models.sources.orbax_folder import (
  OrbaxFolder,
  check_complete,
  entries_of,
  is_orbax_folder,
)
from inference_scaling.models.sources.random_weights import RandomWeights
from inference_scaling.models.sources.safetensors_folder import (
  SafetensorsFolder,
)
from inference_scaling.models.sources.torch_folder import TorchFolder


def open_folder(folder: pathlib.Path) -> SafetensorsFolder | TorchFolder:
  """Opens the tensors of a folder in Hugging Face format.

  Args:
    folder: the folder.

  Returns:
    Its safetensors; only where there are none, its pickles.

  Raises:
    FileNotFoundError: where a file is missing.
    ValueError: where a file is broken.
  """
  kinds = {SafetensorsFolder: safetensors_folder, TorchFolder: torch_folder}
  for kind, module in kinds.items():
    if (folder / module.SINGLE).exists() or (folder / module.INDEX).exists():
      return kind(folder)
  return SafetensorsFolder(folder)  # says what is missing


QUANTISED = tuple(READERS)

__all__ = [
  "QUANTISED",
  "GgufFile",
  "OrbaxFolder",
  "RandomWeights",
  "SafetensorsFolder",
  "TensorSource",
  "TorchFolder",
  "check_complete",
  "dequantise",
  "download",
  "download_config",
  "download_file",
  "empty",
  "entries_of",
  "gguf_to_hf",
  "gguf_tokenizer",
  "is_hub_file",
  "is_hub_name",
  "is_orbax_folder",
  "open_folder",
  "read_header",
]
