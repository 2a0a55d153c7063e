"""The embedded family: small models that come with the package.

Three policies, a fourth that thinks and a reward model, trained by this
repository on its synthetic benchmark, as folders in Hugging Face format. Each
has a card, README.md, which states how it was made and what it reaches.
"""

import pathlib

PREFIX = "embedded/"
# For those who ask them something.
NOTE = (
  "Note: the embedded models are tiny and know only problems worded like those "
  "of the synthetic benchmark."
)
_ROOT = pathlib.Path(__file__).parent


def embedded_names() -> list[str]:
  """Lists the embedded models.

  Returns:
    Names as `resolve` takes them, sorted.
  """
  return sorted(
    PREFIX + path.parent.name for path in _ROOT.glob("*/config.json")
  )


def resolve(name: str) -> pathlib.Path:
  """Finds the folder of a model.

  Args:
    name: "embedded/" and the name of an embedded model, or any path.

  Returns:
    The folder.

  Raises:
    ValueError: where there is no embedded model of that name.
  """
  if not name.startswith(PREFIX):
    return pathlib.Path(name)
  if name not in embedded_names():
    raise ValueError(
      f"there is no embedded model {name!r}; expected one of "
      f"{', '.join(embedded_names())}, or a path to a checkpoint folder."
    )
  return _ROOT / name.removeprefix(PREFIX)


__all__ = ["NOTE", "PREFIX", "embedded_names", "resolve"]
