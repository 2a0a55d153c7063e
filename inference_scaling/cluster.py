"""Several processes that compute together, one a host.

With --distributed a launcher is one of several processes, one a host, started
by the same command. Where JAX does not detect the cluster (it knows TPU slices,
Slurm, Open MPI and Kubernetes), process k of n is told --coordinator_address,
--num_processes=n and --process_id=k.

A process that fails ends at once, and the others after it. If process 0 failed,
to which all are connected, JAX ends them within seconds. If another one failed,
process 0 sees it when they next compute together and the connection is found
closed; if the connection only falls silent, as when a host is lost, JAX takes
the process for dead after 100 seconds. What the others then say, that another
task has failed or that a collective did (on CPUs "Connection closed by peer"),
is not the cause: look for the message of the one that failed first. What was
recorded is safe, and the same commands go on from there.
"""

import jax
from absl import flags

_DISTRIBUTED = flags.DEFINE_bool(
  "distributed", False, "Join the processes started alike on other hosts."
)
_COORDINATOR = flags.DEFINE_string(
  "coordinator_address", None,
  "HOST:PORT of process 0, for clusters that JAX does not detect.",
)  # fmt: skip
_NUM_PROCESSES = flags.DEFINE_integer(
  "num_processes", None,
  "How many processes there are, for clusters that JAX does not detect.",
  lower_bound=1,
)  # fmt: skip
_PROCESS_ID = flags.DEFINE_integer(
  "process_id", None,
  "Number of this process, from 0, for clusters that JAX does not detect.",
  lower_bound=0,
)  # fmt: skip
FLAGS = (_DISTRIBUTED, _COORDINATOR, _NUM_PROCESSES, _PROCESS_ID)


def join() -> None:
  """Joins the other processes, if --distributed asks for it.

  Raises:
    ValueError: for flags that do not go together, or a cluster that is not
      detected.
    OSError: if the others cannot be reached.
  """
  named = {
    flag.name: flag.value
    for flag in (_COORDINATOR, _NUM_PROCESSES, _PROCESS_ID)
  }
  missing = [f"--{name}" for name, value in named.items() if value is None]
  if not _DISTRIBUTED.value:
    if len(missing) < len(named):
      raise ValueError(
        "--coordinator_address, --num_processes and --process_id are of no use "
        "without --distributed. Add it."
      )
    return
  if 0 < len(missing) < len(named):
    raise ValueError(
      f"--distributed lacks {' and '.join(missing)}. Give all three of "
      "--coordinator_address, --num_processes and --process_id, or, on a "
      "cluster that JAX detects, none."
    )
  _check_address()
  try:
    jax.distributed.initialize(
      _COORDINATOR.value, _NUM_PROCESSES.value, _PROCESS_ID.value
    )
  except ValueError as error:
    raise ValueError(
      f"--distributed does not detect a cluster here ({error}). Give "
      "--coordinator_address, --num_processes and --process_id."
    ) from error
  except RuntimeError as error:
    raise OSError(
      f"cannot join the other processes: {error}. Check that all of them run "
      "and that each can reach --coordinator_address."
    ) from error


def _check_address() -> None:
  """Raises a ValueError for an address or a number that cannot be."""
  address, count = _COORDINATOR.value, _NUM_PROCESSES.value
  number = _PROCESS_ID.value
  if address is None or count is None or number is None:
    return
  host, _, port = address.rpartition(":")
  if not host or not port.isdecimal():
    raise ValueError(
      f"--coordinator_address is {address!r}; expected HOST:PORT, such as "
      "10.0.0.1:1234."
    )
  if number >= count:
    raise ValueError(
      f"--process_id is {number}; expected a number from 0 to "
      f"{count - 1}, below --num_processes."
    )
