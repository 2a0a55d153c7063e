"""Names of targets, and the devices that compilers make of them."""

import pytest

from inference_scaling.plan import chips, targets
from tests.plan import small


def test_names_are_read():
  target = targets.parse("v6e:2x4")
  assert target.chip is chips.CHIPS["v6e"] and target.num_devices == 8
  assert target.name == "v6e:2x4"
  assert targets.parse("h200").name == "h200:1"
  assert targets.parse("h200:16").num_devices == 16
  assert targets.parse("v5p:2x2x1").sizes == (2, 2, 1)


@pytest.mark.parametrize("text", ["v9:2x2", "", "2x4", "H200:8"])
def test_an_unknown_chip_is_answered_by_the_known_ones(text):
  with pytest.raises(ValueError, match=r"unknown chip.*v5e, v5p, v6e, h200"):
    targets.parse(text)


@pytest.mark.parametrize(
  "text", ["v6e", "v6e:", "v6e:0x4", "v6e:2x", "v6e:ax4"]
)
def test_a_slice_is_numbers_with_x_between(text):
  with pytest.raises(ValueError, match=r"slice that there is not.*v6e:2x4"):
    targets.parse(text)


def test_gpus_are_one_number():
  with pytest.raises(ValueError, match=r"'h200:2x4'.*expected h200:1, h200:2"):
    targets.parse("h200:2x4")


@small.needs(chips.TPU)
def test_every_slice_of_the_table_is_known_to_the_compiler():
  for chip in chips.CHIPS.values():
    if chip.platform != chips.TPU:
      continue
    for shape in chip.topologies:
      target = targets.parse(f"{chip.name}:{shape}")
      devices = targets.devices(target)
      assert len(devices) == target.num_devices, target.name
      assert {one.platform for one in devices} == {"tpu"}


@small.needs(chips.TPU)
@pytest.mark.parametrize("text", ["v6e:3x5", "v5p:2x4x4x4", "v5e:2048x2048"])
def test_a_slice_that_the_compiler_does_not_know_is_refused(text):
  with pytest.raises(ValueError, match="a slice that there is not; expected"):
    targets.devices(targets.parse(text))


@small.needs(chips.TPU)
def test_slices_have_several_hosts():
  hosts = {
    one.process_index for one in targets.devices(targets.parse("v5e:2x4"))
  }
  assert hosts == {0, 1}


@small.needs(chips.GPU)
@pytest.mark.parametrize(("count", "hosts"), [(1, 1), (8, 1), (16, 2)])
def test_eight_gpus_are_a_host(count, hosts):
  devices = targets.devices(targets.parse(f"h200:{count}"))
  assert len(devices) == count
  assert len({one.process_index for one in devices}) == hosts
  assert {one.device_kind for one in devices} == {"NVIDIA H200"}


@small.needs(chips.GPU)
def test_a_compiler_that_jax_has_dropped_is_told(monkeypatch):
  def dropped(*arguments, **options):
    raise NotImplementedError("topology not implemented for cuda")

  monkeypatch.setattr(targets.topologies, "get_topology_desc", dropped)
  with pytest.raises(ValueError, match="Start the program with JAX_PLATFORMS"):
    targets.devices(targets.parse("h200"))


@small.needs(chips.GPU)
def test_gpus_that_fill_no_hosts_are_refused():
  with pytest.raises(ValueError, match="h200:9"):
    targets.devices(targets.parse("h200:9"))
