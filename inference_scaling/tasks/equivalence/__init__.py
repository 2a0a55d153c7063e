r"""Reads two answers as mathematics, whole, and says whether they are equal.

An answer is read to its last token or not at all: `UnreadableError` is raised
for what the grammar does not cover, and such an answer equals nothing but its
own text. Nothing here imports JAX or any module outside `tasks`; it runs in
the grading process.
"""

from inference_scaling.tasks.equivalence.comparison import is_equal
from inference_scaling.tasks.equivalence.nodes import Node, UnreadableError
from inference_scaling.tasks.equivalence.reading.statements import parse

__all__ = ["Node", "UnreadableError", "is_equal", "parse"]
