"""Problems, prompts, answer extraction and grading."""

from inference_scaling.tasks.extraction.answers import extract_answer
from inference_scaling.tasks.extraction.letters import extract_letter
from inference_scaling.tasks.files.benchmarks import load_benchmark
from inference_scaling.tasks.files.competitions import (
  load_aime,
  load_amc,
  load_math500,
)
from inference_scaling.tasks.files.gsm8k import load_gsm8k
from inference_scaling.tasks.files.jsonl import load_problems
from inference_scaling.tasks.grading.canonical_text import canonical
from inference_scaling.tasks.grading.grader import (
  Grader,
  grade,
)
from inference_scaling.tasks.problem import Problem
from inference_scaling.tasks.prompts import make_prompt, step_prompt

__all__ = [
  "Grader",
  "Problem",
  "canonical",
  "extract_answer",
  "extract_letter",
  "grade",
  "load_aime",
  "load_amc",
  "load_benchmark",
  "load_gsm8k",
  "load_math500",
  "load_problems",
  "make_prompt",
  "step_prompt",
]
