"""Decoding: makes a search policy or reward out of a model.

Axis letters: P problems in flight, N beams per problem, B = P * N rows, T query
tokens, S cache length, C step-chunk length, J depths, K kv heads, G query heads
a kv head, H head dim, V vocabulary, A automaton states.
"""

from inference_scaling.decoding.batching.batch import Finished
from inference_scaling.decoding.batching.engine import continuous_batching
from inference_scaling.decoding.batching.problems import (
  NO_PREFIX,
  EncodedProblem,
  Prefix,
  PromptProblem,
  common_prefix,
)
from inference_scaling.decoding.group_confidence import GroupConfidence
from inference_scaling.decoding.hidden_state_reward import HiddenStateReward
from inference_scaling.decoding.kv_cache.choice import CACHES
from inference_scaling.decoding.limits import Limits, Prompts, pad_prompt
from inference_scaling.decoding.no_reward import NoReward
from inference_scaling.decoding.policy import ModelPolicy
from inference_scaling.decoding.policy_state import PolicyParams, StepTokens
from inference_scaling.decoding.reward import ModelReward
from inference_scaling.decoding.self_test import SelfTest, self_test
from inference_scaling.decoding.speculation import speculative_policy
from inference_scaling.decoding.token_reward import TOKEN_SCORES, TokenReward
from inference_scaling.decoding.tokens.automaton import (
  Automaton,
  build_automaton,
)
from inference_scaling.decoding.tokens.format import StepFormat
from inference_scaling.decoding.tokens.sampling import sample_tokens
from inference_scaling.decoding.tokens.thinking import (
  NO_BUDGET,
  ThinkingParams,
  ThinkingTexts,
  compile_thinking,
)
from inference_scaling.decoding.tokens.translation import Translator

__all__ = [
  "CACHES",
  "NO_BUDGET",
  "NO_PREFIX",
  "TOKEN_SCORES",
  "Automaton",
  "EncodedProblem",
  "Finished",
  "GroupConfidence",
  "HiddenStateReward",
  "Limits",
  "ModelPolicy",
  "ModelReward",
  "NoReward",
  "PolicyParams",
  "Prefix",
  "PromptProblem",
  "Prompts",
  "SelfTest",
  "StepFormat",
  "StepTokens",
  "ThinkingParams",
  "ThinkingTexts",
  "TokenReward",
  "Translator",
  "build_automaton",
  "common_prefix",
  "compile_thinking",
  "continuous_batching",
  "pad_prompt",
  "sample_tokens",
  "self_test",
  "speculative_policy",
]
