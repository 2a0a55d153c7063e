"""A sweep compiled for devices that are not there: does it fit, how fast."""

__all__: list[str] = []
