"""Random models of transformers, to hold this package's against."""

import math

import torch
import transformers

from inference_scaling import models


def torch_config(config: models.DecoderConfig, **more):
  """The same architecture as a transformers config."""
  return transformers.LlamaConfig(
    vocab_size=config.vocab_size,
    hidden_size=config.hidden_size,
    intermediate_size=config.intermediate_size,
    num_hidden_layers=config.num_layers,
    num_attention_heads=config.num_heads,
    num_key_value_heads=config.num_kv_heads,
    head_dim=config.head_dim,
    rms_norm_eps=config.norm_eps,
    rope_parameters={"rope_type": "default", "rope_theta": config.rope_theta},
    max_position_embeddings=config.max_position_embeddings,
    tie_word_embeddings=config.tie_word_embeddings,
    bos_token_id=config.bos_token_id,
    eos_token_id=list(config.eos_token_ids),
    attn_implementation="eager",
    **more,
  )


def random_torch_model(model_class, config: models.DecoderConfig, seed, **more):
  """A Llama of transformers whose every weight is random, norms too."""
  torch.manual_seed(seed)
  return shake(model_class(torch_config(config, **more)).eval())


def shake(module):
  """Replaces all weights by random ones of a size that lets them matter."""
  with torch.no_grad():
    for weight in module.parameters():
      if weight.ndim == 1:
        torch.nn.init.normal_(weight, 1.0, 0.3)
      else:
        torch.nn.init.normal_(weight, 0.0, 1.5 * min(weight.shape) ** -0.5)
  return module.requires_grad_(False)


def rewards(model, tokens, solution, kernel, bias):
  """The rewards of a LlamaForCausalLM with a head, in plain Python.

  Args:
    model: the torch model.
    tokens: int[B, T].
    solution: bool[B, T].
    kernel: [D + 2]: of the hidden state, the smallest and the summed
      log-probability.
    bias: of the head.

  Returns:
    float[B][T].
  """
  out = model(torch.tensor(tokens), output_hidden_states=True)
  log_probs = torch.log_softmax(out.logits, dim=-1)
  table = []
  for row, text in enumerate(tokens):
    lowest = total = 0.0
    table.append([])
    for position, token in enumerate(text):
      if solution[row][position]:
        likely = max(float(log_probs[row, position - 1, token]), -8.0)
        lowest, total = min(lowest, likely), total + likely
      hidden = out.hidden_states[-1][row, position].numpy()
      logit = hidden @ kernel[:-2] + lowest * kernel[-2] + total * kernel[-1]
      table[-1].append(1 / (1 + math.exp(-(logit + bias))))
  return table
