"""Programs of an installed package: `inference-scaling-sweep` and its like.

They are those of `launch/`, run as they stand. A wheel holds copies of
`launch/` and `configs/` in the folder `shipped` of this package (setup.py puts
them there); an editable install runs those of its checkout. What follows
`inference-scaling-` is the name of the program. Notebooks load the configs by
name, as `--config` does.
"""

import importlib
import pathlib
import runpy
import sys

import ml_collections

PREFIX = "inference-scaling-"
_PACKAGE = pathlib.Path(__file__).parent


def root() -> pathlib.Path:
  """The folder that holds `launch/` and `configs/`."""
  shipped = _PACKAGE / "shipped"
  return shipped if shipped.is_dir() else _PACKAGE.parent


def load_config(name: str, argument: str = "") -> ml_collections.ConfigDict:
  """Makes a config that comes with the package, as --config=NAME:ARGUMENT does.

  Args:
    name: of its file, such as "demo".
    argument: of the config; "" for its default.

  Returns:
    The config, which may be changed before it is run.

  Raises:
    ValueError: for a name that no config has, or an argument that it refuses.
  """
  names = {
    path.stem
    for path in (root() / "configs").glob("*.py")
    if "\ndef get_config(" in path.read_text("utf-8")  # not what they share
  }
  if name not in names:
    raise ValueError(
      f"there is no config {name!r}; expected one of "
      f"{', '.join(sorted(names))}."
    )
  if str(root()) not in sys.path:  # configs import each other
    sys.path.append(str(root()))
  module = importlib.import_module(f"configs.{name}")
  return module.get_config(*filter(None, [argument]))


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
