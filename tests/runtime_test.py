"""A process keeps what it compiles and frees, and tells its memory."""

import errno
import os
import pathlib
import subprocess
import sys
import types

import jax
import pytest
from absl import logging

from inference_scaling import runtime
from inference_scaling.models import sharding
from inference_scaling.models.layers import hardware

ROOT = pathlib.Path(__file__).parents[1]


@pytest.fixture(autouse=True)
def _cache_as_before():
  names = (
    "jax_compilation_cache_dir", "jax_persistent_cache_min_compile_time_secs",
  )  # fmt: skip
  before = {name: getattr(jax.config, name) for name in names}
  yield
  for name, value in before.items():
    jax.config.update(name, value)


def test_the_cache_folder_is_made_and_may_be_left_out(tmp_path):
  before = jax.config.jax_compilation_cache_dir
  runtime._use_compilation_cache("")
  assert jax.config.jax_compilation_cache_dir == before
  runtime._use_compilation_cache(str(tmp_path / "a" / "b"))
  assert (tmp_path / "a" / "b").is_dir()
  assert jax.config.jax_compilation_cache_dir == str(tmp_path / "a" / "b")
  # Programs that take less than JAX's second are kept, too.
  assert jax.config.jax_persistent_cache_min_compile_time_secs < 1


def test_a_cache_folder_that_cannot_be_made_is_no_error(tmp_path, monkeypatch):
  def refuse(self, **kwargs):
    raise OSError(errno.EROFS, "Read-only file system")

  warnings = []
  before = jax.config.jax_compilation_cache_dir
  monkeypatch.setattr(pathlib.Path, "mkdir", refuse)
  monkeypatch.setattr(logging, "warning", lambda *args: warnings.append(args))
  runtime._use_compilation_cache(str(tmp_path / "c"))
  assert jax.config.jax_compilation_cache_dir == before
  assert len(warnings) == 1 and warnings[0][1] == tmp_path / "c"


_THREADS = """
import os, sys
import jax
from inference_scaling import runtime

runtime.use_threads(int(sys.argv[1]))
jax.numpy.ones(3).block_until_ready()
print(len(os.listdir("/proc/self/task")))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="counted in /proc")
def test_a_process_has_the_threads_that_it_was_given():
  counts = [
    int(
      subprocess.run(
        [sys.executable, "-c", _THREADS, str(threads)],
        capture_output=True, text=True, check=True, cwd=ROOT,
        env=os.environ | {"JAX_PLATFORMS": "cpu"},
      ).stdout
    )
    for threads in (1, 2, 9)
  ]  # fmt: skip
  assert counts[1] > counts[0]
  assert counts[2] - counts[0] == 8 * (counts[1] - counts[0])


def test_threads_that_came_too_late_are_told(monkeypatch):
  for name, value in runtime.threads(2).items():
    monkeypatch.setenv(name, value)
  runtime.check_threads(2)
  runtime.check_threads(0)
  with pytest.raises(ValueError, match=r"use_threads\(3\)"):
    runtime.check_threads(3)


_FAULTS = """
import ctypes, resource, sys
from inference_scaling import runtime

if not hasattr(ctypes.CDLL(None), "mallopt"):
  sys.exit("another allocator")
runtime._keep_freed_memory()
for _ in range(3):
  before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
  block = b"x" * (1 << 26)  # numpy would ask for huge pages
  del block
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="of the GNU allocator")
def test_memory_that_is_freed_is_not_faulted_in_again():
  done = subprocess.run(
    [sys.executable, "-c", _FAULTS], capture_output=True, text=True, cwd=ROOT
  )
  if "another allocator" in done.stderr:
    pytest.skip("this C library has no mallopt")
  assert done.returncode == 0, done.stderr
  assert int(done.stdout) < 1000  # of 16384 pages


