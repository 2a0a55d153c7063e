"""A small tokenizer, and templates in the styles of three published families.

The tokens are single bytes and the special tokens of the templates.
"""

import tokenizers
import transformers
from tokenizers import decoders, models, pre_tokenizers, processors

SPECIAL = (
  "<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>",
  "<|eot_id|>", "<|im_start|>", "<|im_end|>",
)  # fmt: skip

# Turns between header marks; the template itself writes the beginning.
LLAMA_3 = (
  "{% for message in messages %}"
  "{% set content = '<|start_header_id|>' + message['role'] + "
  "'<|end_header_id|>\n\n' + message['content'] | trim + '<|eot_id|>' %}"
  "{% if loop.index0 == 0 %}{% set content = bos_token + content %}{% endif %}"
  "{{ content }}{% endfor %}{% if add_generation_prompt %}"
  "{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}"
)
# ChatML; a system's turn of its own where there is none.
QWEN_2_5 = (
  "{%- if messages[0]['role'] == 'system' %}"
  "{{- '<|im_start|>system\\n' + messages[0]['content'] + '<|im_end|>\\n' }}"
  "{%- else %}{{- '<|im_start|>system\\nYou are Qwen, created by Alibaba "
  "Cloud. You are a helpful assistant.<|im_end|>\\n' }}{%- endif %}"
  "{%- for message in messages %}{%- if message.role == 'user' or "
  "message.role == 'assistant' %}{{- '<|im_start|>' + message.role + '\\n' + "
  "message.content + '<|im_end|>' + '\\n' }}{%- endif %}{%- endfor %}"
  "{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{%- endif %}"
)
SMOLLM_2 = (
  "{% for message in messages %}{% if loop.first and messages[0]['role'] != "
  "'system' %}{{ '<|im_start|>system\nYou are a helpful AI assistant named "
  "SmolLM, trained by Hugging Face<|im_end|>\n' }}{% endif %}"
  "{{'<|im_start|>' + message['role'] + '\n' + message['content'] + "
  "'<|im_end|>' + '\n'}}{% endfor %}{% if add_generation_prompt %}"
  "{{ '<|im_start|>assistant\n' }}{% endif %}"
)
NO_SYSTEM = (
  "{% if messages[0]['role'] == 'system' %}"
  "{{ raise_exception('System role not supported') }}{% endif %}"
  "{% for message in messages %}{{ message['content'] }}{% endfor %}"
)


def make_tokenizer(
  template: str | None = None, begins: bool = False
) -> transformers.PreTrainedTokenizerFast:
  """Makes the tokenizer.

  Args:
    template: its chat template.
    begins: whether it puts the mark of the beginning before every text.
  """
  alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
  vocabulary = {text: i for i, text in enumerate([*SPECIAL, *alphabet])}
  backend = tokenizers.Tokenizer(models.BPE(vocabulary, []))
  backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
  backend.decoder = decoders.ByteLevel()
  backend.add_special_tokens(list(SPECIAL))
  if begins:
    backend.post_processor = processors.TemplateProcessing(
      single=f"{SPECIAL[0]} $A", special_tokens=[(SPECIAL[0], 0)]
    )
  return transformers.PreTrainedTokenizerFast(
    tokenizer_object=backend,
    bos_token=SPECIAL[0],
    chat_template=template,
    name_or_path="models/tiny",
  )
