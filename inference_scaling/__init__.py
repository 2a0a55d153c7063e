"""Inference scaling laws in JAX: search strategies, decoding and analysis."""

import logging

__version__ = "0.1.0"


def _is_no_note_of_torch(record: logging.LogRecord) -> bool:
  """Keeps out what transformers says where PyTorch is not installed.

  No model of it is run here, so its note that there are none would only stand
  at the head of every program. All its other warnings stay.
  """
  return not record.getMessage().startswith("PyTorch was not found")


logging.getLogger("transformers").addFilter(_is_no_note_of_torch)
