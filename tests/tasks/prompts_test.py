import pytest

from inference_scaling import tasks


def test_prompt_is_the_question_on_a_line_of_its_own():
  assert tasks.step_prompt(" How many? \n") == "How many?\n"


def test_empty_question_is_refused():
  with pytest.raises(ValueError, match="question is empty"):
    tasks.step_prompt("  \n")
