"""The tokenizer of the embedded family: words whole, digits one by one.

A Unigram tokenizer whose pieces are the words of the synthetic problems, the
digits, and every printable ASCII character as a fall-back, so that any English
text can be read. Whole words keep problems near 70 tokens and the embedding
near 300 rows, which is what a policy of 0.1M parameters can afford.
"""

import string
from collections.abc import Sequence

import tokenizers
import transformers
from tokenizers import decoders, models, pre_tokenizers, processors

from inference_scaling.tasks import phrases, synthetic

PAD, BEGIN, END, UNKNOWN = "<pad>", "<s>", "</s>", "<unk>"
SPACE = "▁"  # how Metaspace writes a space
# Log-probabilities: a word must cost less than the letters that spell it.
_WORD_SCORE, _CHARACTER_SCORE = -5.0, -20.0


def build_tokenizer(
  more: Sequence[str] = (),
) -> transformers.PreTrainedTokenizerFast:
  """Builds the tokenizer from the benchmark's words; nothing is random.

  Args:
    more: further words, whose tokens come after all others.

  Returns:
    A fast tokenizer that can be saved with `save_pretrained`.
  """
  specials = [PAD, BEGIN, END, UNKNOWN]
  pieces = [(token, 0.0) for token in specials]
  words = sorted(_words())
  pieces += [(word, _WORD_SCORE) for word in words]
  pieces += [
    (piece, _CHARACTER_SCORE) for piece in _characters() if piece not in words
  ]
  pieces += [(word, _WORD_SCORE) for word in more]
  core = tokenizers.Tokenizer(
    models.Unigram(pieces, unk_id=specials.index(UNKNOWN))
  )
  core.pre_tokenizer = pre_tokenizers.Metaspace(
    replacement=SPACE, prepend_scheme="never"
  )
  core.decoder = decoders.Metaspace(replacement=SPACE, prepend_scheme="never")
  core.post_processor = processors.TemplateProcessing(
    single=f"{BEGIN} $A", special_tokens=[(BEGIN, specials.index(BEGIN))]
  )
  return transformers.PreTrainedTokenizerFast(
    tokenizer_object=core,
    pad_token=PAD,
    bos_token=BEGIN,
    eos_token=END,
    unk_token=UNKNOWN,
    clean_up_tokenization_spaces=False,
  )


def _words() -> set[str]:
  """Collects the pieces of the benchmark's texts, with and without a space."""
  templates = [
    *phrases.STARTS,
    *phrases.DISTRACTORS,
    *phrases.QUESTIONS,
    *(text for texts in phrases.CHANGES.values() for text in texts),
    "The answer is:",
  ]
  words = {
    word.strip(".,?!:")
    for template in templates
    for word in template.split()
    if "{" not in word
  }
  words |= {*phrases.NAMES, *phrases.THINGS, synthetic.STEP_TAG}
  pieces = {SPACE + word for word in words}
  # Words that open a text or a line have no space before them.
  pieces |= {"Step", SPACE + "Step", *phrases.NAMES, "There", "In"}
  pieces |= {SPACE + symbol for symbol in (*synthetic.OPERATION_WEIGHTS, "=")}
  pieces |= {*string.digits, *(SPACE + digit for digit in string.digits)}
  return pieces | {".", ":", "?", ",", "\n"}


def _characters() -> list[str]:
  """Lists the fall-back pieces: printable ASCII, and the space."""
  return [SPACE, *(chr(code) for code in range(33, 127))]
