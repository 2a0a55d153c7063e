"""A process that computes: its settings, its accelerator and its memory."""

import ctypes
import functools
import os
import pathlib
import re
import sys
from importlib import metadata

import jax
from absl import logging

_STATUS = pathlib.Path("/proc/self/status")
_RESIDENT = "VmRSS:"
# Of malloc.h: one arena for all threads, no block outside of it, and nothing of
# it trimmed.
_ARENA_MAX, _MMAP_MAX, _TRIM_THRESHOLD = -8, -4, -1
_KEEPING = ((_ARENA_MAX, 1), (_MMAP_MAX, 0), (_TRIM_THRESHOLD, -1))
_NVIDIA = pathlib.Path("/dev/nvidia0")  # where a driver has found a device
# JAX's parts for accelerators, by the extras of JAX that install them.
_PLUGINS = {
  f"jax-{extra}-{part}": extra
  for extra in ("cuda13", "cuda12")
  for part in ("plugin", "pjrt")
}
_LIBTPU = "libtpu"


def set_up(cache: str) -> None:
  """Sets up this process; to be called before anything is computed.

  Args:
    cache: folder of compiled programs; "" for none.
  """
  _use_compilation_cache(cache)
  _keep_freed_memory()


def threads(count: int) -> dict[str, str]:
  """Makes what tells JAX how many threads to have.

  They divide a product among them, and its sums with it: other threads, other
  last bits. That there are more than cores costs little.

  Args:
    count: of the threads of a process.

  Returns:
    Environment variables for a process that has not begun to compute.
  """
  return {"NPROC": str(count), "PJRT_NPROC": str(count)}


def use_threads(count: int) -> None:
  """Gives this process threads; to be called before anything is computed.

  Args:
    count: of them; 0 for as many as there are cores.
  """
  if count:
    os.environ.update(threads(count))


def check_threads(count: int) -> None:
  """Checks that this process was given the threads that a sweep asks for.

  Args:
    count: as for `use_threads`.

  Raises:
    ValueError: if it was not.
  """
  if count and not threads(count).items() <= os.environ.items():
    raise ValueError(
      f"config.threads is {count}, which JAX takes before it computes. "
      f"Call inference_scaling.runtime.use_threads({count}) as the program "
      "begins, as the launchers do."
    )


@functools.cache
def warn_of_lost_accelerator() -> None:
  """Warns in one line, and once, if an accelerator is there but not used.

  JAX computes on the CPU without a word where its plugin for an accelerator is
  of another version than jaxlib, or missing. Whoever set JAX_PLATFORMS=cpu is
  not warned. To be called when devices are first looked at, which it does.
  """
  # JAX makes its settings as it starts.
  platforms = jax.config.jax_platforms  # pyright: ignore[reportAttributeAccessIssue]
  if platforms == "cpu":
    return
  if fault := _mismatch() or _unused(jax.default_backend()):
    logging.warning("%s", fault)


def missing_devices() -> str | None:
  """Says that JAX has no device of the platforms that it was told to use.

  Returns:
    The platforms, JAX's reason and what to do, for an error of the user's;
    None where JAX has devices. It looks at them: threads are set before.
  """
  try:
    jax.devices()
  except (RuntimeError, AssertionError) as error:  # the latter for 'cuda'
    platforms = jax.config.jax_platforms  # pyright: ignore[reportAttributeAccessIssue]
    reason = " ".join(str(error).split()) or "no plugin for it is installed"
    return (
      f"JAX_PLATFORMS is {platforms!r}, and JAX has no device there: {reason}. "
      "Take JAX_PLATFORMS out of the environment, or install JAX's part for "
      "the accelerator (launch/README.md)."
    )
  return None


def memory_in_use() -> int | None:
  """Tells the memory in use.

  Returns:
    Bytes of the fullest device of this process; where devices do not count
    them, as CPUs, those of the process that are resident. None where the system
    does not tell them: only Linux does.
  """
  stats = [device.memory_stats() or {} for device in jax.local_devices()]
  used = [own["bytes_in_use"] for own in stats if "bytes_in_use" in own]
  if used:
    return max(used)
  try:
    lines = _STATUS.read_text().splitlines()
  except OSError:
    return None
  for line in lines:
    if line.startswith(_RESIDENT):
      return int(line.split()[1]) * 1024
  return None


