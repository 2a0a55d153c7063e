"""How rotary wave lengths are stretched for texts of greater length."""

import dataclasses
import math
from collections.abc import Mapping

# What each kind needs beside its factor.
_NEEDED: Mapping[str, tuple[str, ...]] = {
  "linear": (),
  "llama3": (
    "low_frequency_factor", "high_frequency_factor", "original_length",
  ),
  "yarn": ("original_length", "beta_fast", "beta_slow"),
  "longrope": (
    "original_length", "stretched_length", "short_factors", "long_factors",
  ),
}  # fmt: skip
KINDS = tuple(_NEEDED)
_FIELDS = sorted({name for names in _NEEDED.values() for name in names})


@dataclasses.dataclass(frozen=True)
class RopeScaling:
  """How the rotary wave lengths are stretched for texts of greater length.

  Attributes:
    kind: "linear", which divides all frequencies by the factor; "llama3", which
      spares the high ones; "yarn", which spares those that turn often within
      the original length; or "longrope", with a divisor for each.
    factor: what frequencies are divided by; of "longrope", by how much texts
      grow.
    low_frequency_factor: of "llama3": waves longer than the original length
      over this are divided by the whole factor.
    high_frequency_factor: of "llama3": waves shorter than the original length
      over this stay.
    original_length: longest sequence before the stretch; of all but "linear".
    beta_fast: of "yarn": frequencies that turn more often than this within the
      original length stay.
    beta_slow: of "yarn": those that turn less often than this are divided by
      the whole factor.
    truncate: of "yarn": whether the bounds between them are whole numbers.
    short_factors: of "longrope": divisors of the frequencies in texts of no
      more than the original length.
    long_factors: of "longrope": those in longer texts, which this package
      refuses; they are kept for files.
    stretched_length: of "longrope": longest sequence after the stretch.
    attention_factor: what queries and keys are multiplied by.
  """

  kind: str
  factor: float
  low_frequency_factor: float | None = None
  high_frequency_factor: float | None = None
  original_length: int | None = None
  beta_fast: float | None = None
  beta_slow: float | None = None
  truncate: bool = True
  short_factors: tuple[float, ...] | None = None
  long_factors: tuple[float, ...] | None = None
  stretched_length: int | None = None
  attention_factor: float = 1.0

  def __post_init__(self) -> None:
    if self.kind not in KINDS:
      raise ValueError(
        f"rope scaling is {self.kind!r}; expected one of {', '.join(KINDS)}."
      )
    for name in ("factor", "attention_factor"):
      value = getattr(self, name)
      if not 0 < value < math.inf:
        raise ValueError(f"the rope's {name} is {value}; expected above 0.")
    needed = _NEEDED[self.kind]
    wrong = [
      f"{name} {getattr(self, name)!r}"
      for name in _FIELDS
      if (getattr(self, name) is None) == (name in needed)
    ]
    if wrong:
      raise ValueError(
        f"rope scaling of kind {self.kind} needs "
        f"{', '.join(needed) or 'a factor alone'}, and no other of "
        f"{', '.join(_FIELDS)}; given are {', '.join(wrong)}."
      )
    self._check_order()

  def _check_order(self) -> None:
    """Raises where two bounds lie the wrong way around."""
    low, high = self.low_frequency_factor, self.high_frequency_factor
    if low is not None and high is not None and not 0 < low < high < math.inf:
      raise ValueError(
        f"low_freq_factor is {low} and high_freq_factor is {high}; expected "
        "the latter above the former, and both above 0."
      )
    slow, fast = self.beta_slow, self.beta_fast
    if slow is not None and fast is not None and not 0 < slow < fast < math.inf:
      raise ValueError(
        f"beta_slow is {slow} and beta_fast is {fast}; expected the latter "
        "above the former, and both above 0."
      )

  def check_size(self, rotary_dim: int) -> None:
    """Holds divisors of single frequencies against their number.

    Args:
      rotary_dim: R, of which each frequency rotates two.

    Raises:
      ValueError: where there are more of them, or fewer.
    """
    for name in ("short_factors", "long_factors"):
      factors = getattr(self, name)
      if factors is not None and len(factors) != rotary_dim // 2:
        raise ValueError(
          f"rope scaling has {len(factors)} {name}; expected "
          f"{rotary_dim // 2}, one for each frequency."
        )
