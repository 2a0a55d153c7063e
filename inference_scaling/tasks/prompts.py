"""Turns the question of a problem into the text that a model goes on from."""


def step_prompt(question: str) -> str:
  """Returns the prompt of the plain step format.

  The model goes on with `Step 1: ... ки`, one step a line, and closes with
  `The answer is: ... ки`. There is no template, no system text and no
  beginning-of-text mark: policies and reward models are trained on exactly
  this text.

  Args:
    question: the question of a problem; spaces around it are dropped.

  Returns:
    The prompt.

  Raises:
    ValueError: if the question is empty.

  References:
    Wang et al., Math-Shepherd, 2024 (arXiv:2312.08935), Section 3.
  """
  question = question.strip()
  if not question:
    raise ValueError("the question is empty: a prompt needs some text")
  return f"{question}\n"
