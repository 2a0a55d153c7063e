"""Architecture of a decoder: shapes, constants and the choice of its parts."""

import dataclasses
import math

from inference_scaling.models.layers.rope import scaling

NORMS = ("layer", "rms")
ACTIVATIONS = ("gelu", "gelu_tanh", "silu")
# Norms of queries and keys: over each head, or over all heads as one.
HEAD, PROJECTION = "head", "projection"
QUERY_KEY_NORMS = (None, HEAD, PROJECTION)
RopeScaling = scaling.RopeScaling


@dataclasses.dataclass(frozen=True)
class DecoderConfig:
  """Shapes and constants of a decoder; the defaults make it a Llama.

  Attributes:
    vocab_size: V.
    hidden_size: D.
    intermediate_size: F.
    num_layers: L.
    num_heads: query heads, K * G.
    num_kv_heads: K.
    head_dim: H.
    norm_eps: added to the mean square (or variance) before its root.
    rope_theta: base of the rotary wave lengths.
    max_position_embeddings: longest sequence the model was made for.
    tie_word_embeddings: whether the unembedding is the embedding.
    eos_token_ids: tokens that end a text.
    bos_token_id: token that begins a text, if any.
    family: how config.json and the tensors of the checkpoint are named; one of
      `families.FAMILIES`.
    norm: "rms", or "layer", which subtracts the mean and adds a bias.
    parallel_residual: whether attention and MLP both read the layer's input.
    gated_mlp: activation(gate) * up, or else activation(up).
    activation: "silu", "gelu" (by the error function) or "gelu_tanh".
    qkv_bias: whether query, key and value have one.
    output_bias: whether the output of attention has one.
    mlp_bias: whether the matrices of the MLP have one.
    rotary_fraction: part of each head that has rotary positions.
    rope_scaling: of the rotary wave lengths, if any.
    sliding_window: a token sees itself and this many less one before it; None
      for all.
    first_window_layer: layers before it see everything.
    window_pattern: the last of every so many layers sees everything, too.
    local_rope_theta: base of the rotary wave lengths in layers with a window,
      which are then not stretched; None where all layers have the same.
    query_key_norm: of queries and keys before rotation: None, over each "head"
      or over a whole "projection".
    norm_offset: added to the weights of RMS norms.
    pre_norm: whether attention and MLP normalise what they read.
    post_norm: whether what they give is normalised before it is added.
    scaled_embedding: whether embeddings are multiplied by the root of D.
    query_pre_attn_scalar: scores are divided by its root; None for H.
    attention_softcap: scores are softly capped here: c tanh(score / c).
    logit_softcap: likewise logits.
  """

  vocab_size: int
  hidden_size: int
  intermediate_size: int
  num_layers: int
  num_heads: int
  num_kv_heads: int
  head_dim: int
  norm_eps: float
  rope_theta: float
  max_position_embeddings: int
  tie_word_embeddings: bool
  eos_token_ids: tuple[int, ...]
  bos_token_id: int | None = None
  family: str = "llama"
  norm: str = "rms"
  parallel_residual: bool = False
  gated_mlp: bool = True
  activation: str = "silu"
  qkv_bias: bool = False
  output_bias: bool = False
  mlp_bias: bool = False
  rotary_fraction: float = 1.0
  rope_scaling: RopeScaling | None = None
  sliding_window: int | None = None
  first_window_layer: int = 0
  window_pattern: int | None = None
  local_rope_theta: float | None = None
  query_key_norm: str | None = None
  norm_offset: float = 0.0
  pre_norm: bool = True
  post_norm: bool = False
  scaled_embedding: bool = False
  query_pre_attn_scalar: float | None = None
  attention_softcap: float | None = None
  logit_softcap: float | None = None

  def __post_init__(self) -> None:
    if self.num_heads % self.num_kv_heads:
      raise ValueError(
        f"num_attention_heads is {self.num_heads}, which is no multiple of "
        f"num_key_value_heads, {self.num_kv_heads}."
      )
    if self.rotary_dim % 2 or not 0 < self.rotary_dim <= self.head_dim:
      raise ValueError(
        f"head_dim is {self.head_dim}, of which a part of "
        f"{self.rotary_fraction} has rotary positions, {self.rotary_dim}; "
        "expected an even number from 2 to head_dim."
      )
    _check_choice("norm", self.norm, NORMS)
    _check_choice("activation", self.activation, ACTIVATIONS)
    _check_choice("query_key_norm", self.query_key_norm, QUERY_KEY_NORMS)
    if self.sliding_window is not None and self.sliding_window < 1:
      raise ValueError(
        f"sliding_window is {self.sliding_window}; a token sees itself at "
        "least, so expected 1 or more, or None."
      )
    if self.window_pattern is not None and self.window_pattern < 2:
      raise ValueError(
        f"window_pattern is {self.window_pattern}; expected 2 or more, or None "
        "where no layer but the first ones sees everything."
      )
    for name in ("query_pre_attn_scalar", "attention_softcap", "logit_softcap"):
      value = getattr(self, name)
      if value is not None and not 0 < value < math.inf:
        raise ValueError(f"{name} is {value}; expected above 0, or None.")
    if self.rope_scaling is not None:
      self.rope_scaling.check_size(self.rotary_dim)

  @property
  def rotary_dim(self) -> int:
    """R, how many of the H numbers of a head have rotary positions."""
    return int(self.head_dim * self.rotary_fraction)

  @property
  def num_unlimited_layers(self) -> int:
    """How many layers see everything."""
    return sum(self.window(i) is None for i in range(self.num_layers))

  def window(self, layer: int) -> int | None:
    """The sliding window of one layer; None where it sees everything."""
    last = self.window_pattern and (layer + 1) % self.window_pattern == 0
    if last or layer < self.first_window_layer:
      return None
    return self.sliding_window


def _check_choice(
  name: str, value: str | None, choices: tuple[str | None, ...]
) -> None:
  if value not in choices:
    raise ValueError(
      f"{name} is {value!r}; expected one of {', '.join(map(str, choices))}."
    )
