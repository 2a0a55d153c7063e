"""Workers as jobs of a real Slurm of two nodes on this machine."""

import itertools
import os

import pytest
from submitit.slurm import slurm as submitit_slurm

from inference_scaling.sweep.executors import slurm as slurm_lib
from inference_scaling.sweep.executors.slurm import (
  commands,
  job,
  parameters,
  watch,
)
from inference_scaling.sweep.workers import executor
from tests.clusters import slurm
from tests.sweep.executors import slurm_jobs

two_nodes = slurm.two_nodes


def _make(path, work=slurm_jobs.wait, say=print, **options):
  """An executor that asks Slurm anew each time."""
  clock = itertools.count(0, 60).__next__
  return slurm_lib.Slurm(options, path / "logs", work, say, clock)


def _starts(path, *names):
  return [executor.Start(name, str(path), "token") for name in names]


def _begun(path, name):
  """Nodes on which a job has begun, one for each time."""
  file = path / name
  lines = file.read_text().splitlines() if file.exists() else []
  return [line.split()[0] for line in lines]


def _wait(what, seconds=300.0):
  # On a machine that does much else, a lost node took two minutes.
  assert slurm.wait_for(what, seconds)


def test_jobs_fill_the_nodes_and_the_rest_waits(
  two_nodes, tmp_path, monkeypatch
):
  # The driver is in a job itself: what that has is not meant for workers.
  monkeypatch.setenv("SLURM_JOB_ID", "99")
  monkeypatch.setenv("SLURM_MEM_PER_CPU", "1")
  jobs = _make(tmp_path, cpus="2", memory="0.5", time="10")
  jobs.check()
  ids = jobs.start(_starts(tmp_path, "a", "b", "c"))
  _wait(lambda: _begun(tmp_path, "a") and _begun(tmp_path, "b"))
  assert {*_begun(tmp_path, "a"), *_begun(tmp_path, "b")} == {"n1", "n2"}
  assert jobs.waiting() == {"c"} and not jobs.ended()
  array = ids["a"].split("_")[0]
  assert ids == {"a": f"{array}_0", "b": f"{array}_1", "c": f"{array}_2"}
  shown = two_nodes.run("scontrol", "show", "job", ids["a"])
  for said in ("TimeLimit=00:10:00", "CPUs/Task=2", "MinMemoryNode=512M"):
    assert said in shown

  another = _make(tmp_path)  # a driver that is started again
  another.attach(ids)
  assert another.waiting() == {"c"}
  another.stop(["b", "c"])
  assert not another.waiting()
  _wait(lambda: len(another.ended()) == 2)
  (tmp_path / "end").touch()
  _wait(lambda: len(another.ended()) == 3)
  ended = another.ended()
  assert ended["a"] == ""
  # It has ended as by Ctrl-C, and so has given its task back.
  assert "cancelled" in ended["b"] and "\n  Stopped.\n" in ended["b"]
  assert ended["c"].startswith(f"job {ids['c']}") and "cancelled" in ended["c"]


def test_jobs_begin_again_where_they_were_stopped(two_nodes, tmp_path):
  jobs = _make(tmp_path, time="5")  # which is near from the first
  names = {"limit", "requeue", "lost"}
  ids = jobs.start(_starts(tmp_path, *names))

  def all_have_begun(times):
    return all(len(_begun(tmp_path, name)) >= times for name in names)

  def all_have_waited(times):
    """Or have begun again since, while nobody looked."""
    waited.update(jobs.waiting())
    waited.update(n for n in names if len(_begun(tmp_path, n)) > times)
    return waited == names

  _wait(lambda: all_have_begun(1))
  # What Slurm sends when the time limit comes near.
  two_nodes.run("scancel", "--signal=USR2", ids["limit"])
  two_nodes.run("scontrol", "requeue", ids["requeue"])
  node = _begun(tmp_path, "lost")[0]
  two_nodes.kill_node(node)
  two_nodes.give_up_node(node)
  waited = set()
  _wait(lambda: all_have_waited(1))
  two_nodes.start_node(node)
  _wait(lambda: all_have_begun(2))
  # A job of a higher partition takes all nodes.
  two_nodes.run("sbatch", "-p", slurm.URGENT, "-N2", "--exclusive",
                "--output=/dev/null", "--wrap=true")  # fmt: skip
  waited = set()
  _wait(lambda: all_have_waited(2))
  _wait(lambda: all_have_begun(3))
  assert not jobs.ended()
  (tmp_path / "end").touch()
  _wait(lambda: len(jobs.ended()) == len(names))
  assert set(jobs.ended().values()) == {""}


def test_it_is_told_why_jobs_failed(two_nodes, tmp_path):
  jobs = _make(tmp_path, slurm_jobs.fail)
  logs = tmp_path / "logs"
  ids = jobs.start(_starts(tmp_path, "stop", "bug"))
  jobs.attach({"forgotten": "4711"})
  _wait(lambda: len(jobs.ended()) == 3)
  ended = jobs.ended()
  assert ended["stop"].startswith(f"job {ids['stop']} on n")
  assert (
    f"failed (NonZeroExitCode); {logs}/{ids['stop']}_0_log.err ends in\n"
    in (ended["stop"])
  )
  assert "\n  Error: the disk of this node is full\n" in ended["stop"]
  assert "Traceback" not in ended["stop"]
  assert "AttributeError: a bug of the package" in ended["bug"]
  assert ended["forgotten"] == (
    "job 4711 on its node: Slurm knows it no more, and no log of it is in "
    f"{logs}. If it has run, its node does not see that folder: give a "
    "--workdir that all nodes share."
  )


