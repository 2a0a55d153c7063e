"""Names in configs and records, which several packages know.

This module imports nothing, so that every other one can import it. The order of
each tuple is that of tables, legends and messages.
"""

# How the scores of a candidate's steps become one score.
LAST, MIN, MEAN, PRODUCT = "last", "min", "mean", "product"
AGGREGATIONS = (LAST, MIN, MEAN, PRODUCT)

# How candidates vote.
MAJORITY = "majority"
BEST_OF_N = "best_of_n"
WEIGHTED = "weighted"
SCORED = (BEST_OF_N, WEIGHTED)  # the methods that read scores

# How sure a policy is of a token, and how that of a solution is summed up.
LIKELIHOOD, SELF_CERTAINTY = "likelihood", "self_certainty"
TOKEN_CONFIDENCE = "token_confidence"
MEASURES = (TOKEN_CONFIDENCE, SELF_CERTAINTY, LIKELIHOOD)
STATISTICS = ("mean", "lowest", "tail", "bottom")
# Votes by it: of all, of the surest tenth or nine tenths (DeepConf), or by
# weights of a softmax (CISC).
CONFIDENT, SOFTMAX = "confident", "softmax"
TOP_10, TOP_90 = "confident_top10", "confident_top90"

# How a candidate ended.
FINISHED, TRUNCATED, UNFINISHED = "finished", "truncated", "unfinished"
STATUSES = (FINISHED, TRUNCATED, UNFINISHED)

# The status of a step, by its number in a record's tree (see `search.base`).
DUPLICATE = "duplicate"
STEP_STATUSES = (UNFINISHED, FINISHED, TRUNCATED, DUPLICATE)

# What counts as a floating-point operation; see `compute.flops`.
PAPER, WITH_REWARD, FULL = "paper", "with_reward", "full"
CONVENTIONS = (PAPER, WITH_REWARD, FULL)

# What is done about beams of one problem that have made the same steps.
KEEP, DROP, MERGE = "keep", "drop", "merge"
DUPLICATES = (KEEP, DROP, MERGE)
# How widths of REBASE become whole numbers, how particles are resampled, and
# what becomes of finished ones.
REBASE_RULES = ("ceil", "round", "exact", "stochastic")
RESAMPLING_SCHEMES = ("systematic", "multinomial")
TERMINALS = ("resample", KEEP)
# Of particle methods: whether the temperature of weights changes.
CONSTANT, ENTROPIC = "constant", "entropic"
TEMPERATURE_RULES = (CONSTANT, ENTROPIC)
# Of AB-MCTS: what is believed of scores.
POSTERIORS = ("normal", "beta")
# When samples agree enough to draw no more; see `stopping`.
STOPPING_RULES = ("window", "beta", "dirichlet", "doubling")

# Of weights, activations and caches; or of weights alone, one byte each.
FLOAT_DTYPES = ("float32", "bfloat16", "float16")
INT8, FP8 = "int8", "fp8"
DTYPES = (*FLOAT_DTYPES, INT8, FP8)
# How keys and values of beams are kept.
DENSE, TREE = "dense", "tree"
CACHES = (DENSE, TREE)
# How beams attend to their own past on accelerators: by products of XLA, by a
# kernel, or by that of both which is the target's default.
AUTO, EINSUM, KERNEL = "auto", "einsum", "kernel"
ATTENTIONS = (AUTO, EINSUM, KERNEL)
# Reward formats: no reward, native (a reward model trained by this package), a
# Python object of the user's, and external ones of published reward models.
NO_REWARD, NATIVE_REWARD, PYTHON_REWARD = "none", "native", "python"
VALUE_HEAD = "value_head"
GROUP_CONFIDENCE = "group_confidence"
# Those of models that read the policy's own tokens.
OWN_TOKENS = (NATIVE_REWARD, VALUE_HEAD)
PYTHON_PREFIX = "python:"  # of a source that names a function
EXTERNAL_FORMATS = (
  "eurus_rm", "llemma", "math_shepherd", "outcome_chat", "pure", "qwen_prm",
  "reasonflux", "reasonflux_1_5b", "rlhflow", "skywork",
)  # fmt: skip
# Those of models that score whole solutions, not steps.
OUTCOME_FORMATS = ("eurus_rm", "outcome_chat", "reasonflux_1_5b")

# Benchmarks that can be downloaded, and the word for it.
HUB = "hub"
BENCHMARKS = (
  "gsm8k", "gsm8k_train", "math500", "aime24", "amc23", "aime25", "math",
  "math_train", "minerva", "olympiadbench", "gpqa_diamond", "mmlu_pro",
)  # fmt: skip
# Those whose answers are letters of options.
GPQA, MMLU_PRO = "gpqa_diamond", "mmlu_pro"
# In which order options are shown.
SHUFFLED, PUBLISHED = "shuffled", "published"
OPTION_ORDERS = (SHUFFLED, PUBLISHED)
# Those whose solutions are programs, and how their problems are put: to models
# that chat, or as code to go on from.
CODE_BENCHMARKS = (
  "mbpp", "mbpp_sanitized", "mbpp_plus", "humaneval", "humaneval_plus",
)  # fmt: skip
CODE_FORMS = ("chat", "completion")
# Of the synthetic benchmark: levels of difficulty, and splits.
LEVELS = (1, 2, 3, 4, 5, 6)
SPLITS = ("train", "validation", "test")
# What a field of a problem's row holds.
ROLES = ("question", "gold", "level", "id")
# What 28% agrees with when answers are graded.
PERCENT = ("either", "value")


def vote_name(method: str, aggregation: str | None = None) -> str:
  """The key of a vote in a record: "majority", "weighted/last"."""
  return f"{method}/{aggregation}" if aggregation else method
