import numpy as np
import pytest
import tokenizers
import transformers
from tokenizers import decoders, pre_tokenizers, trainers

from inference_scaling.decoding.tokens import automaton

TEXT = (
  "Step 1: 2 + 3 = 5 ки\nStep 2: 5 * 2 = 10 ки\n\nThe answer is: 10 ки\n"
  "Так и киви, кикик. <tag>Step The answer isis: é \n\n\n"
)
PATTERNS = (
  " ки",
  "The answer is",
  "\n\n",
  "кик",
  "Step 2",
  "<tag>",
  "и",
  "sis",
)


def _byte_level():
  core = tokenizers.Tokenizer(tokenizers.models.BPE())
  core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
  core.decoder = decoders.ByteLevel()
  trainer = trainers.BpeTrainer(
    vocab_size=330, show_progress=False,
    initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
  )  # fmt: skip
  core.train_from_iterator([TEXT] * 3, trainer)
  return core


def _pieces():
  words = ["▁к", "и", "ки", "▁The", "▁answer", "▁is", "is", "▁", "\n", "\n\n"]
  letters = sorted(set(TEXT) - {" ", "\n", "и"})
  return [("<unk>", 0.0)] + [(piece, -2.0) for piece in words + letters]


def _metaspace():
  core = tokenizers.Tokenizer(tokenizers.models.Unigram(_pieces(), unk_id=0))
  core.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="never")
  core.decoder = decoders.Metaspace(prepend_scheme="never")
  return core


def _byte_fallback():
  """Without letters beyond ASCII: those are spelled in bytes."""
  pieces = [piece for piece in _pieces() if piece[0].replace("▁", "").isascii()]
  pieces += [(f"<0x{byte:02X}>", -9.0) for byte in range(256)]
  core = tokenizers.Tokenizer(
    tokenizers.models.Unigram(pieces, unk_id=0, byte_fallback=True)
  )
  core.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="never")
  core.decoder = decoders.Sequence(
    [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
  )
  return core


BUILDERS = {
  "byte_level": _byte_level,
  "metaspace": _metaspace,
  "byte_fallback": _byte_fallback,
}


def _wrap(core):
  tokenizer = transformers.PreTrainedTokenizerFast(
    tokenizer_object=core, clean_up_tokenization_spaces=False
  )
  tokenizer.add_special_tokens({"eos_token": "</s>"})
  tokenizer.add_tokens(["<tag>"])
  return tokenizer


def _occurrences(text, pattern):
  return sum(text.startswith(pattern, i) for i in range(len(text)))


def _text(kind, tokenizer, tokens):
  """The text of tokens, where bytes that make no character are marked."""
  if kind != "byte_fallback":
    return tokenizer.decode(tokens, skip_special_tokens=True)
  # Its decoder gives up a whole run of bytes for one that does not fit.
  text = b""
  for token in tokenizer.convert_ids_to_tokens(tokens):
    if token.startswith("<0x"):
      text += bytes.fromhex(token[3:5])
    elif token != tokenizer.eos_token:
      text += token.replace("▁", " ").encode()
  return text.decode(errors="replace")


def _oracle(kind, tokenizer, tokens):
  """For each token the patterns of which its text completes one more."""
  seen = [0] * len(PATTERNS)
  hits = []
  for end in range(1, len(tokens) + 1):
    text = _text(kind, tokenizer, tokens[:end])
    now = [_occurrences(text, pattern) for pattern in PATTERNS]
    hits.append([a > b for a, b in zip(now, seen, strict=True)])
    seen = now
  return hits


def _run(table, tokens):
  state, hits = 0, []
  for token in tokens:
    bits = int(table.hits[state, token])
    hits.append([bool(bits >> i & 1) for i in range(len(PATTERNS))])
    state = int(table.next[state, token])
  return hits


@pytest.mark.parametrize("kind", BUILDERS)
def test_agrees_with_searching_the_decoded_text(kind):
  tokenizer = _wrap(BUILDERS[kind]())
  size = len(tokenizer) + 3
  table = automaton.build_automaton(tokenizer, size, PATTERNS)
  table = automaton.Automaton(np.array(table.next), np.array(table.hits))
  random = np.random.default_rng(0)
  texts = [TEXT, " к" + "и" * 3, "The answer iss is\n\n \n\n ки"]
  sequences = [tokenizer(text).input_ids for text in texts]
  usual = np.array(sequences[0])
  # Tokens in any order; and pieces of the text, where delimiters are whole.
  sequences += [random.choice(usual, 30).tolist() for _ in range(15)]
  sequences += [
    random.integers(0, len(tokenizer), 20).tolist() for _ in range(10)
  ]
  first = tokenizer("T").input_ids
  found = np.zeros(len(PATTERNS), bool)
  for tokens in sequences:
    # The first token is plain, since decoders treat a leading space apart.
    tokens = first + [t for t in tokens if t not in (tokenizer.unk_token_id, 0)]
    hits = _run(table, tokens)
    assert hits == _oracle(kind, tokenizer, tokens), tokenizer.decode(tokens)
    found |= np.any(hits, axis=0)
  assert found.all()


def test_ids_without_a_token_and_special_tokens_change_nothing():
  tokenizer = _wrap(_byte_level())
  size = len(tokenizer) + 3
  table = automaton.build_automaton(tokenizer, size, PATTERNS)
  for token in (tokenizer.eos_token_id, size - 1):
    np.testing.assert_array_equal(
      table.next[:, token], np.arange(table.next.shape[0])
    )
    assert not np.any(table.hits[:, token])


def test_rejects_what_it_cannot_do():
  tokenizer = _wrap(_metaspace())
  for patterns in ((), ("a", ""), tuple("a" * i for i in range(1, 40))):
    with pytest.raises(ValueError, match="expected 1 to 31 strings"):
      automaton.build_automaton(tokenizer, len(tokenizer), patterns)
  core = tokenizers.Tokenizer(tokenizers.models.WordPiece({"a": 0, "[UNK]": 1}))
  core.decoder = decoders.WordPiece()
  with pytest.raises(ValueError, match=r"WordPiece.*expected ByteLevel"):
    automaton.build_automaton(_wrap(core), 3, ("a",))
