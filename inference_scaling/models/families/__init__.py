"""Families of decoders: how each writes its config.json and its tensors."""

from inference_scaling.models.families import (
  gpt_neox,
  llama,
  mistral,
  qwen2,
)
from inference_scaling.models.families.base import Entry, Family, Part

# By `model_type`, which is also `DecoderConfig.family`.
FAMILIES = {
  "gpt_neox": gpt_neox.FAMILY,
  "llama": llama.FAMILY,
  "mistral": mistral.FAMILY,
  "qwen2": qwen2.FAMILY,
}

__all__ = ["FAMILIES", "Entry", "Family", "Part"]
