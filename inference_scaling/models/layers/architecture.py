"""Architecture of a decoder: shapes, constants and the choice of its parts."""

import dataclasses
import math

NORMS = ("layer", "rms")
ACTIVATIONS = ("gelu", "gelu_tanh", "silu")
ROPE_KINDS = ("linear", "llama3")


@dataclasses.dataclass(frozen=True)
class RopeScaling:
  """How the rotary wave lengths are stretched for texts of greater length.

  Attributes:
    kind: "linear", which divides all frequencies by the factor, or "llama3",
      which spares the high ones.
    factor: what frequencies are divided by.
    low_frequency_factor: of "llama3": waves longer than the original length
      over this are divided by the whole factor.
    high_frequency_factor: of "llama3": waves shorter than the original length
      over this stay.
    original_length: of "llama3": longest sequence before the stretch.
  """

  kind: str
  factor: float
  low_frequency_factor: float | None = None
  high_frequency_factor: float | None = None
  original_length: int | None = None

  def __post_init__(self) -> None:
    _check_choice("rope scaling", self.kind, ROPE_KINDS)
    if not 0 < self.factor < math.inf:
      raise ValueError(f"the rope's factor is {self.factor}; expected above 0.")
    of_llama3 = (
      self.low_frequency_factor,
      self.high_frequency_factor,
      self.original_length,
    )
    if any((part is None) == (self.kind == "llama3") for part in of_llama3):
      raise ValueError(
        "low_frequency_factor, high_frequency_factor and original_length are "
        f"{of_llama3}; rope scaling of kind llama3 needs them all, that of "
        f"kind linear none, and this is {self.kind}."
      )
    low, high = self.low_frequency_factor, self.high_frequency_factor
    if low is not None and high is not None and not 0 < low < high < math.inf:
      raise ValueError(
        f"low_freq_factor is {low} and high_freq_factor is {high}; expected "
        "the latter above the former, and both above 0."
      )


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
    if self.sliding_window is not None and self.sliding_window < 1:
      raise ValueError(
        f"sliding_window is {self.sliding_window}; a token sees itself at "
        "least, so expected 1 or more, or None."
      )

  @property
  def rotary_dim(self) -> int:
    """R, how many of the H numbers of a head have rotary positions."""
    return int(self.head_dim * self.rotary_fraction)

  def window(self, layer: int) -> int | None:
    """The sliding window of one layer; None where it sees everything."""
    return self.sliding_window if layer >= self.first_window_layer else None


def _check_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
  if value not in choices:
    raise ValueError(
      f"{name} is {value!r}; expected one of {', '.join(choices)}."
    )
