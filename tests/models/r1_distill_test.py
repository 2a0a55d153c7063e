"""Models distilled from R1: small ones with files as the published ones have.

Their tokenizers are those of Qwen2.5 and Llama 3.1 with other marks, saved as
LlamaTokenizerFast, and their template opens the reasoning itself.
"""

import json

import pytest
import tokenizers
import transformers
from tokenizers import processors

from inference_scaling import models
from inference_scaling.tasks import prompts
from tests.models import families, tiny, tokenizers_of

BAR = "\uff5c"  # wide, which no keyboard has
BEGIN, END, USER, ASSISTANT = (
  f"<{BAR}{word}{BAR}>"
  for word in ("begin▁of▁sentence", "end▁of▁sentence", "User", "Assistant")
)
# The published one, without its tools.
TEMPLATE = (
  "{% if not add_generation_prompt is defined %}{% set add_generation_prompt = "
  "false %}{% endif %}{% set ns = namespace(is_first=false, is_tool=false, "
  "is_output_first=true, system_prompt='') %}{%- for message in messages %}"
  "{%- if message['role'] == 'system' %}{% set ns.system_prompt = "
  "message['content'] %}{%- endif %}{%- endfor %}{{bos_token}}"
  "{{ns.system_prompt}}{%- for message in messages %}{%- if message['role'] == "
  "'user' %}{%- set ns.is_tool = false -%}{{'<|User|>' + message['content']}}"
  "{%- endif %}{%- if message['role'] == 'assistant' and message['content'] is "
  "not none %}{% set content = message['content'] %}"
  "{% if '</think>' in content %}"
  "{% set content = content.split('</think>')[-1] %}{% endif %}"
  "{{'<|Assistant|>' + content + '<|end▁of▁sentence|>'}}{%- endif %}"
  "{%- endfor -%}{% if add_generation_prompt and not ns.is_tool %}"
  "{{'<|Assistant|><think>\\n'}}{% endif %}"
).replace("|", BAR)
SETTINGS = {
  "add_bos_token": True, "add_eos_token": False,
  "clean_up_tokenization_spaces": False, "legacy": True,
  "model_max_length": 16384, "sp_model_kwargs": {}, "unk_token": None,
  "tokenizer_class": "LlamaTokenizerFast", "chat_template": TEMPLATE,
}  # fmt: skip


def _added(content, normalized):
  return {
    "__type": "AddedToken", "content": content, "lstrip": False,
    "normalized": normalized, "rstrip": False, "single_word": False,
  }  # fmt: skip


def _write(folder, family):
  """Files of a tiny model; its tokenizer and the ids of its marks."""
  core = tokenizers.Tokenizer.from_str(
    tokenizers_of.byte_level("qwen").backend_tokenizer.to_str()
  )
  marks = [BEGIN, END, USER, ASSISTANT]
  core.add_special_tokens(marks)
  core.add_tokens(["<think>", "</think>"])
  ids = {mark: core.token_to_id(mark) for mark in marks}
  core.post_processor = processors.TemplateProcessing(
    f"{BEGIN} $A", special_tokens=[(BEGIN, ids[BEGIN])]
  )
  raw = {key: value for key, value in families.RAW[family].items()}
  raw |= {"vocab_size": core.get_vocab_size(), "use_mrope": False}
  raw |= {"bos_token_id": ids[END], "eos_token_id": ids[END]}  # as published
  tiny_config = models.DecoderConfig(**{
    **vars(families.READ[family]), "vocab_size": raw["vocab_size"],
    "eos_token_ids": (ids[END],), "bos_token_id": ids[END],
  })  # fmt: skip
  models.save_model(tiny.make_model(tiny_config, seed=1), folder)
  if family == "llama":
    del raw["use_mrope"]
  (folder / "config.json").write_text(json.dumps(raw))
  (folder / "generation_config.json").write_text(json.dumps({
    "_from_model_config": True, "bos_token_id": ids[BEGIN],
    "eos_token_id": ids[END], "do_sample": True, "temperature": 0.6,
    "top_p": 0.95, "transformers_version": "4.39.3",
  }))  # fmt: skip
  core.save(str(folder / "tokenizer.json"))
  marks_of = {
    "bos_token": _added(BEGIN, True), "eos_token": _added(END, True),
    "pad_token": _added(END, True),
  }  # fmt: skip
  settings = json.dumps(SETTINGS | marks_of)
  (folder / "tokenizer_config.json").write_text(settings)
  return core, ids


@pytest.mark.parametrize("family", ["qwen2", "llama"])
def test_published_files_load(tmp_path, family):
  core, ids = _write(tmp_path, family)
  model = models.load_model(tmp_path)
  assert model.config.eos_token_ids == (ids[END],)
  text = "What is the sum of 48 and 24?\n\n<think>"
  # Not split as Llama 2 would, whatever the name of its class says.
  assert model.tokenizer(text)["input_ids"] == core.encode(text).ids
  assert model.tokenizer.bos_token_id == ids[BEGIN]
  assert model.tokenizer.eos_token_id == ids[END]


def test_a_chat_begins_once_and_opens_the_reasoning(tmp_path):
  core, ids = _write(tmp_path, "qwen2")
  tokenizer = models.load_model(tmp_path).tokenizer
  question = f"What is 5 - 3? {ASSISTANT}"
  tokens = prompts.make_prompt(
    {"kind": "chat", "system": "Be brief."}, question, tokenizer
  )
  assert tokens[0] == ids[BEGIN] and tokens.count(ids[BEGIN]) == 1
  # What looks like a mark in the question is text.
  assert tokens.count(ids[ASSISTANT]) == 1
  think = core.token_to_id("<think>")
  newline = core.encode("\n", add_special_tokens=False).ids
  assert tokens[-len(newline) - 2 :] == [ids[ASSISTANT], think, *newline]
  assert tokens.index(ids[USER]) < tokens.index(ids[ASSISTANT])


def test_a_template_keeps_no_reasoning_of_earlier_turns(tmp_path):
  _write(tmp_path, "qwen2")
  tokenizer = models.load_model(tmp_path).tokenizer
  turns = [
    {"role": "user", "content": "5 - 3"},
    {"role": "assistant", "content": "<think>hm</think>It is 2."},
  ]
  text = tokenizer.apply_chat_template(turns, tokenize=False)
  assert text == f"{BEGIN}{USER}5 - 3{ASSISTANT}It is 2.{END}"
  assert isinstance(tokenizer, transformers.PreTrainedTokenizerFast)