def test_it_is_told_that_a_node_does_not_see_the_folder(two_nodes, tmp_path):
  two_nodes.run("scontrol", "update", "nodename=n1,n2", "state=drain",
                "reason=test")  # fmt: skip
  jobs = _make(tmp_path)
  ids = jobs.start(_starts(tmp_path, "a"))
  hidden = tmp_path / "hidden"
  (tmp_path / "logs").rename(hidden)
  two_nodes.run("scontrol", "update", "nodename=n1,n2", "state=resume")
  _wait(jobs.ended)
  why = jobs.ended()["a"]
  assert why.startswith(f"job {ids['a']} on n")
  assert "does not see that folder: give a --workdir that all nodes" in why


def test_processes_of_several_nodes_are_one_jax_program(two_nodes, tmp_path):
  jobs = _make(tmp_path, slurm_jobs.gather, nodes="2")
  jobs.start(_starts(tmp_path, "a"))
  _wait(jobs.ended)
  assert jobs.ended() == {"a": ""}
  assert (tmp_path / "a").read_text() == "2 [[0, 1], [1, 1]]"


@pytest.mark.parametrize(("gpus", "devices"), [("4", [0, 1, 2, 3]), ("", None)])
def test_a_process_takes_all_gpus_of_its_node(
  gpus, devices, tmp_path, monkeypatch, capsys
):
  def refuse(**options):
    assert options["local_device_ids"] == devices
    raise RuntimeError("n1:61441 is not there")

  monkeypatch.setattr("jax.distributed.initialize", refuse)
  monkeypatch.setattr("signal.signal", lambda *handler: None)
  monkeypatch.setenv("SLURM_NTASKS", "2")
  monkeypatch.setenv("SLURM_GPUS_ON_NODE", gpus)
  with pytest.raises(SystemExit, match="1"):
    job.Job(slurm_jobs.gather)(str(tmp_path), "a", "token")
  assert capsys.readouterr().err.startswith(
    "Error: cannot join the other 1 processes of this job: n1:61441 is not "
  )


def test_what_slurm_refuses_is_told(two_nodes, tmp_path, capsys):
  with pytest.raises(ValueError, match=r"'mian'.*expected one of main, urgent"):
    _make(tmp_path, partition="main,mian").check()
  with pytest.raises(ValueError, match=r"721 minutes.*limit is 720"):
    _make(tmp_path, time="12:00:01").check()
  jobs = _make(tmp_path, memory="999", partition="urgent")
  jobs.check()
  with pytest.raises(OSError, match="node configuration is not available"):
    jobs.start(_starts(tmp_path, "a", "b"))
  assert not capsys.readouterr().err


def test_a_limit_that_was_not_asked_for_is_that_of_the_partition(
  two_nodes, tmp_path
):
  two_nodes.run("scontrol", "update", "partitionname=urgent", "maxtime=30")
  jobs = _make(tmp_path, partition="urgent")
  jobs.check()
  jobs.start(_starts(tmp_path, "a"))
  assert (
    "#SBATCH --time=30\n"
    in next((tmp_path / "logs").glob("*_submission.sh")).read_text()
  )
  jobs.stop(["a"])


def test_no_default_partition(two_nodes, tmp_path):
  two_nodes.run("scontrol", "update", "partitionname=main", "default=no")
  try:
    with pytest.raises(ValueError, match=r"no default.*one of main, urgent"):
      _make(tmp_path).check()
    with pytest.MonkeyPatch.context() as patch:
      patch.setenv("SBATCH_PARTITION", "main")
      _make(tmp_path).check()
  finally:
    two_nodes.run("scontrol", "update", "partitionname=main", "default=yes")


def test_a_job_that_may_wait_for_ever_is_told(two_nodes, tmp_path):
  said = []
  jobs = _make(tmp_path, say=said.append, nodes="3")
  ids = jobs.start(_starts(tmp_path, "a"))
  _wait(lambda: jobs.waiting() and said)
  assert jobs.waiting() == {"a"}
  # Slurm may change its reason meanwhile; each is told once.
  assert len(said) == len(set(said))
  assert all(line.startswith(f"Job {ids['a']} waits") for line in said)
  assert f"Job {ids['a']} waits, and Slurm says why: Partition" in said[0]
  jobs.stop(["a"])
  _wait(jobs.ended)


