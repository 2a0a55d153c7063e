"""Files of a value head: what it was trained on, and its weights."""

import dataclasses
import hashlib
import json
import pathlib
from typing import Any

import numpy as np
import safetensors
import safetensors.numpy
import transformers

from inference_scaling.models import config as config_lib

ARCHITECTURE = "ValueHead"
_WEIGHTS = "model.safetensors"


@dataclasses.dataclass(frozen=True)
class Description:
  """What a value head was trained on.

  Attributes:
    body: source of the policy whose hidden states it reads.
    body_sha256: digest of the policy's files.
    layers: after which it reads them, counted from 1.
    hidden_size: D of the policy.
    width: of the inner layer; 0 for none.
    vocabulary_sha256: digest of the policy's tokens.
  """

  body: str
  body_sha256: str
  layers: tuple[int, ...]
  hidden_size: int
  width: int
  vocabulary_sha256: str

  @property
  def features(self) -> int:
    """F, hidden states of all layers side by side."""
    return len(self.layers) * self.hidden_size

  @property
  def parameters(self) -> int:
    """Number of weights of the head."""
    sizes = self.shapes().values()
    return sum(int(np.prod(shape)) for shape in sizes)

  def shapes(self) -> dict[str, tuple[int, ...]]:
    """Shapes of the head's tensors, by name."""
    inner = {
      "inner_kernel": (self.features, self.width),
      "inner_bias": (self.width,),
    }
    outer = {"kernel": (self.width or self.features,), "bias": ()}
    return (inner if self.width else {}) | outer


def vocabulary_sha256(
  tokenizer: transformers.PreTrainedTokenizerFast,
) -> str:
  """Digest of which text each token is, the same for equal tokenizers."""
  vocabulary = sorted(tokenizer.get_vocab().items(), key=lambda item: item[1])
  return hashlib.sha256(json.dumps(vocabulary).encode()).hexdigest()


def is_value_head(folder: str | pathlib.Path) -> bool:
  """Tells whether a folder holds a value head."""
  path = pathlib.Path(folder) / config_lib.CONFIG
  if not path.is_file():
    return False
  try:
    content = json.loads(path.read_text("utf-8"))
  except ValueError:
    return False
  return isinstance(content, dict) and content.get("architectures") == [
    ARCHITECTURE
  ]


def save(
  folder: str | pathlib.Path,
  description: Description,
  weights: dict[str, np.ndarray],
) -> None:
  """Writes a value head.

  Args:
    folder: created where missing.
    description: what it was trained on.
    weights: float32 arrays, by the names of `Description.shapes`.
  """
  folder = pathlib.Path(folder)
  folder.mkdir(parents=True, exist_ok=True)
  content = {"architectures": [ARCHITECTURE]}
  content |= dataclasses.asdict(description)
  text = json.dumps(content, indent=2)
  (folder / config_lib.CONFIG).write_text(text + "\n", "utf-8")
  arrays = {
    name: np.asarray(weights[name], np.float32, order="C")
    for name in description.shapes()
  }
  safetensors.numpy.save_file(arrays, folder / _WEIGHTS)


def read_description(folder: str | pathlib.Path) -> Description:
  """Reads what a value head was trained on.

  Args:
    folder: of `save`.

  Returns:
    Its description.

  Raises:
    FileNotFoundError: where there is no such folder or file.
    ValueError: where it is no value head, or its description is broken.
  """
  path = pathlib.Path(folder) / config_lib.CONFIG
  if not path.is_file():
    raise FileNotFoundError(
      f"{path} does not exist; expected the folder of a value head, which "
      "launch/train.py --config=configs/train_value.py makes."
    )
  if not is_value_head(folder):
    raise ValueError(
      f"{path} is not that of a value head: its architectures are not "
      f"[{ARCHITECTURE!r}]. Give the folder model/ that launch/train.py made "
      "of configs/train_value.py, or another config.reward.format."
    )
  content = json.loads(path.read_text("utf-8"))
  return _parse(content, path)


def read_weights(
  folder: str | pathlib.Path, description: Description
) -> dict[str, np.ndarray]:
  """Reads the weights of a value head.

  Args:
    folder: of `save`.
    description: of it.

  Returns:
    As `save` takes them.

  Raises:
    FileNotFoundError: where the file is missing.
    ValueError: where it is broken, or its tensors are not those described.
  """
  path = pathlib.Path(folder) / _WEIGHTS
  if not path.is_file():
    raise FileNotFoundError(f"{path} does not exist; it holds the weights.")
  try:
    weights = safetensors.numpy.load_file(path)
  except safetensors.SafetensorError as error:
    raise ValueError(f"{path} cannot be read: {error}.") from error
  shapes = {name: array.shape for name, array in weights.items()}
  if shapes != description.shapes():
    raise ValueError(
      f"{path} holds tensors of shapes {shapes}; expected "
      f"{description.shapes()}, for layers {list(description.layers)} of "
      f"{description.hidden_size} and width {description.width}."
    )
  if not all(np.isfinite(array).all() for array in weights.values()):
    raise ValueError(f"{path} holds weights that are no numbers.")
  return weights


def _parse(content: dict[str, Any], path: pathlib.Path) -> Description:
  """Makes a description of JSON data, or says what is wrong with it."""
  kinds = {
    "body": str, "body_sha256": str, "layers": list, "hidden_size": int,
    "width": int, "vocabulary_sha256": str,
  }  # fmt: skip
  for name, kind in kinds.items():
    value = content.get(name)
    if not isinstance(value, kind):
      raise ValueError(
        f"{path}: {name} is {value!r}; expected {kind.__name__}. The file "
        "is not as it was written."
      )
  layers = content["layers"]
  if not layers or not all(isinstance(number, int) for number in layers):
    raise ValueError(f"{path}: layers is {layers}; expected whole numbers.")
  values = {name: content[name] for name in kinds if name != "layers"}
  return Description(layers=tuple(layers), **values)


def files(folder: str | pathlib.Path) -> list[pathlib.Path]:
  """Lists the files of a value head."""
  return [pathlib.Path(folder) / name for name in (config_lib.CONFIG, _WEIGHTS)]
