"""Solved examples in the step format, for few-shot prompts."""

from collections.abc import Sequence

from inference_scaling.tasks.extraction.statements import STEP_TAG


def _example(question: str, *steps: str) -> dict[str, str]:
  """Numbers and tags the steps; the last one states the answer."""
  lines = [
    f"Step {i}: {step} {STEP_TAG}" for i, step in enumerate(steps, start=1)
  ]
  return {"question": question, "solution": "\n".join(lines)}


# Problems like those of GSM8K.
GRADE_SCHOOL: Sequence[dict[str, str]] = (
  _example(
    "A baker fills 6 trays with 12 rolls each. She sells 50 of the rolls "
    "before noon. How many rolls are left?",
    "The baker has 6 * 12 = 72 rolls.",
    "After selling 50 of them she has 72 - 50 = 22 rolls left. "
    "The answer is: 22",
  ),
  _example(
    "Tom earns $15 an hour. He works 4 hours on Saturday and 3 hours on "
    "Sunday, and then spends a third of what he has earned. How many dollars "
    "are left?",
    "Tom works 4 + 3 = 7 hours.",
    "He earns 7 * 15 = 105 dollars.",
    "He spends 105 / 3 = 35 dollars.",
    "So 105 - 35 = 70 dollars are left. The answer is: 70",
  ),
  _example(
    "A pool holds 1,200 liters of water. One hose adds 30 liters a minute and "
    "another one 20 liters a minute. How many minutes does it take both hoses "
    "together to fill half of the pool?",
    "Half of the pool is 1200 / 2 = 600 liters.",
    "Both hoses add 30 + 20 = 50 liters a minute.",
    "It takes them 600 / 50 = 12 minutes. The answer is: 12",
  ),
  _example(
    "Nina is 4 years older than twice the age of her brother. In 5 years her "
    "brother will be 12 years old. How old is Nina now?",
    "Her brother is 12 - 5 = 7 years old now.",
    "Twice his age is 2 * 7 = 14.",
    "Nina is 14 + 4 = 18 years old. The answer is: 18",
  ),
)

# Problems like those of MATH: answers are formulas.
COMPETITION: Sequence[dict[str, str]] = (
  _example(
    "Find the largest real number $x$ such that $2x^2 - 7x + 3 = 0.$",
    "We factor: $2x^2 - 7x + 3 = (2x - 1)(x - 3).$",
    r"The solutions are $x = \frac{1}{2}$ and $x = 3,$ of which $3$ is the "
    "largest. The answer is: $3$",
  ),
  _example(
    "Two fair dice with six sides are rolled. What is the probability that "
    "the sum of the two numbers is at least $10$? Give a common fraction.",
    r"There are $6 \cdot 6 = 36$ outcomes, all equally likely.",
    "The sum is $10$ in $3$ of them, $11$ in $2$ and $12$ in $1,$ which makes "
    "$3 + 2 + 1 = 6$ outcomes.",
    r"The probability is $\frac{6}{36} = \frac{1}{6}.$ "
    r"The answer is: $\frac{1}{6}$",
  ),
  _example(
    "For which real numbers $x$ is $|2x - 1| < 5$? Give the answer in interval "
    "notation.",
    "The inequality says that $-5 < 2x - 1 < 5.$",
    "We add $1$ to each part: $-4 < 2x < 6.$",
    "We divide by $2$: $-2 < x < 3.$ The answer is: $(-2, 3)$",
  ),
  _example(
    "Which point $(x,y)$ of the line $y = 2x + 1$ is closest to the origin?",
    r"The segment from the origin to the closest point is perpendicular to "
    r"the line, so that the point is on the line $y = -\frac{1}{2} x.$",
    r"Where both lines meet, $-\frac{1}{2} x = 2x + 1,$ so "
    r"$x = -\frac{2}{5}.$",
    r"Then $y = -\frac{1}{2} \cdot \left(-\frac{2}{5}\right) = \frac{1}{5}.$ "
    r"The answer is: $\left(-\frac{2}{5}, \frac{1}{5}\right)$",
  ),
)
