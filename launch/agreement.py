r"""Says what a dtype costs: how often next tokens agree with float32's.

  python launch/agreement.py --model=embedded/policy_middle
  python launch/agreement.py --model=smollm2 --texts=gsm8k_test.jsonl

The model reads solved problems in each dtype; a quarter of a minute for an
embedded model, some minutes for SmolLM2-135M, which is fetched (89 MiB).
See inference_scaling/models/README.md.
"""

from absl import app, flags

from inference_scaling import benchmark, launching, models
from inference_scaling.benchmark import agreement, subjects

_MODEL = flags.DEFINE_string(
  "model", "embedded/policy_middle",
  "A checkpoint, or smollm2 for SmolLM2-135M, which is fetched.",
)  # fmt: skip
_REFERENCE = flags.DEFINE_enum(
  "reference", "float32", models.DTYPES, "Dtype that others are held against."
)
_DTYPES = flags.DEFINE_multi_enum(
  "dtype", ["bfloat16", "int8", "fp8"], models.DTYPES,
  "Dtype that is measured; give the flag again for another.",
)  # fmt: skip
_TEXTS = flags.DEFINE_string(
  "texts", "", "JSON lines with solved problems; by default synthetic ones."
)
_QUESTION = flags.DEFINE_string(
  "question", "question", "Key of the question in a line of --texts."
)
_SOLUTION = flags.DEFINE_string(
  "solution", "answer", "Key of the solution in a line of --texts."
)
_COUNT = flags.DEFINE_integer(
  "count", 100, "How many solved problems are read.", lower_bound=2
)


def main(argv: list[str]) -> None:
  if len(argv) > 1:
    raise app.UsageError(f"unknown arguments: {argv[1:]}.")
  source = _MODEL.value
  if source == "smollm2":
    source = str(subjects.subject(source).source)
  texts = agreement.synthetic_texts(_COUNT.value)
  if _TEXTS.value:
    keys = _QUESTION.value, _SOLUTION.value
    texts = agreement.file_texts(_TEXTS.value, *keys, _COUNT.value)
  rows = agreement.measure(source, _REFERENCE.value, _DTYPES.value, texts)
  print(benchmark.render(rows))


if __name__ == "__main__":
  launching.run(main)
