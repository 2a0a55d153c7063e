"""Whether a device computes what the CPU does: the same texts, drawn greedily.

Both run the whole engine on the same prompts in float32, with products as exact
as the device has them: what differs then is the form of the program (see
`Model.hardware`) and the order of sums. On a host without an accelerator the
form for one is run on the CPU, beside the CPU's own.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from inference_scaling import decoding, models
from inference_scaling.benchmark import own_engine, subjects, table
from inference_scaling.benchmark import work as work_lib
from inference_scaling.benchmark.measurements import decoding as decoding_lib
from inference_scaling.models.layers import hardware as hardware_lib

SECTION = "parity"
_SAMPLES = 2  # greedy, so that they are equal; more would show nothing


@dataclasses.dataclass(frozen=True)
class Texts:
  """What a device wrote.

  Attributes:
    tokens: int32[P, T].
    log_probs: float32[P], nats, of a text.
  """

  tokens: np.ndarray
  log_probs: np.ndarray


def measure(subject: subjects.Subject, work: work_lib.Work) -> list[table.Row]:
  """Compares the default device with a CPU.

  Args:
    subject: gives the policy.
    work: gives the number of prompts, their tokens and those to be drawn.

  Returns:
    Rows of the table.

  Raises:
    ValueError: for a subject of random weights, whose greedy texts would be
      ties.
  """
  if subject.source is None:
    raise ValueError(
      f"parity needs real weights; --model={subject.name} has random ones. Use "
      "--model=smollm2 or --model=embedded."
    )
  cpu = jax.devices("cpu")[:1]
  default = jax.devices()[:1]
  hardware = hardware_lib.of_mesh(models.make_mesh(1, 1, default))
  name = default[0].device_kind
  if hardware.is_cpu:
    hardware = hardware_lib.Hardware("gpu", 1)
    name = "form for a GPU, on this CPU"
  expected = _write(subject, work, cpu, None)
  actual = _write(subject, work, default, hardware)
  return compare(name, expected, actual)


def compare(name: str, expected: Texts, actual: Texts) -> list[table.Row]:
  """Compares texts.

  Args:
    name: of the device.
    expected: of the CPU.
    actual: of the device.

  Returns:
    Rows of the table: tokens before the first that differs, and the largest
    difference of log-probabilities of texts that are equal.
  """
  same = expected.tokens == actual.tokens
  before = np.cumprod(same, axis=1).sum()
  whole = same.all(axis=1)
  difference = np.abs(expected.log_probs - actual.log_probs)[whole]
  count = f"{len(whole)} greedy texts of {same.shape[1]} tokens, float32"
  return [
    table.Row(
      SECTION, f"{name}: tokens as on the CPU", 100 * before / same.size, "%",
      f"up to the first that differs; {count}",
    ),
    table.Row(
      SECTION, f"{name}: log-probability of a text, most difference",
      float(difference.max()) if whole.any() else None, "nats",
      f"{int(whole.sum())} equal texts",
    ),
  ]  # fmt: skip


def _write(
  subject: subjects.Subject,
  work: work_lib.Work,
  devices: Sequence[Any],
  hardware: hardware_lib.Hardware | None,
) -> Texts:
  """Writes greedy texts on a device, in the form of some hardware."""
  mesh = models.make_mesh(1, 1, devices)
  model = models.load_model(str(subject.source), mesh=mesh)
  config = dataclasses.replace(model.config, eos_token_ids=())
  model = dataclasses.replace(
    model, config=config, hardware=hardware or model.hardware
  )
  policy = decoding.ModelPolicy(
    model,
    own_engine.steps.EqualSteps(),
    own_engine.limits(work.prompt_tokens, work.new_tokens, work.new_tokens),
    _SAMPLES,
    token_scores=True,
  )
  prompts = subject.prompts(work.problems, work.prompt_tokens)
  keys = jax.random.split(jax.random.key(0), (work.problems, _SAMPLES))
  with jax.default_device(devices[0]), jax.default_matmul_precision("highest"):
    batch = decoding_lib.stack(prompts, policy.limits)
    params = decoding.PolicyParams(model.params, jnp.float32(0.0))
    state = jax.jit(policy.start)(params, batch)
    active = np.ones(keys.shape, bool)
    _, step = jax.jit(policy.extend)(params, keys, state, active)
  content = jax.device_get(step.content)
  return Texts(content.tokens[:, 0], content.log_probs[:, 0])
