"""Options as engines call them: other names of kvcalc's own, and those that it does not have."""

from itertools import pairwise
from typing import Any

from kvcalc.engines import ENGINES, engine_of
from kvcalc.errors import UsageError

OWN = {
    "--context": "max-model-len ctx ctx-size context-length context-len n-ctx num-ctx max-seq-len "
    "max-length seq-len sequence-length",
    "--batch": "batch-size max-batch-size bs",
    "--kv-dtype": "kv-cache-dtype kv-cache-type cache-type cache-dtype",
    "--engine": "backend",
    "--draft": "draft-model model-draft speculative-model speculative-draft-model-path "
    "spec-draft-model",
    "--tp": "tensor-parallel-size tensor-parallel tp-size",
    "--pp": "pipeline-parallel-size pipeline-parallel pp-size",
    "--dp": "data-parallel-size data-parallel dp-size",
    "--dcp": "decode-context-parallel-size dcp-size",
    "--beams": "num-beams beam-size beam-width",
}
"""What engines call an option that kvcalc has."""

_SHORT = {"-md": "--draft", "-tp": "--tp", "-pp": "--pp", "-dp": "--dp", "-dcp": "--dcp"}
"""The same with one dash."""

_EXPERTS = "it splits experts and leaves the cache as it is: leave it out"
_SPLIT = "whole layers go to a GPU: --pp says to how many, --pp-layers how many layers each has"
_MEMORY = (
    "kvcalc fit says what fits into the memory that is left for the cache: kvcalc fit MODEL "
    "--memory 40GiB, and on GPUs: --gpu h200 --gpus 8"
)
_GPUS = (
    "kvcalc fit says what fits on GPUs: kvcalc fit MODEL --gpu h200 --gpus 8; what an engine goes "
    "by is a setting of its own: say --engine vllm -E gpu=VALUE"
)
_PLACED = "where a layer runs changes nothing of what is stored: leave it out"
_PROMPT = "how a prompt is cut up changes nothing of what is stored: leave it out"
_AT_MOST = "that is how many an engine runs at most; --batch says how many sequences there are"
_PAGES = "kvcalc counts entries that are live; how an engine pages them is a setting of its own"
_OWN = "it is a setting of an engine's own"
_TOGETHER = "engines count one sequence or all by it; say --context for one, and --batch"
_WEIGHTS = "that is for weights; --kv-dtype says what the cache is kept in"
_NOT_THERE = {
    _EXPERTS: "--expert-parallel-size --ep --ep-size --enable-expert-parallel",
    _SPLIT: "-sm --split-mode -ts --tensor-split",
    _MEMORY: "--gpu-memory-utilization --mem-fraction-static --kv-cache-free-gpu-memory-fraction "
    "--memory --kv-cache-memory --kv-cache-memory-bytes",
    _GPUS: "--gpu --gpus",
    _PLACED: "-ngl --gpu-layers --n-gpu-layers -nkvo --no-kv-offload",
    _PROMPT: "--chunked-prefill-size",
    _AT_MOST: "--max-running-requests",
    _TOGETHER: "--max-total-tokens --max-num-tokens",
    _WEIGHTS: "--dtype --quantization",
    _PAGES: "--page-size",
    "a model is named without an option, as in kvcalc show deepseek-v3": "-m --model --model-path",
}
"""Why an option of engines is not there, and what to do instead; a command may have it yet."""

ALIASES = {f"--{name}": option for option, names in OWN.items() for name in names.split()} | _SHORT
ABSENT = {name: why for why, names in _NOT_THERE.items() for name in names.split()}


def as_here(args: list[str], ctx: Any) -> list[str]:
    """What is typed, with every option under the name that it has here."""
    end = args.index("--") if "--" in args else len(args)
    engine = _engine_in(args[:end])
    return [*(_named(arg, ctx, engine) for arg in args[:end]), *args[end:]]


def _engine_in(args: list[str]) -> str | None:
    """The engine that is named, if any is: of several that have a setting it is the one meant."""
    for name, value in pairwise(word for arg in args for word in arg.split("=", 1)):
        if value in ENGINES and ALIASES.get(name, name) == "--engine":
            return value
    return None


def absent(option: str, engine: str | None = None) -> str | None:
    """Why an option of engines is not there; None where it may be, or nobody has it."""
    return ABSENT.get(option) or (None if option in ALIASES else _of_an_engine(option, engine))


def _of_an_engine(option: str, named: str | None) -> str | None:
    """How an option of servers is said that an engine declares as a setting, or its denial."""
    typed = option.lstrip("-")
    if not option.startswith("--") and not (typed.replace("-", "").isalpha() and len(typed) > 1):
        return None  # -b4 and its like come here, and need no engine
    typed = typed.replace("-", "_")
    for engine in (named, *ENGINES) if named else ENGINES:
        for one in engine_of(engine).SETTINGS:
            denied = one.takes is bool and typed.startswith("no_")
            name = typed.removeprefix("no_") if denied else typed
            if name == one.name or one.is_called(name):
                value = "false" if denied else "true" if one.takes is bool else "VALUE"
                return f"{_OWN}; say --engine {engine} -E {one.name}={value}"
    return None


def _named(arg: str, ctx: Any, engine: str | None) -> str:
    name, equals, value = arg.partition("=")
    if not name.startswith("-"):
        return arg
    if name.startswith("--"):  # engines take both
        name = name.replace("_", "-")
    known = {option for param in ctx.command.params for option in param.opts}
    spelt = ALIASES.get(name, name)
    if not known & {name, spelt} and not ctx.resilient_parsing and (why := absent(name, engine)):
        ctx.fail(f"there is no {name}: {why}")
    # what a command does not have is refused as it was typed
    there = spelt in known
    return (spelt if there else name) + equals + value


def of_sides(option: str, both: str | None, key: str | None, value: str | None) -> str | None:
    """A dtype of keys and one of values as `option` takes them; one alone leaves the other be."""
    if key is None and value is None:
        return both
    if both is not None:
        raise UsageError(f"{option} names keys and values: leave the dtypes of either side out")
    for side in (key, value):
        if side == "":
            raise UsageError("the dtype of one side is empty: name one, such as q8_0, or auto")
        if side and "/" in side:
            raise UsageError(f"{side!r} names keys and values: write it as {option} {side}")
    # an engine that keeps no keys and values, but a latent, has but one dtype to keep it in
    return key if key == value else f"{key or 'auto'}/{value or 'auto'}"