_HELD = """
from inference_scaling import runtime

runtime.memory_in_use()  # starts JAX
before = runtime.memory_in_use()
block = b"x" * (1 << 28)
print(before, runtime.memory_in_use() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not tell")
def test_memory_of_a_process_without_devices_that_count_it():
  # In a process of its own: this one has freed memory to use again.
  done = subprocess.run(
    [sys.executable, "-c", _HELD], capture_output=True, text=True, cwd=ROOT,
    env=os.environ | {"JAX_PLATFORMS": "cpu"},
  )  # fmt: skip
  assert done.returncode == 0, done.stderr
  before, more = map(int, done.stdout.split())
  assert 2**25 < before < 2**33
  assert abs(more - 2**28) < 2**24


def test_memory_is_that_of_the_fullest_device(monkeypatch):
  devices = [
    types.SimpleNamespace(memory_stats=lambda used=used: {"bytes_in_use": used})
    for used in (5, 9, 7)
  ]
  monkeypatch.setattr(jax, "local_devices", lambda: devices)
  assert runtime.memory_in_use() == 9


def test_memory_of_a_device(monkeypatch):
  device = types.SimpleNamespace(memory_stats=lambda: {"bytes_limit": 7})
  monkeypatch.setattr(jax, "local_devices", lambda: [device])
  assert runtime.device_memory() == 7
  device.memory_stats = lambda: None  # of a CPU: that of the machine
  assert runtime.device_memory() > (runtime.memory_in_use() or 0) > 2**25


@pytest.fixture(name="warned")
def _warned(tmp_path, monkeypatch):
  """Tells what is warned of, given versions, a platform and a device."""
  monkeypatch.setattr(sys, "path", [str(tmp_path)])  # where metadata is read
  monkeypatch.setattr(jax, "default_backend", lambda: "cpu")
  monkeypatch.setattr(runtime, "_NVIDIA", tmp_path / "nvidia0")
  said = []
  monkeypatch.setattr(
    logging, "warning", lambda text, *values: said.append(text % values)
  )

  def warned(versions, device=False, platforms=None):
    for name, version in versions.items():
      folder = tmp_path / f"{name.replace('-', '_')}-{version}.dist-info"
      folder.mkdir()
      (folder / "METADATA").write_text(
        f"Name: {name}\nVersion: {version}\n"
        'Requires-Dist: libtpu==0.0.50.*; extra == "tpu"\n'
      )
    if device:
      runtime._NVIDIA.touch()
    runtime.warn_of_lost_accelerator.cache_clear()
    # Not the setter, which would forget the devices of all tests.
    config = types.SimpleNamespace(jax_platforms=platforms)
    with monkeypatch.context() as patch:
      patch.setattr(jax, "config", config)
      runtime.warn_of_lost_accelerator()
      runtime.warn_of_lost_accelerator()
    return said

  yield warned
  runtime.warn_of_lost_accelerator.cache_clear()


JAX = {"jax": "0.12.0", "jaxlib": "0.12.0"}


@pytest.mark.parametrize(
  ("name", "extra"),
  [
    ("jax-cuda12-plugin", "cuda12"), ("jax-cuda12-pjrt", "cuda12"),
    ("jax-cuda13-plugin", "cuda13"), ("jax-cuda13-pjrt", "cuda13"),
  ],
)  # fmt: skip
def test_a_plugin_that_was_left_behind_is_named(warned, name, extra):
  (text,) = warned(JAX | {name: "0.7.2"}, device=True)
  assert f"{name} is 0.7.2 and jaxlib is 0.12.0" in text
  assert f'pip install -U "jax[{extra}]==0.12.0"' in text


def test_a_libtpu_that_was_left_behind_is_named(warned):
  (text,) = warned(JAX | {"libtpu": "0.0.5"})
  assert "libtpu is 0.0.5 and jax 0.12.0 goes with 0.0.50" in text
  assert 'pip install -U "jax[tpu]==0.12.0"' in text


@pytest.mark.parametrize("plugin", ["0.12.0", None])
def test_a_device_that_jax_does_not_use_is_told(warned, plugin):
  installed = {"jax-cuda13-plugin": plugin} if plugin else {}
  (text,) = warned(JAX | installed, device=True)
  assert "but JAX computes on the CPU: jaxlib is 0.12.0 and" in text
  assert ("nvidia-smi" in text) == bool(plugin)
  assert ('pip install -U "jax[cuda12]==0.12.0"' in text) != bool(plugin)


@pytest.mark.parametrize("platforms", [None, "cpu"])
def test_no_warning_where_all_is_well_or_the_cpu_is_asked_for(
  warned, platforms
):
  other = "0.12.0" if platforms is None else "0.7.2"
  installed = {"jax-cuda12-plugin": other, "libtpu": "0.0.50.1"}
  assert not warned(JAX | installed, platforms is not None, platforms)


@pytest.mark.parametrize("missing", ["jax", "jaxlib"])
def test_no_warning_where_jax_is_of_no_package(warned, missing):
  here = {name: JAX[name] for name in JAX if name != missing}
  device = missing == "jaxlib"
  assert not warned(here | {"jax-cuda12-plugin": "0.12.0"}, device)


@pytest.mark.parametrize(
  "look", [lambda: hardware.of_mesh(None), lambda: sharding.make_mesh(1, 8)]
)
def test_it_is_told_when_devices_are_looked_at(monkeypatch, look):
  told = []
  monkeypatch.setattr(
    runtime, "warn_of_lost_accelerator", lambda: told.append(True)
  )
  look()
  assert told
