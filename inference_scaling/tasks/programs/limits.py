"""What a program may use up."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Limits:
  """Limits of one program; it may have one process, and write no file.

  Attributes:
    seconds: of time, for its tests and for what it does beside them, each.
    cpu_seconds: of processor time, likewise.
    call_seconds: of processor time of one call, where calls are only observed.
    memory_mib: of addresses in each of its processes.
    open_files: files and pipes that are open at once.
  """

  seconds: float = 20.0
  cpu_seconds: int = 10
  call_seconds: float = 1.0
  memory_mib: int = 1024
  open_files: int = 64

  def __str__(self) -> str:
    return (
      f"one process without files or network, {self.memory_mib} MiB, "
      f"{self.cpu_seconds} s of processor time, {self.seconds:g} s in all"
    )


DEFAULT = Limits()
