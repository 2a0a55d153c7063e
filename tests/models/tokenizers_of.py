"""Small tokenizers of the two kinds that published checkpoints have."""

import copy
import functools
import json

import tokenizers
import transformers
from tokenizers import (
  Regex,
  decoders,
  normalizers,
  pre_tokenizers,
  processors,
  trainers,
)

# Enough to learn merges from; no line break, which SentencePiece keeps apart.
CORPUS = (
  "Step 1: Natalia sold 48 / 2 = 24 clips in May. ки",
  "Step 2: Altogether Natalia sold 48 + 24 = 72 clips. ки",
  "The answer is: 72 ки",
  "What is the sum of the numbers? It is 5 - 3 + 10 = 12, so the answer + - is",
  "Please reason step by step, and put your final answer within boxed.",
) * 3
# Of Llama 3 and, but for the digits, of Qwen2.
SPLIT = (
  r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}"
  r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
QWEN_TEMPLATE = (
  "{% if messages[0].role != 'system' %}<|im_start|>system\nYou are a helpful "
  "assistant.<|im_end|>\n{% endif %}{% for m in messages %}<|im_start|>"
  "{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
  "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
LLAMA_TEMPLATE = (
  "{{ bos_token }}<|start_header_id|>system<|end_header_id|>\n\nCutting "
  "Knowledge Date: December 2023\n\n<|eot_id|>{% for m in messages %}"
  "<|start_header_id|>{{ m.role }}<|end_header_id|>\n\n"
  "{{ m.content | trim }}<|eot_id|>{% endfor %}"
)

MISTRAL_TEMPLATE = (
  "{{ bos_token }}{% for m in messages %}{% if m.role == 'user' %}"
  "[INST] {{ m.content }} [/INST]{% else %} {{ m.content | trim }}"
  "{{ eos_token }}{% endif %}{% endfor %}"
)


@functools.cache
def sentence_piece(
  tag: bool = True, prefix: bool = True
) -> transformers.PreTrainedTokenizerFast:
  """As of Llama 2 and Mistral: byte fallback, and a space before the text.

  Args:
    tag: whether the tag of steps is one token.
    prefix: whether a space is put before each text.

  Returns:
    The tokenizer, which puts <s> before a text.
  """
  trained = tokenizers.Tokenizer(tokenizers.models.BPE())
  trained.pre_tokenizer = pre_tokenizers.Metaspace()
  corpus = CORPUS if tag else [line.replace("ки", "") for line in CORPUS]
  trained.train_from_iterator(
    corpus, trainers.BpeTrainer(vocab_size=150, show_progress=False)
  )
  learnt = _model_of(trained)
  names = ["<unk>", "<s>", "</s>", *(f"<0x{i:02X}>" for i in range(256))]
  names += sorted(learnt["vocab"], key=learnt["vocab"].get)
  core = tokenizers.Tokenizer(
    tokenizers.models.BPE(
      {name: index for index, name in enumerate(names)},
      [tuple(pair) for pair in learnt["merges"]],
      unk_token="<unk>", fuse_unk=True, byte_fallback=True,
    )
  )  # fmt: skip
  steps = [normalizers.Prepend("▁")] if prefix else []
  core.normalizer = normalizers.Sequence(
    [*steps, normalizers.Replace(" ", "▁")]
  )
  core.decoder = decoders.Sequence(
    [
      decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(),
      decoders.Strip(" ", 1, 0),
    ]
  )  # fmt: skip
  core.post_processor = processors.TemplateProcessing(
    "<s> $A", special_tokens=[("<s>", 1)]
  )
  return transformers.PreTrainedTokenizerFast(
    tokenizer_object=core, bos_token="<s>", eos_token="</s>",
    unk_token="<unk>", clean_up_tokenization_spaces=False,
  )  # fmt: skip


@functools.cache
def byte_level(kind: str) -> transformers.PreTrainedTokenizerFast:
  """As of Qwen2.5-Math-PRM ("qwen") or of Llama 3 ("llama")."""
  core = tokenizers.Tokenizer(tokenizers.models.BPE())
  core.pre_tokenizer = pre_tokenizers.Sequence(
    [
      pre_tokenizers.Split(Regex(SPLIT), "isolated"),
      pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
    ]
  )
  core.decoder = decoders.ByteLevel()
  special = {
    "qwen": ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<extra_0>"],
    "llama": [
      "<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>",
      "<|eot_id|>",
    ],
  }[kind]  # fmt: skip
  core.train_from_iterator(
    [*CORPUS, "a\n\nb", "a\nb"] * 3,
    trainers.BpeTrainer(
      vocab_size=360, show_progress=False, special_tokens=special,
      initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    ),
  )  # fmt: skip
  tokenizer = transformers.PreTrainedTokenizerFast(
    tokenizer_object=core, bos_token=special[0],
    eos_token=special[2 if kind == "qwen" else 3],
    clean_up_tokenization_spaces=False,
  )  # fmt: skip
  tokenizer.add_special_tokens({"additional_special_tokens": special[1:]})
  tokenizer.chat_template = {"qwen": QWEN_TEMPLATE, "llama": LLAMA_TEMPLATE}[
    kind
  ]
  return tokenizer


def mistral_chat() -> transformers.PreTrainedTokenizerFast:
  """As `sentence_piece`, with the chat template of Mistral's chat models."""
  tokenizer = copy.deepcopy(sentence_piece())
  tokenizer.chat_template = MISTRAL_TEMPLATE
  return tokenizer


def without_begin(
  tokenizer: transformers.PreTrainedTokenizerFast,
) -> transformers.PreTrainedTokenizerFast:
  """The same tokenizer without a beginning-of-text mark, as Qwen2.5's."""
  return transformers.PreTrainedTokenizerFast(
    tokenizer_object=tokenizer.backend_tokenizer,
    eos_token=tokenizer.eos_token, clean_up_tokenization_spaces=False,
  )  # fmt: skip


def _model_of(tokenizer: tokenizers.Tokenizer) -> dict:
  """The vocabulary and the merges that were trained."""
  return json.loads(tokenizer.to_str())["model"]


def for_format(name: str) -> transformers.PreTrainedTokenizerFast:
  """A tokenizer of the kind that the format's checkpoints have."""
  if name in ("llemma", "math_shepherd", "eurus_rm"):
    return sentence_piece()
  llama = name in ("rlhflow", "outcome_chat")
  return byte_level("llama" if llama else "qwen")
