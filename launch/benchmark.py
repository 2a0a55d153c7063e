"""Measures how fast this machine decodes and searches, beside other engines.

  python launch/benchmark.py [--model=embedded] [--output=runs/benchmark.json]

The embedded model takes a quarter of an hour of two cores and no download.
--model=smollm2 fetches SmolLM2-135M (89 MiB) and takes about an hour with all
sections and engines. --model=llemma_7b, for accelerators, has random weights of
that shape; --model=FILE.gguf is a checkpoint of your own. Tasks take turns, so
that ratios hold on a busy machine. An engine that is not installed has a line
in the table that says so:

  pip install torch ctranslate2 llama-cpp-python
  pip install openvino-genai "optimum-intel[openvino]"

--only=sampling,search runs some sections; --profile=FOLDER says where the time
went (inference_scaling/benchmark/README.md).
"""

import functools

from absl import app, flags

from inference_scaling import benchmark, launching

_MODEL = flags.DEFINE_string(
  "model", "embedded",
  "The model that is measured: the large embedded policy, smollm2 "
  "(SmolLM2-135M), llemma_7b (random weights of its shape), or a checkpoint: a "
  "folder, a GGUF file or ORG/NAME of the hub.",
)  # fmt: skip
_REPEATS = flags.DEFINE_integer(
  "repeats", 5, "Rounds; the table shows their medians.", lower_bound=1
)
_ONLY = flags.DEFINE_list(
  "only", [],
  "Sections to run, parted by commas, of "
  f"{', '.join(benchmark.SECTIONS)}; all where none is named.",
)  # fmt: skip
_RIVALS = flags.DEFINE_list(
  "rivals", list(benchmark.RIVALS),
  "Other engines that do the same work, where installed; '' for none.",
)  # fmt: skip
_OUTPUT = flags.DEFINE_string(
  "output", "runs/benchmark.json", "JSON file of all numbers; '' for none."
)
_DTYPES = flags.DEFINE_list(
  "dtypes", ["float32", "bfloat16"],
  "Dtypes of the weights that are measured, parted by commas.",
)  # fmt: skip
_ROWS = flags.DEFINE_list(
  "rows", ["1", "16", "64", "256"],
  "Batch sizes of the section on decoding, parted by commas.",
)  # fmt: skip
_WORK = {
  name: flags.DEFINE_integer(name, default, words, lower_bound=1)
  for name, default, words in (
    ("problems", 4, "Problems that are decoded or searched at once."),
    ("samples", 16, "Samples of each problem, and beams of a search."),
    ("prompt_tokens", 128, "Tokens of each problem's prompt."),
    ("new_tokens", 64, "Tokens that are drawn for each sample."),
  )
}


def main(argv: list[str]) -> None:
  if len(argv) > 1:
    raise app.UsageError(f"unknown arguments: {argv[1:]}.")
  options = benchmark.Options(
    subject=_MODEL.value,
    work=benchmark.Work(**{name: flag.value for name, flag in _WORK.items()}),
    rows=launching.parse_whole_numbers("rows", _ROWS.value),
    dtypes=_DTYPES.value,
    repeats=_REPEATS.value,
    rivals=_RIVALS.value,
    sections=_ONLY.value,
  )
  if _OUTPUT.value:
    # Now, since a path that cannot be written must not cost an hour.
    benchmark.prepare(_OUTPUT.value)
  rows = benchmark.run(options, functools.partial(print, flush=True))
  print(f"{benchmark.headline(options)}\n\n{benchmark.render(rows)}")
  if _OUTPUT.value:
    benchmark.write(_OUTPUT.value, benchmark.setting(options), rows)
    print(f"\nNumbers: {_OUTPUT.value}")


if __name__ == "__main__":
  launching.run(main)
