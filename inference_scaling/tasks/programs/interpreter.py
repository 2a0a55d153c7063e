"""The Python that runs in a box, and what it reads."""

import os
import pathlib
import sys
import sysconfig

_FOLDER = pathlib.Path(__file__).with_name("inside")
_SYSTEM = (
  "/lib", "/lib64", "/usr/lib", "/usr/lib64", "/etc/ld.so.cache",
  "/usr/share/zoneinfo",
)  # fmt: skip
# Sets are listed in one order at every run; libraries start no thread.
VARIABLES = {
  "PYTHONHASHSEED": "0",
  "LC_ALL": "C.UTF-8",
  "OPENBLAS_NUM_THREADS": "1",
  "OMP_NUM_THREADS": "1",
  "MKL_NUM_THREADS": "1",
}


def command() -> list[str]:
  """The command that starts what runs in a box."""
  # Without the site: it would read files of the user's home.
  return [_program(), "-P", "-s", "-S", "-B", str(_FOLDER / "box.py")]


def packages() -> list[str]:
  """Folders of installed packages: programs may use NumPy, where it is."""
  paths = sysconfig.get_paths()
  return list(dict.fromkeys((paths["purelib"], paths["platlib"])))


def readable() -> list[str]:
  """Paths that a box must read: the interpreter, libraries, its own code."""
  paths = [*_SYSTEM, _program(), str(_FOLDER), *packages()]
  # All of /usr would show more than a program needs.
  for name in ("stdlib", "platstdlib"):
    paths.append(sysconfig.get_paths(vars={"base": sys.base_prefix})[name])
  if sys.base_prefix not in ("/", "/usr"):
    paths.append(sys.base_prefix)
  return [
    path for path in dict.fromkeys(paths) if os.path.lexists(path)
  ]  # fmt: skip


def _program() -> str:
  """The interpreter itself, whatever environment it was started in."""
  base = getattr(sys, "_base_executable", None) or sys.executable
  return os.path.realpath(base)
