"""What transformers calls the classifiers that it makes of a family's body."""

from collections.abc import Sequence

from inference_scaling.models import families

_LANGUAGE_MODEL = "ForCausalLM"
# A family for text alone, beside one for images and text, says so in these.
_TEXT = "_text"


def architectures(task: str, without: Sequence[str] = ()) -> tuple[str, ...]:
  """Lists classes of all families.

  Args:
    task: what is classified, "Sequence" or "Token".
    without: families, by `model_type`, whose heads are named otherwise.

  Returns:
    What `architectures` of their config.json files name.
  """
  return tuple(
    family.architecture.removesuffix(_LANGUAGE_MODEL)
    + ("Text" if name.endswith(_TEXT) else "")
    + f"For{task}Classification"
    for name, family in families.FAMILIES.items()
    if name not in without
  )