def device_memory() -> int:
  """Tells the memory that programs may take.

  Returns:
    Bytes of the first device of this process; where devices do not tell them,
    as CPUs, those of the machine.
  """
  stats = jax.local_devices()[0].memory_stats() or {}
  if "bytes_limit" in stats:
    return stats["bytes_limit"]
  return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _mismatch() -> str | None:
  """Says which part for an accelerator does not go with JAX, and the remedy."""
  jaxlib = _version("jaxlib")
  if not jaxlib or not _version("jax"):  # not of packages: nothing to compare
    return None
  for name, extra in _PLUGINS.items():
    if (version := _version(name)) and version != jaxlib:
      return (
        f"{name} is {version} and jaxlib is {jaxlib}: JAX may leave the "
        f"accelerator aside. {_remedy(extra, jaxlib)}"
      )
  pins = (
    re.match(r"libtpu==([\d.]+)\.\*; extra == .tpu.", requirement)
    for requirement in metadata.requires("jax") or ()
  )
  wanted = next((pin[1] for pin in pins if pin), None)
  libtpu = _version(_LIBTPU)
  if wanted and libtpu and not f"{libtpu}.".startswith(f"{wanted}."):
    jax_version = _version("jax")
    return (
      f"{_LIBTPU} is {libtpu} and jax {jax_version} goes with {wanted}: JAX "
      f"may leave the TPU aside. {_remedy('tpu', jax_version)}"
    )
  return None


def _unused(platform: str) -> str | None:
  """Says that an NVIDIA device is visible and JAX is on the CPU, and why."""
  jaxlib = _version("jaxlib")
  if platform != "cpu" or not _NVIDIA.exists() or not jaxlib:
    return None
  text = f"{_NVIDIA} is an NVIDIA device, but JAX computes on the CPU: "
  for name in _PLUGINS:
    if version := _version(name):
      return (
        f"{text}jaxlib is {jaxlib} and {name} {version}, which agree. See what "
        "nvidia-smi says of the driver."
      )
  return (
    f"{text}jaxlib is {jaxlib} and no plugin is installed. "
    f"{_remedy('cuda12', jaxlib)} (cuda13 where the driver is of CUDA 13)"
  )


def _version(name: str) -> str | None:
  """The version of a distribution; None where it is not installed."""
  try:
    return metadata.version(name)
  except metadata.PackageNotFoundError:
    return None


def _remedy(extra: str, version: str | None) -> str:
  """The command that installs JAX's part for an accelerator."""
  return f'Run: pip install -U "jax[{extra}]=={version}", then start again.'


def _use_compilation_cache(folder: str) -> None:
  """Keeps compiled programs in a folder, if it can be written."""
  if not folder:
    return
  path = pathlib.Path(folder).expanduser()
  try:
    path.mkdir(parents=True, exist_ok=True)
  except OSError as error:
    logging.warning("No compilation cache in %s: %s.", path, error)
    return
  jax.config.update("jax_compilation_cache_dir", str(path))
  # Many programs here compile in less than the second that is JAX's default.
  jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.1)


def _keep_freed_memory() -> None:
  """Lets the GNU allocator keep what programs free for their next call.

  It gives large blocks back to the system, page by page to be zeroed again at
  the next call, and on a CPU a call of decoding lasts for a few tokens alone.
  Programs for a CPU run on the thread that calls them: one that JAX makes for
  them takes blocks from elsewhere, and after some calls faults as before (0.13
  s a call of 64 rows of Qwen2.5-0.5B, which takes as long for a token).
  """
  jax.config.update("jax_cpu_enable_async_dispatch", False)
  library = ctypes.CDLL(None) if sys.platform == "linux" else None
  if not hasattr(library, "mallopt"):  # another allocator
    return
  assert library is not None
  for option, value in _KEEPING:
    library.mallopt(option, value)
