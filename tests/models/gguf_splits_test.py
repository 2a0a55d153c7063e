"""Tokenizers of GGUF files against those of transformers, restated.

Regular expressions are those of the published tokenizer.json; where
transformers builds a tokenizer itself, it is that.
"""

import json

import pytest
import tokenizers
import transformers
from tokenizers import Regex, decoders, pre_tokenizers, trainers

from inference_scaling.models import sources
from inference_scaling.models.sources.gguf.text import byte_level
from tests.models import tokenizers_of

convert = pytest.importorskip("transformers.convert_slow_tokenizer")

KEY = "tokenizer.ggml."
NORMAL, CONTROL, USER_DEFINED, BYTE = 1, 3, 4, 6
TEXTS = (
  "It's Natalia'S camelCase HTTPServer, don't  you THINK'LL?\r\n\r\n  x\n",
  "12345678 clips + 3.14159 = 2/3 // and/or ... ???\n\n\n   end   ",
  "cafe\u0301 e\u0300\u0301 Äpfel ÉCOLE naïve 東京2024年 ки\t\tжил १२३",
  "Step 1: Natalia sold 48 / 2 = 24 clips in May. ки\nThe answer is: 72",
  " ", "", "\n", "a b", "'s", "x\u00a0y \u2003z",
)  # fmt: skip
_CONTRACTIONS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
_TAIL = r"|\s*[\r\n]+|\s+(?!\S)|\s+"
_LLAMA3 = (
  _CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
  r"| ?[^\s\p{L}\p{N}]+[\r\n]*" + _TAIL
)
_TEKKEN = (
  r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+"
  r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*"
  r"|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*" + _TAIL
)
_GPT4O = (
  r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+"
  + _CONTRACTIONS
  + r"?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+"
  r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]*" + _CONTRACTIONS
  + r"?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*" + _TAIL
)  # fmt: skip


def _split(pattern):
  return [
    pre_tokenizers.Split(Regex(pattern), "isolated"),
    pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
  ]


_OWN_REGEX = pre_tokenizers.ByteLevel(add_prefix_space=False)
# How published tokenizers split, and whether they look whole words up.
PUBLISHED = {
  "dbrx": (_split(_LLAMA3), False),
  "gpt-2": ([_OWN_REGEX], False),
  "gpt-4o": (_split(_GPT4O), False),
  "llama-bpe": (_split(_LLAMA3), True),
  "olmo": ([_OWN_REGEX], False),
  "smollm": ([pre_tokenizers.Digits(True), _OWN_REGEX], False),
  "tekken": (_split(_TEKKEN), True),
}  # fmt: skip


def _train(core):
  core.train_from_iterator(
    [*tokenizers_of.CORPUS, *TEXTS] * 3,
    trainers.BpeTrainer(
      vocab_size=420, show_progress=False, special_tokens=["<s>", "</s>"],
      initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    ),
  )  # fmt: skip
  return json.loads(core.to_str())["model"]


def _published(name):
  """A tokenizer that splits as the published ones, trained on little."""
  steps, whole_words = PUBLISHED[name]
  core = tokenizers.Tokenizer(tokenizers.models.BPE())
  core.pre_tokenizer = pre_tokenizers.Sequence(steps)
  core.decoder = decoders.ByteLevel()
  learnt = _train(core)
  # A word that no merge makes: it shows whether words are looked up whole.
  vocabulary = learnt["vocab"] | {"THINK": len(learnt["vocab"])}
  merges = [tuple(pair) for pair in learnt["merges"]]
  core.model = tokenizers.models.BPE(
    vocabulary, merges, ignore_merges=whole_words
  )
  return core, vocabulary, merges


def _metadata(name, vocabulary, merges):
  tokens = sorted(vocabulary, key=vocabulary.get)
  marks = [CONTROL if token in ("<s>", "</s>") else NORMAL for token in tokens]
  return {
    f"{KEY}model": "gpt2", f"{KEY}pre": name, f"{KEY}tokens": tokens,
    f"{KEY}token_type": marks, f"{KEY}add_bos_token": False,
    f"{KEY}merges": [" ".join(pair) for pair in merges],
  }  # fmt: skip


@pytest.mark.parametrize("name", PUBLISHED)
def test_byte_level_tokenizers_are_the_published_ones(name):
  core, vocabulary, merges = _published(name)
  rebuilt = sources.gguf_tokenizer(_metadata(name, vocabulary, merges), "here")
  for text in TEXTS:
    ids = rebuilt(text)["input_ids"]
    assert ids == core.encode(text, add_special_tokens=False).ids, text
    assert rebuilt.decode(ids) == text


def test_qwen2_is_that_of_transformers():
  _, vocabulary, merges = _published("llama-bpe")
  original = transformers.Qwen2Tokenizer(
    vocab=vocabulary, merges=merges, unk_token="<s>", eos_token="</s>",
    pad_token="</s>",
  )  # fmt: skip
  metadata = _metadata("qwen2", vocabulary, merges)
  rebuilt = sources.gguf_tokenizer(metadata, "here")
  for text in TEXTS:
    assert rebuilt(text)["input_ids"] == original(text)["input_ids"], text


def test_splits_differ():
  """On these texts, so that one in the place of another would be noticed."""
  _, vocabulary, merges = _published("gpt-2")
  names = ("gpt-2", "llama-bpe", "qwen2", "smollm", "tekken", "gpt-4o")
  cores = {
    name: sources.gguf_tokenizer(
      _metadata(name, vocabulary, merges), "here"
    ).backend_tokenizer
    for name in (*names, "dbrx")
  }
  cut = {
    name: tuple(
      tuple(word for word, _ in core.pre_tokenizer.pre_tokenize_str(text))
      for text in TEXTS
    )
    for name, core in cores.items()
  }
  assert len({cut[name] for name in names}) == len(names)
  assert cut["dbrx"] == cut["llama-bpe"]
  whole = [cores[name].encode("THINK").ids for name in ("dbrx", "llama-bpe")]
  assert [len(ids) == 1 for ids in whole] == [False, True]
  begin = {name for name, split in byte_level.SPLITS.items() if split.begins}
  assert begin == {"llama-bpe", "llama-v3", "llama3", "tekken"}


