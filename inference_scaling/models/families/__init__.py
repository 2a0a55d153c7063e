"""Families of decoders: how each writes its config.json and its tensors."""

from inference_scaling.models.families import (
  gemma,
  gpt_neox,
  llama,
  mistral,
  olmo2,
  phi3,
  qwen2,
  qwen3,
)
from inference_scaling.models.families.base import Entry, Family, Part, Rows

# By `model_type`, which is also `DecoderConfig.family`.
FAMILIES = {
  "gemma2": gemma.FAMILY_2,
  "gemma3_text": gemma.FAMILY_3,
  "gpt_neox": gpt_neox.FAMILY,
  "llama": llama.FAMILY,
  "mistral": mistral.FAMILY,
  "olmo2": olmo2.FAMILY,
  "phi3": phi3.FAMILY,
  "qwen2": qwen2.FAMILY,
  "qwen3": qwen3.FAMILY,
}

__all__ = ["FAMILIES", "Entry", "Family", "Part", "Rows"]
