"""How fast a compiled search may be: bytes, FLOPs and exchanges per token."""

import dataclasses
import math

from jax.sharding import Mesh

from inference_scaling.decoding import reward as reward_lib
from inference_scaling.models.layers import hardware as hardware_lib
from inference_scaling.plan import chips, compiled, floor
from inference_scaling.plan import workload as workload_lib
from inference_scaling.plan.hlo import loops, movement, products, traffic

GENERATED, SCORED = "generated", "scored"


@dataclasses.dataclass(frozen=True)
class Phase:
  """A loop that runs a model, as compiled and at the least.

  Attributes:
    name: `GENERATED` or `SCORED`, what its tokens are.
    compiled: one pass of it: bytes counted in the text of the program.
    floor: at the least; of a pass for a generated token, of all tokens of a
      step for a scored one.
    collectives: exchanges of a pass.
  """

  name: str
  compiled: floor.Cost
  floor: floor.Cost
  collectives: int

  @property
  def ratio(self) -> float:
    """Bytes per token, compiled over floor."""
    per_token = self.compiled.bytes / self.compiled.tokens
    return per_token / (self.floor.bytes / self.floor.tokens)


def phases(
  workload: workload_lib.Workload,
  mesh: Mesh,
  advance: compiled.Compiled,
  step_tokens: int,
) -> list[Phase]:
  """Reads the loops of a search's `advance`.

  Args:
    workload: the search.
    mesh: that it was compiled for.
    advance: the program, of the largest buffers.
    step_tokens: of a step that is scored.

  Returns:
    The phase of generated tokens, and with a reward model that of scored ones.
    One whose loop is not found is left out.
  """
  made = []
  for name, scope in ((GENERATED, loops.TOKENS), (SCORED, loops.SCORES)):
    loop = loops.outermost(advance.module, scope)
    if loop is None:
      continue
    exchanges = movement.collectives(advance.module, loop.body)
    sent = sum(one.link_bytes for one in exchanges)
    if name == GENERATED:
      text_tokens = workload.search.limits.text_buffer
      least = floor.decode(workload, mesh, text_tokens, sent)
      tokens = least.tokens
    else:
      tokens = _block(workload, mesh)
      text_tokens = workload.search.reward_model_limits.text_buffer
      least = floor.score(
        workload, mesh, text_tokens, step_tokens, sent / tokens
      )
    cost = floor.Cost(
      tokens=tokens,
      bytes=traffic.hbm_bytes(advance.module, loop.body),
      flops=products.flops(advance.module, loop.body),
      link_bytes=sent,
    )
    made.append(Phase(name, cost, least, len(exchanges)))
  return made


def seconds(
  workload: workload_lib.Workload,
  mesh: Mesh,
  chip: chips.Chip,
  loops_run: list[Phase],
  num_problems: int,
  passes: int,
  step_tokens: int,
) -> float:
  """Bounds the time of a search of some problems from below.

  Slots are never empty, nothing but the two models takes time, and each runs at
  the floor, or as compiled where that is less: weights and caches that stay on
  a chip are not read again. A text is half as long, on average, as at its end.

  Args:
    workload: the search.
    mesh: of the devices.
    chip: of which they are.
    loops_run: of `phases`.
    num_problems: in all.
    passes: tokens that each active row of a problem is given.
    step_tokens: of a step that is scored.

  Returns:
    Seconds.
  """
  batches = math.ceil(num_problems / workload.problems)
  half = min(passes, workload.search.limits.text_buffer) // 2
  total = 0.0
  for phase in loops_run:
    sent = phase.compiled.link_bytes
    if phase.name == GENERATED:
      cost = floor.decode(workload, mesh, half, sent)
      least = min(cost.seconds(chip), phase.compiled.seconds(chip))
      total += batches * passes * least
    else:
      cost = floor.score(
        workload, mesh, half, step_tokens, sent / phase.compiled.tokens
      )
      tokens = num_problems * passes * (workload.rows or workload.beams)
      per_token = min(
        one.seconds(chip) / one.tokens for one in (cost, phase.compiled)
      )
      total += tokens * per_token
  return total


def _block(workload: workload_lib.Workload, mesh: Mesh) -> int:
  reward = workload_lib.make_reward(workload, hardware_lib.of_mesh(mesh))
  assert isinstance(reward, reward_lib.ModelReward)
  return floor.block_tokens(reward, workload, mesh)
