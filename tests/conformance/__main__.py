"""Hold kvcalc to the engines themselves, each in an environment of its own.

python -m tests.conformance ...         transformers, run by the Python that has it
python -m tests.conformance vllm ...    vLLM, whose planner is asked in another process
python -m tests.conformance llama.cpp ...    its library, asked in another process too

`-h` says what each takes. Only what is asked for is imported: a Python without transformers can
ask for vLLM.
"""

from __future__ import annotations

import sys


def main(arguments: list[str]) -> int:
    """The exit code of the suite that the first word names: transformers' where it names none."""
    if arguments[:1] == ["vllm"]:
        from tests.conformance.vllm.__main__ import main as vllm

        return vllm(arguments[1:])
    if arguments[:1] == ["llama.cpp"]:
        from tests.conformance.llama_cpp.__main__ import main as llama_cpp

        return llama_cpp(arguments[1:])
    from tests.conformance.transformers.__main__ import main as transformers

    return transformers(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
