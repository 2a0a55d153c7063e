"""Says at once that texts do not end, which would else be seen in the report.

A candidate that does not finish has no answer and abstains from every vote: a
sweep of such candidates costs what another does, and measures nothing.
"""

from collections.abc import Callable
from typing import Any

from inference_scaling import models, spec
from inference_scaling.spec import grid
from inference_scaling.sweep import engine
from inference_scaling.sweep.ports import port as port_lib

# So many problems of a run are no accident.
_FIRST = 3


def missing_end(source: str, model: models.Model) -> str | None:
  """Says that a policy's tokenizer ends texts otherwise than its config.

  Args:
    source: of the policy.
    model: the policy.

  Returns:
    A line; None where the end of the tokenizer is one of the config's.
  """
  end = model.tokenizer.eos_token_id
  ends = model.config.eos_token_ids
  if end in ends or (end is None and ends):
    return None
  if end is None:
    return (
      f"Warning: {source} names no token that ends a text: neither its config "
      "nor its tokenizer has one, so that only format.answer_markers end a "
      "candidate. If it has one, write its id as eos_token_id into config.json."
    )
  named_ends = f"name {_shown(model)}" if ends else "name no end of text"
  return (
    f"Warning: the tokenizer of {source} ends a text by "
    f"{model.tokenizer.eos_token!r} ({end}), but config.json and "
    f"generation_config.json {named_ends}: where the policy writes {end} it "
    "would not stop. If that is its end, add the id to eos_token_id in "
    "config.json."
  )


class Watch:
  """Looks at the first records of each run for a candidate that finished."""

  def __init__(
    self, loaded: engine.Loaded, num_problems: int, say: Callable[[str], None]
  ):
    """Starts to look.

    Args:
      loaded: the models that search.
      num_problems: of the sweep.
      say: takes a line, one at most for each strategy of each policy.
    """
    self._loaded, self._say = loaded, say
    self._enough = min(_FIRST, num_problems)
    # None where there is nothing more to look for.
    self._seen: dict[grid.Run, list[dict[str, Any]] | None] = {}
    self._warned: set[tuple[str, str]] = set()

  def see(self, run: grid.Run, record: dict[str, Any]) -> None:
    """Looks at one more record.

    Args:
      run: its run.
      record: JSON data.
    """
    seen = self._seen.setdefault(run, [])
    kind = (run.policy, run.strategy)
    if seen is None or kind in self._warned:
      return
    if any(
      candidate["status"] == "finished" for candidate in record["candidates"]
    ):
      self._seen[run] = None
      return
    seen.append(record)
    if len(seen) == self._enough:
      self._warned.add(kind)
      self._say(self._warning(run, seen))

  def _warning(self, run: grid.Run, records: list[dict[str, Any]]) -> str:
    candidates = [
      candidate for record in records for candidate in record["candidates"]
    ]
    settings, model = self._loaded.settings, self._loaded.writer(run.policy)
    limits = settings.limits
    tokens = max((candidate["tokens"] for candidate in candidates), default=0)
    steps = max((len(candidate["path"]) for candidate in candidates), default=0)
    step = max(
      (size for record in records for size in record["tree"]["tokens"]),
      default=0,
    )
    return (
      f"Warning: {run}: none of the {len(candidates)} candidates of the first "
      f"{len(records)} problems finished, so all of them abstain. The longest "
      f"has {tokens} tokens (limits.total_tokens is {limits.total_tokens}) and "
      f"{steps} steps (limits.max_steps is {limits.max_steps}), the longest "
      f"step {step} tokens (limits.step_tokens is {limits.step_tokens}). "
      f"Raise {_remedy(run)}. {self._ending(model)}"
    )

  def _ending(self, model) -> str:
    """What else may be wrong, by the kind of policy."""
    texts = self._loaded.settings.step_format
    if isinstance(model, port_lib.Port):
      return (
        "Of these limits only max_steps reaches a policy of your own: does "
        "its `extend` return the status FINISHED?"
      )
    return (
      "If texts of that length should have ended, the "
      f"policy does not write format.answer_markers {texts.answer_markers} "
      f"with format.step_end {texts.step_end}, nor an end of text "
      f"({_shown(model)})."
    )


def _remedy(run: grid.Run) -> str:
  """What lets candidates go on: a limit, or more steps of a search."""
  if not spec.block_of(run.strategy).counts_steps:
    return "the limit that is met"
  return (
    "n, which is the number of expansions or steps of all candidates together, "
    "or the limit that is met"
  )


def _shown(model: models.Model) -> str:
  """Names the ends of text of a policy, with their ids."""
  ends = model.config.eos_token_ids
  names = model.tokenizer.convert_ids_to_tokens(list(ends))
  pairs = zip(names, ends, strict=True)
  return ", ".join(f"{name!r} ({end})" for name, end in pairs) or "it has none"
