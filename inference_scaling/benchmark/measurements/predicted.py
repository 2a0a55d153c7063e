"""What a plan predicts of a token step, where it knows the chip."""

from inference_scaling.benchmark.measurements import roofline
from inference_scaling.plan import chips

# JAX's names of devices.
_CHIPS = {
  "TPU v5 lite": "v5e",
  "TPU v5": "v5p",
  "TPU v6 lite": "v6e",
  "NVIDIA H200": "h200",
}


def seconds(least: roofline.TokenStep, device_kind: str) -> float | None:
  """Returns the bound on the time of a token step, by the chip's peaks.

  Args:
    least: what it needs.
    device_kind: JAX's name of the device.

  Returns:
    Seconds; None for a device that the plan does not know.
  """
  if device_kind not in _CHIPS:
    return None
  chip = chips.CHIPS[_CHIPS[device_kind]]
  read = (least.weight_bytes + least.cache_bytes) / chip.bandwidth
  return max(read, least.flops / chip.rate)
