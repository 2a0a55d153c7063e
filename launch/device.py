r"""Checks an accelerator and measures it: run this first on a new machine.

  python launch/device.py --profile=runs/profile

In minutes: greedy texts of SmolLM2 as the CPU writes them, then decoding and
REBASE with a reward model at the shape of Llemma-7B, with % of the roofline
measured there and of what launch/plan.py predicts, and a profile. On a machine
without an accelerator, --model=embedded tries the same.

See inference_scaling/benchmark/README.md.
"""

import functools

from absl import app, flags

from inference_scaling import benchmark, launching

_MODEL = flags.DEFINE_enum(
  "model", "llemma_7b", benchmark.SUBJECTS, "Whose shape is measured."
)
_PARITY = flags.DEFINE_enum(
  "parity", "smollm2", ["embedded", "smollm2"],
  "The model whose texts are compared with those of the CPU.",
)  # fmt: skip
_ROWS = flags.DEFINE_list(
  "rows", ["1", "64", "256"], "Batch sizes of decoding, parted by commas."
)
_OUTPUT = flags.DEFINE_string(
  "output", "runs/device.json", "JSON file of all numbers; '' for none."
)
_REPEATS = flags.DEFINE_integer(
  "repeats", 3, "Rounds; the table shows their medians.", lower_bound=1
)


def main(argv: list[str]) -> None:
  if len(argv) > 1:
    raise app.UsageError(f"unknown arguments: {argv[1:]}.")
  if _OUTPUT.value:
    benchmark.prepare(_OUTPUT.value)
  checked = benchmark.Options(subject=_PARITY.value, sections=["parity"])
  measured = benchmark.Options(
    subject=_MODEL.value,
    rows=launching.parse_whole_numbers("rows", _ROWS.value),
    dtypes=["bfloat16"],
    repeats=_REPEATS.value,
    rivals=(),
    sections=["decoding", "search"],
  )
  rows = []
  for options in (checked, measured):
    rows += benchmark.run(options, functools.partial(print, flush=True))
  print(f"{benchmark.headline(measured)}\n\n{benchmark.render(rows)}")
  if _OUTPUT.value:
    benchmark.write(_OUTPUT.value, benchmark.setting(measured), rows)
    print(f"\nNumbers: {_OUTPUT.value}")


if __name__ == "__main__":
  launching.run(main)
