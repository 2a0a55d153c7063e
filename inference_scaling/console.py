"""Programs of an installed package: `inference-scaling-sweep` and its like.

They are those of `launch/`, run as they stand. A wheel holds copies of
`launch/` and `configs/` in the folder `shipped` of this package (setup.py puts
them there); an editable install runs those of its checkout. What follows
`inference-scaling-` is the name of the program.
"""

import pathlib
import runpy
import sys

PREFIX = "inference-scaling-"
_PACKAGE = pathlib.Path(__file__).parent


def root() -> pathlib.Path:
  """The folder that holds `launch/` and `configs/`."""
  shipped = _PACKAGE / "shipped"
  return shipped if shipped.is_dir() else _PACKAGE.parent


def main() -> None:
  """Runs the program that the command is named after.

  Raises:
    SystemExit: for a command of another name.
  """
  name = pathlib.Path(sys.argv[0]).stem.removeprefix(PREFIX)
  programs = {path.stem: path for path in (root() / "launch").glob("*.py")}
  if name not in programs:
    raise SystemExit(
      f"Error: the command is {sys.argv[0]!r}; expected {PREFIX} and one of "
      f"{', '.join(sorted(programs)) or 'no program: install again'}."
    )
  # Flags of a program go by its path, and configs stand beside its folder.
  sys.argv[0] = str(programs[name])
  runpy.run_path(sys.argv[0], run_name="__main__")