def test_a_silent_slurm_ends_no_job(two_nodes, tmp_path, monkeypatch):
  said = []
  jobs = _make(tmp_path, say=said.append)
  ids = jobs.start(_starts(tmp_path, "a"))
  assert not jobs.ended()
  for name in ("squeue", "scancel"):
    program = tmp_path / name
    program.write_text("#!/bin/sh\necho 'no controller' >&2; exit 1\n")
    program.chmod(0o755)
  with monkeypatch.context() as patch:
    patch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    for _ in range(3):
      assert not jobs.ended()
    jobs.stop(["a"])
  assert [text.partition(":")[0] for text in said] == [
    "squeue failed", "scancel failed",
  ]  # fmt: skip
  assert f"`scancel {ids['a']}`" in said[1]
  jobs.stop(["a"])
  _wait(jobs.ended)


def test_no_slurm_or_no_submitit(tmp_path, monkeypatch):
  with monkeypatch.context() as patch:
    patch.setenv("PATH", str(tmp_path))
    with pytest.raises(OSError, match=r"sbatch is not on PATH.*login node"):
      _make(tmp_path).check()
  for name in ("sbatch", "srun", "squeue", "scancel", "sinfo"):
    (tmp_path / name).touch(mode=0o755)
  monkeypatch.setenv("PATH", str(tmp_path))
  monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
  with pytest.raises(
    OSError, match=r'pip install "inference_scaling\[slurm\]"'
  ):
    _make(tmp_path).check()


def _watch(monkeypatch, path, answers):
  """A watch of two jobs; the clock, and the calls of squeue."""
  now, calls = [0.0], []
  monkeypatch.setattr(
    commands, "jobs", lambda: calls.append(now[0]) or next(answers)
  )
  watched = watch.Watch(path, print, lambda: now[0])
  watched.add({"a": "1_0", "b": "1_1"})
  return watched, now, calls


_WAITS = commands.Job("PENDING", "Resources", "")
_RUNS = commands.Job("RUNNING", "None", "n1")


def test_squeue_is_asked_once_for_all(tmp_path, monkeypatch):
  answers = itertools.repeat({"1_0": _WAITS, "1_1": _RUNS})
  watched, now, calls = _watch(monkeypatch, tmp_path, answers)
  for now[0] in (0.0, 1.0, 4.9, 5.0, 9.9):
    assert watched.waiting() == {"a"} and not watched.ended()
  assert calls == [0.0, 5.0]


def test_a_job_is_gone_if_it_is_missing_twice(tmp_path, monkeypatch):
  both = {"1_0": _WAITS, "1_1": _RUNS}
  answers = iter([both, {"1_0": _WAITS}, both, {}, {"1_0": _RUNS}])
  watched, now, _ = _watch(monkeypatch, tmp_path, answers)
  for now[0] in (0.0, 5.0, 10.0, 15.0):
    assert not watched.ended()
  now[0] = 20.0
  assert watched.ended().keys() == {"b"}


def test_a_job_that_slurm_has_forgotten_left_a_result(tmp_path, monkeypatch):
  (tmp_path / "1_1_0_result.pkl").touch()
  watched, _, _ = _watch(monkeypatch, tmp_path, iter([{"1_0": _RUNS}]))
  assert watched.ended() == {"b": ""}


@pytest.mark.parametrize(
  ("options", "parts"),
  [
    ({"partiton": "main"}, ["executor.partiton", "partition, time, qos"]),
    ({"time": "1:30"}, ["executor.time is '1:30'", "such as 90 or 01:30:00"]),
    ({"time": "0"}, ["executor.time is '0'"]),
    ({"cpus": "two"}, ["executor.cpus is 'two'", "whole number"]),
    ({"gpus": "0"}, ["executor.gpus is '0'"]),
    ({"memory": "16G"}, ["executor.memory is '16G'", "GiB, such as 16"]),
    ({"memory": "nan"}, ["executor.memory is 'nan'"]),
    ({"account": " "}, ["executor.account is empty"]),
  ],
)
def test_bad_options(tmp_path, options, parts):
  with pytest.raises(ValueError) as error:
    slurm_lib.Slurm(options, tmp_path)
  for part in parts:
    assert part in str(error.value)


@pytest.mark.parametrize(
  ("text", "minutes"),
  [
    ("90", 90),
    ("01:30:00", 90),
    ("1-00:00:01", 1441),
    ("30:00", 30),
    ("infinite", None),
  ],
)
def test_times(text, minutes):
  assert parameters.parse_time(text) == minutes


def test_options_become_those_of_sbatch():
  options = dict(
    partition="gpu", time="2:00:00", qos="low", account="lab", nodes="2",
    constraint="h200", cpus="8", gpus="4", memory="1.5", array_parallelism="3",
  )  # fmt: skip
  complete = parameters.complete(parameters.read(options))
  script = submitit_slurm._make_sbatch_string(
    "it", "logs", map_count=5, **complete
  )
  for line in (
    "partition=gpu", "time=120", "qos=low", "account=lab", "nodes=2",
    "constraint=h200", "cpus-per-task=8", "gpus-per-node=4", "mem=1536M",
    "array=0-4%3", "requeue", "ntasks-per-node=1", "signal=USR2@90",
  ):  # fmt: skip
    assert f"#SBATCH --{line}\n" in script
  assert "--kill-on-bad-exit=1 --cpus-per-task=8" in script
  assert "export NPROC=8" in script
