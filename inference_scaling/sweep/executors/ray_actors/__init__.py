"""Workers as actors of Ray.

`executor` is what the driver uses. It starts `cluster`, a process that speaks
to Ray: Ray prints, takes signals, and ends the process that loses its cluster,
none of which may befall the driver.
"""

from inference_scaling.sweep.executors.ray_actors.executor import Ray

__all__ = ["Ray"]
