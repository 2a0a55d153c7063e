"""The compute ledger: what was computed, in tokens.

Axis P: problems in flight.
"""

import flax.struct
import jax


@flax.struct.dataclass
class Counts:
  """Tokens that passed through one model, counted where they were computed.

  Attributes:
    prefill: int32[P], prompt tokens.
    decode: int32[P], generated (or scored) tokens.
    attended: int32[P], sum over all of these of the positions attended to,
      their own included.
  """

  prefill: jax.Array
  decode: jax.Array
  attended: jax.Array