def _pieces(marks, user_defined=()):
  """Tokens, scores and types as sentencepiece has them."""
  learnt = tokenizers_of.sentence_piece().backend_tokenizer
  model = json.loads(learnt.to_str())["model"]
  known = sorted(model["vocab"], key=model["vocab"].get)
  pieces = [t for t in known if not t.startswith("<")]
  hexes = [f"<0x{i:02X}>" for i in range(256)]
  tokens = [*marks, *user_defined, *hexes, *pieces]
  # Longer pieces come later, as merges that were learnt later do.
  rank = {left + right: i for i, (left, right) in enumerate(model["merges"])}
  scores = {token: -float(rank.get(token, 10_000)) for token in pieces}
  types = [CONTROL] * len(marks) + [USER_DEFINED] * len(user_defined)
  types += [BYTE] * 256 + [NORMAL] * len(pieces)
  return tokens, [scores.get(token, 0.0) for token in tokens], types


def _spm(tokens, scores, types, **more):
  return {
    f"{KEY}model": "llama", f"{KEY}tokens": tokens, f"{KEY}scores": scores,
    f"{KEY}token_type": types, f"{KEY}bos_token_id": tokens.index("<s>"),
    f"{KEY}unknown_token_id": tokens.index("<unk>"),
    **{KEY + key: value for key, value in more.items()},
  }  # fmt: skip


def _merges(tokens, scores, types):
  """As transformers makes them of the scores."""
  vocabulary = {token: index for index, token in enumerate(tokens)}
  skipped = [t for t, k in zip(tokens, types, strict=True) if k != NORMAL]
  by_token = dict(zip(tokens, scores, strict=True))
  return vocabulary, convert.generate_merges(vocabulary, by_token, skipped)


CHAT = "<s>[INST] Natalia sold  48 clips [/INST] The answer is: 72</s>"


def test_mistral_is_that_of_transformers():
  """From v0.3 on: a space before the text alone, not after every mark."""
  parts = _pieces(["<unk>", "<s>", "</s>", "[INST]", "[/INST]"])
  vocabulary, merges = _merges(*parts)
  original = transformers.LlamaTokenizer(
    vocab=vocabulary, merges=merges, legacy=False, add_bos_token=True,
    additional_special_tokens=["[INST]", "[/INST]"],
  )  # fmt: skip
  rebuilt = sources.gguf_tokenizer(_spm(*parts), "here")
  for text in (*TEXTS[:4], CHAT, CHAT[3:], "[INST]Natalia"):
    expected = original.backend_tokenizer.encode(text, add_special_tokens=False)
    actual = rebuilt(text, add_special_tokens=False)["input_ids"]
    assert actual == expected.ids, text
  assert rebuilt("May")["input_ids"][0] == vocabulary["<s>"]


def test_gemma_is_that_of_transformers():
  """Without a space before a text; line breaks are tokens of their own."""
  marks = ["<unk>", "<s>", "</s>", "<start_of_turn>", "<end_of_turn>"]
  parts = _pieces(marks, user_defined=["\n", "\n\n", "<table>"])
  vocabulary, merges = _merges(*parts)
  original = transformers.GemmaTokenizer(
    vocab=vocabulary, merges=merges, bos_token="<s>", eos_token="</s>",
    pad_token="</s>", mask_token="<unk>",
    additional_special_tokens=["<start_of_turn>", "<end_of_turn>"],
  )  # fmt: skip
  original.add_tokens(
    [tokenizers.AddedToken(t, normalized=False) for t in ("\n", "\n\n",
                                                          "<table>")]
  )  # fmt: skip
  metadata = _spm(*parts, add_space_prefix=False, add_bos_token=True)
  rebuilt = sources.gguf_tokenizer(metadata, "here")
  chat = "<start_of_turn>user\nsold  48<end_of_turn>\n\n<table>May"
  for text in (*TEXTS[:4], chat, "a\n\n\nb"):
    expected = original.backend_tokenizer.encode(text, add_special_tokens=False)
    actual = rebuilt(text, add_special_tokens=False)["input_ids"]
    assert actual == expected.ids, text
    assert rebuilt.decode(actual) == text


def _tokens(tokenizer, text):
  ids = tokenizer(text, add_special_tokens=False)["input_ids"]
  return tokenizer.convert_ids_to_tokens(ids)


def test_marks_of_phi3_take_the_line_break_after_them_along():
  marks = ["<unk>", "<s>", "</s>", "<|endoftext|>", "<|user|>", "<|end|>"]
  parts = _pieces(marks)
  metadata = _spm(*parts) | {"general.architecture": "phi3"}
  rebuilt = sources.gguf_tokenizer(metadata, "here")
  text = "<|user|>\nMay<|end|>\n<|user|>  May<|endoftext|>\n"
  tokens = _tokens(rebuilt, text)
  plain = _tokens(rebuilt, "May")
  end = ["<|endoftext|>", "▁", "<0x0A>"]
  expected = ["<|user|>", *plain, "<|end|>", "<|user|>", *plain, *end]
  assert tokens == expected
  other = metadata | {"general.architecture": "llama"}
  assert _tokens(sources.gguf_tokenizer(other, "here"), text) != expected
