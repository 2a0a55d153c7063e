"""Commands of an installed package, from what a wheel is made of."""

import os
import pathlib
import re
import subprocess
import sys

import pytest

from inference_scaling import command_line, console

ROOT = pathlib.Path(__file__).parents[2]
PROGRAMS = sorted(path.stem for path in (ROOT / "launch").glob("*.py"))


@pytest.fixture(name="built", scope="module")
def _built(tmp_path_factory):
  """A folder with the package as in a wheel, and a command as pip makes it."""
  folder = tmp_path_factory.mktemp("built")
  subprocess.run(
    [
      sys.executable, "setup.py", "-q", "egg_info", "--egg-base", str(folder),
      "build_py", "--build-lib", str(folder / "lib"),
    ],
    cwd=ROOT, check=True, capture_output=True,
  )  # fmt: skip
  for name in PROGRAMS:
    command = folder / f"inference-scaling-{name}"
    command.write_text("from inference_scaling.console import main\nmain()\n")
  (folder / "empty").mkdir()
  return folder


def run(built, program, *arguments):
  """Runs a command in an empty folder."""
  return subprocess.run(
    [sys.executable, built / f"inference-scaling-{program}", *arguments],
    cwd=built / "empty", text=True, capture_output=True,
    env=os.environ | {
      "PYTHONPATH": str(built / "lib"), "JAX_PLATFORMS": "cpu",
      "PYTHONSAFEPATH": "1",
    },
  )  # fmt: skip


def test_there_is_a_command_for_each_program(built):
  (text,) = (path.read_text() for path in built.glob("*/entry_points.txt"))
  commands = re.findall(r"(\S+) = inference_scaling\.console:main\n", text)
  assert commands == [f"inference-scaling-{name}" for name in PROGRAMS]
  shipped = built / "lib" / "inference_scaling" / "shipped"
  for folder in ("launch", "configs"):
    names = {path.name for path in (ROOT / folder).glob("*.py")}
    assert {path.name for path in (shipped / folder).glob("*.py")} == names
  assert not (shipped / "configs" / "results").exists()


def test_a_command_takes_the_configs_that_come_with_it(built):
  done = run(built, "sweep", "--config=demo:runlocal", "--config.task.colour=1")
  assert done.returncode == 1
  assert "--config.task.colour: there is no such key" in done.stderr
  done = run(built, "sweep", "--config=demos")
  assert done.returncode == 1
  assert "there is no config file 'demos'" in done.stderr
  assert "such as --config=demo." in done.stderr
  assert not list((built / "empty").iterdir())


def test_a_notebook_takes_them_by_name(built):
  lines = (
    "from inference_scaling import console",
    "config = console.load_config('demo', 'runlocal')",
    "print(console.root().name, config.task.count, config.runs.rebase.n)",
    "print(console.load_config('demo').task.count)",
  )
  done = subprocess.run(
    [sys.executable, "-c", "\n".join(lines)],
    cwd=built / "empty", text=True, capture_output=True, check=True,
    env=os.environ | {"PYTHONPATH": str(built / "lib")},
  )  # fmt: skip
  assert done.stdout.splitlines() == ["shipped 6 (4,)", "102"]
  for name in ("demos", "common", "../configs/demo"):
    with pytest.raises(
      ValueError, match=f"no config '{name}'; .* of adaptive,"
    ):
      console.load_config(name)
  with pytest.raises(ValueError, match="argument is 'fast'"):
    console.load_config("demo", "fast")


@pytest.mark.slow
def test_the_demo_runs_in_an_empty_folder(built):
  done = run(built, "sweep", "--config=demo:runlocal")
  assert done.returncode == 0, done.stderr
  folder = built / "empty" / "runs" / "demo_runlocal"
  assert (folder / "report.md").is_file()
  done = run(built, "report", "runs/demo_runlocal", "--help")
  assert "--aggregation" in done.stdout and "--[no]traceback" in done.stdout


def test_a_command_of_another_name_is_refused(monkeypatch):
  monkeypatch.setattr(sys, "argv", ["/bin/inference-scaling-sweeps"])
  with pytest.raises(SystemExit, match="sweeps'; expected inference-scaling-"):
    console.main()
  assert console.root() == ROOT


@pytest.mark.parametrize(
  ("given", "taken"),
  [
    (["--config=demo"], ["--config=DEMO"]),
    (["--config=demo:runlocal"], ["--config=DEMO:runlocal"]),
    (["--config", "demo:a,b"], ["--config", "DEMO:a,b"]),
    (["--workdir=demo", "-config=demo"], ["--workdir=demo", "-config=DEMO"]),
    (["demo", "--config=demo"], ["demo", "--config=DEMO"]),
    (["--config=demo2", "--config=demo"], ["--config=demo2", "--config=DEMO"]),
  ],
)
def test_a_name_becomes_the_path_of_its_config(given, taken):
  argv = command_line._with_config(["sweep", *given], "demo", "DEMO")
  assert argv == ["sweep", *taken]


def test_a_file_of_that_name_comes_first(tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)
  program = str(ROOT / "launch" / "sweep.py")
  config = str(ROOT / "configs" / "demo.py")
  assert command_line._shipped(program, "demo") == config
  for name in ("demo.py", "configs/demo", "", "nothing", "../configs/demo"):
    assert command_line._shipped(program, name) is None
  (tmp_path / "demo").touch()
  assert command_line._shipped(program, "demo") is None
