"""Tokenizers of checkpoint folders, held against the embedding."""

import pathlib

import transformers

TOKENIZER = "tokenizer.json"
# All that decides how a text becomes tokens, a chat among them.
FILES = (
  TOKENIZER, "tokenizer_config.json", "special_tokens_map.json",
  "chat_template.jinja",
)  # fmt: skip
_SENTENCEPIECE = "tokenizer.model"


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
    # puts its own splitting of words in the place of the file's.
    return transformers.PreTrainedTokenizerFast.from_pretrained(folder)
  except Exception as error:  # the tokenizers package raises bare Exception
    raise ValueError(
      f"{path} cannot be read ({error}); it may be cut. Copy it again."
    ) from error


def check_vocabulary(
  tokenizer: transformers.PreTrainedTokenizerFast, vocab_size: int, where: str
) -> None:
  """Holds a tokenizer against the embedding.

  Added tokens may lie beyond it: CodeLlama 34B and its descendants name four
  for infilling that they have no rows for. No text of a benchmark holds them.

  Args:
    tokenizer: to be checked.
    vocab_size: rows of the embedding; padding beyond the tokens is usual.
    where: the tokenizer's file, for the error.

  Raises:
    ValueError: where there are other tokens beyond the embedding.
  """
  added = tokenizer.added_tokens_decoder
  beyond = [
    index
    for index in tokenizer.get_vocab().values()
    if index >= vocab_size and index not in added
  ]
  if beyond:
    raise ValueError(
      f"{where} has {len(tokenizer)} tokens, the embedding has {vocab_size} "
      "rows; they belong to different models."
    )


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
