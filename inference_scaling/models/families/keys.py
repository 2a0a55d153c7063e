"""Which keys of a config.json change nothing, and what becomes of the others.

A key that a family does not read may change what the model computes: scales of
logits, softcaps, experts, quantisation. So a key passes only if it is read, if
it says nothing (null, an empty text, list or group, or false where the decoder
does without), or if this file lists it with the reason. All others are refused
by name.
"""

from collections.abc import Collection, Mapping
from typing import Any

# What the files are, and by which programs they were written.
_FILES = (
  "architectures", "auto_map", "dtype", "is_llama_config", "license",
  "model_name", "model_type", "name_or_path", "onnx", "tokenizer_class",
  "torch_dtype", "transformers.js_config", "transformers_version",
  "unsloth_fixed", "unsloth_version",
)  # fmt: skip
# Of training alone: what is dropped then, and where weights began.
_TRAINING = (
  "attention_dropout", "attention_dropout_prob",
  "attention_probs_dropout_prob", "attn_pdrop",
  "classifier_dropout", "dropout", "embd_pdrop", "embedding_dropout",
  "gradient_checkpointing", "hidden_dropout", "hidden_dropout_prob",
  "initializer_range", "neftune_noise_alpha", "resid_pdrop",
)  # fmt: skip
# How transformers computes the same, and what it returns beside. With
# `pretraining_tp` it cuts matrices into parts and adds the products up.
_COMPUTING = (
  "attn_implementation", "chunk_size_feed_forward", "is_decoder",
  # Qwen2 alone has windows in some of its layers, and reads it.
  "max_window_layers",
  "output_attentions", "output_hidden_states", "pretraining_tp", "return_dict",
  "torchscript", "use_bfloat16", "use_cache", "use_flash_attention",
  "use_flash_attention_2", "use_flash_attn", "use_liger_kernel", "use_sdpa",
)  # fmt: skip
# Labels of classifiers: heads of reward models have names and shapes instead.
_LABELS = (
  "finetuning_task", "id2label", "label2id", "num_labels", "problem_type",
  "task_specific_params",
)  # fmt: skip
# Of the tokenizer: ids that end nothing, and lengths that it would cut at.
_TOKENS = (
  "cls_token_id", "mask_token_id", "max_sequence_length", "model_max_length",
  "pad_token_id", "padding_side", "sep_token_id", "tokenizer_model_max_length",
  "tokenizer_padding_side", "unk_token_id",
)  # fmt: skip
# How transformers would sample by default: a sweep says so itself.
_SAMPLING = (
  "cache_implementation", "diversity_penalty", "do_sample", "early_stopping",
  "encoder_no_repeat_ngram_size", "length_penalty", "max_length",
  "max_new_tokens", "min_length", "min_new_tokens", "min_p",
  "no_repeat_ngram_size", "num_beam_groups",
  "num_beams", "num_return_sequences", "output_scores", "remove_invalid_values",
  "repetition_penalty", "return_dict_in_generate", "temperature", "top_k",
  "top_p", "typical_p",
)  # fmt: skip
# False is no default where the decoder does what the key is about.
_DONE = (
  "causal", "is_causal", "rms_norm", "scale_attention", "scale_attn_weights",
  "use_causal_mask", "use_rms_norm", "use_rope", "use_rotary",
)  # fmt: skip
HARMLESS = frozenset(
  _FILES + _TRAINING + _COMPUTING + _LABELS + _TOKENS + _SAMPLING
)


def check(raw: Mapping[str, Any], read: Collection[str]) -> None:
  """Refuses keys of which nobody knows whether they change the arithmetic.

  Args:
    raw: contents of config.json.
    read: keys that the family reads.

  Raises:
    ValueError: lists all of them with their values.
  """
  unknown = {
    key: value
    for key, value in raw.items()
    if key not in read
    and key not in HARMLESS
    # What transformers keeps for itself.
    and not key.startswith("_")
    and not _says_nothing(key, value)
  }
  if unknown:
    listed = ", ".join(f"{key} {unknown[key]!r}" for key in sorted(unknown))
    raise ValueError(
      f"there are keys that may change what the model computes and that "
      f"nothing reads: {listed}. If you know that the model computes the "
      "same without them, delete them from the file; else it cannot be run."
    )


def _says_nothing(key: str, value: Any) -> bool:
  if isinstance(value, bool):
    return value == (key in _DONE)
  return value is None or value in ("", [], {})
