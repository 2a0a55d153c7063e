"""Tokenizers of checkpoint folders, held against the embedding."""

import json
import pathlib
from typing import Any

import transformers
from absl import logging

TOKENIZER = "tokenizer.json"
SETTINGS = "tokenizer_config.json"
# All that decides how a text becomes tokens, a chat among them.
FILES = (
  TOKENIZER, SETTINGS, "special_tokens_map.json",
  "chat_template.jinja",
)  # fmt: skip
_SENTENCEPIECE = "tokenizer.model"
# Whatever the file says of them: a text is what its tokens say, spaces before
# commas too, and what a template writes as a control token is one.
_FLAGS: dict[str, Any] = {
  "clean_up_tokenization_spaces": False,
  "split_special_tokens": False,
}


def read_tokenizer(
  folder: str | pathlib.Path,
) -> transformers.PreTrainedTokenizerFast:
  """Reads the tokenizer of a folder, with its chat template if it has one.

  Args:
    folder: the checkpoint folder.

  Returns:
    The tokenizer.

  Raises:
    FileNotFoundError: where there is no tokenizer.json.
    ValueError: where the file is broken.
  """
  path = pathlib.Path(folder) / TOKENIZER
  if not path.is_file():
    raise FileNotFoundError(_how_to_get(path))
  try:
    # Not AutoTokenizer: it takes the class from config.json, and that of Llama
    # splits words in its own way, not the file's.
    tokenizer = transformers.PreTrainedTokenizerFast.from_pretrained(
      folder, **_FLAGS
    )
  except Exception as error:  # the tokenizers package raises bare Exception
    raise ValueError(
      f"{path} cannot be read, or a file of the tokenizer beside it ({error}); "
      "it may be cut. Copy it again."
    ) from error
  _check_begin(tokenizer, path.with_name(SETTINGS))
  return tokenizer


def check_vocabulary(
  tokenizer: transformers.PreTrainedTokenizerFast, vocab_size: int, where: str
) -> None:
  """Holds a tokenizer against the embedding.

  Added tokens may lie beyond it: CodeLlama 34B and its descendants name four
  for infilling that they have no rows for. No text of a benchmark holds them.

  Args:
    tokenizer: to be checked.
    vocab_size: rows of the embedding, which may be padded.
    where: the tokenizer's file, for the error.

  Raises:
    ValueError: where there are other tokens beyond the embedding.
  """
  added = tokenizer.added_tokens_decoder
  if any(
    index >= vocab_size and index not in added
    for index in tokenizer.get_vocab().values()
  ):
    raise ValueError(
      f"{where} has {len(tokenizer)} tokens, the embedding has {vocab_size} "
      "rows; they belong to different models."
    )


def _check_begin(
  tokenizer: transformers.PreTrainedTokenizerFast, path: pathlib.Path
) -> None:
  """Warns where a text gets no beginning, though add_bos_token asks for it.

  Versions of transformers disagree whether that key or tokenizer.json decides.
  """
  if not path.is_file():
    return
  wanted = json.loads(path.read_text(encoding="utf-8")).get("add_bos_token")
  begin = tokenizer.bos_token_id
  if wanted is not True or begin in tokenizer("a")["input_ids"][:1]:
    return
  logging.warning(
    "%s: add_bos_token is true, but the post_processor of %s puts no bos_token "
    "(%r) before a text: prompts of kind 'plain' and 'few_shot' begin without "
    "it. If the model was trained with it, results are WRONG: add it to the "
    "post_processor.", path, TOKENIZER, tokenizer.bos_token,
  )  # fmt: skip


def _how_to_get(path: pathlib.Path) -> str:
  """Says how to come by a tokenizer.json."""
  folder = path.parent
  if not (folder / _SENTENCEPIECE).is_file():
    return (
      f"{path} does not exist; a checkpoint folder needs its tokenizer. Copy "
      "the file from where the model was published."
    )
  return (
    f"{path} does not exist, only {_SENTENCEPIECE}, which is another format. "
    "Where transformers and sentencepiece are installed, convert it: python "
    '-c "import transformers; transformers.AutoTokenizer.from_pretrained('
    f"'{folder}').save_pretrained('{folder}')\"."
  )
