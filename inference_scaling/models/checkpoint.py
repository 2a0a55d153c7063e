"""Checkpoint folders in Hugging Face format: config, safetensors, tokenizer."""

import json
import pathlib

import jax
import numpy as np
import safetensors
import safetensors.numpy
import transformers

INDEX = "model.safetensors.index.json"
SINGLE = "model.safetensors"


def read_tensors(folder: str | pathlib.Path) -> dict[str, jax.Array]:
  """Reads all tensors of a folder, from one file or from its shards.

  Args:
    folder: the checkpoint folder.

  Returns:
    Arrays by tensor name, in their stored dtype.

  Raises:
    FileNotFoundError: where a file is missing.
    ValueError: where a file is cut or no safetensors file, or where two files
      hold the same tensor.
  """
  folder = pathlib.Path(folder)
  tensors: dict[str, jax.Array] = {}
  for path in _files(folder):
    if not path.is_file():
      raise FileNotFoundError(
        f"{path} does not exist; the checkpoint in {folder} is incomplete. "
        "Copy the missing file."
      )
    try:
      # The flax framework, since numpy alone has no bfloat16.
      with safetensors.safe_open(path, framework="flax") as file:
        found = {name: file.get_tensor(name) for name in file.keys()}
    except safetensors.SafetensorError as error:
      raise ValueError(
        f"{path} is not a whole safetensors file ({error}); it has "
        f"{path.stat().st_size} bytes and may be cut. Copy it again."
      ) from error
    twice = sorted(set(found) & set(tensors))
    if twice:
      raise ValueError(
        f"{path} holds tensors that an earlier shard holds too: "
        f"{', '.join(twice)}. Remove the files of another model."
      )
    tensors |= found
  return tensors


def read_tokenizer(
  folder: str | pathlib.Path, vocab_size: int
) -> transformers.PreTrainedTokenizerFast:
  """Reads the tokenizer of a folder and holds it against the embedding.

  Args:
    folder: the checkpoint folder.
    vocab_size: rows of the embedding.

  Returns:
    The tokenizer.

  Raises:
    FileNotFoundError: where there is no tokenizer.json.
    ValueError: where the file is broken or has tokens beyond the embedding.
  """
  path = pathlib.Path(folder) / "tokenizer.json"
  if not path.is_file():
    raise FileNotFoundError(
      f"{path} does not exist; a checkpoint folder needs its tokenizer."
    )
  try:
    # Not AutoTokenizer: it takes the class from config.json, and that of Llama
    # puts its own splitting of words in the place of the file's.
    tokenizer = transformers.PreTrainedTokenizerFast.from_pretrained(folder)
  except Exception as error:  # the tokenizers package raises bare Exception
    raise ValueError(
      f"{path} cannot be read ({error}); it may be cut. Copy it again."
    ) from error
  if len(tokenizer) > vocab_size:
    raise ValueError(
      f"{path} has {len(tokenizer)} tokens, the embedding has {vocab_size} "
      "rows; they belong to different models."
    )
  return tokenizer


def write_folder(
  folder: str | pathlib.Path,
  raw_config: dict,
  tensors: dict[str, np.ndarray],
  tokenizer: transformers.PreTrainedTokenizerFast,
) -> None:
  """Writes a checkpoint folder that this package and transformers read.

  Args:
    folder: created where missing; its files are replaced.
    raw_config: contents of config.json.
    tensors: arrays by tensor name.
    tokenizer: saved beside them.
  """
  folder = pathlib.Path(folder)
  folder.mkdir(parents=True, exist_ok=True)
  text = json.dumps(raw_config, indent=2, sort_keys=True)
  (folder / "config.json").write_text(text + "\n", encoding="utf-8")
  safetensors.numpy.save_file(
    tensors, folder / SINGLE, metadata={"format": "pt"}
  )
  tokenizer.save_pretrained(folder)


def _files(folder: pathlib.Path) -> list[pathlib.Path]:
  """Names the safetensors files that a folder should have."""
  if not folder.is_dir():
    raise FileNotFoundError(f"{folder} is no folder; expected a checkpoint.")
  index = folder / INDEX
  if not index.is_file():
    return [folder / SINGLE]
  try:
    shards = json.loads(index.read_text(encoding="utf-8"))["weight_map"]
  except (json.JSONDecodeError, KeyError, TypeError) as error:
    raise ValueError(
      f"{index} is no index of shards ({error!r}); copy it again."
    ) from error
  return [folder / name for name in sorted(set(shards.values()))]
