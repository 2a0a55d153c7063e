"""Where the scores of a sweep come from: the forms of `config.reward`."""

from collections.abc import Mapping

from inference_scaling import decoding, models
from inference_scaling.sweep import ports, rules

NONE = "none"  # no scores: candidates vote by majority
# A reward model with a tokenizer of its own has limits of its own, too.
_FOREIGN = {
  "source": rules.text(),
  "prompt_tokens": rules.integer(1),
  "step_tokens": rules.integer(1),
  "total_tokens": rules.integer(1),
}
# The keys of `config.reward` by its form.
TABLES: Mapping[str, rules.Table] = {
  NONE: {},
  # The policy's own probabilities: no other model.
  **{form: {} for form in decoding.TOKEN_SCORES},
  models.OWN_FORM: {"source": rules.text()},
  ports.FORM: {"source": rules.text()},
  **{form: _FOREIGN for form in models.FOREIGN_FORMS},
}
# What the forms without a model do, in words.
WITHOUT_MODEL: Mapping[str, str] = {
  NONE: "candidates vote with equal weights",
  "likelihood": "no model; candidates are scored by the geometric mean of the "
  "probabilities that the policy gives their tokens",
  "self_certainty": "no model; candidates are scored by how far the policy was "
  "from guessing at their tokens",
}


def has_scores(form: str) -> bool:
  """Tells whether steps are scored at all."""
  return form != NONE


def has_model(form: str) -> bool:
  """Tells whether a reward model scores them."""
  return has_scores(form) and form not in decoding.TOKEN_SCORES


def has_probabilities(form: str) -> bool:
  """Tells whether scores lie between 0 and 1."""
  return has_scores(form) and form != "self_certainty"
