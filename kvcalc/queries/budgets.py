"""What a deployed model leaves of a GPU for its cache: known, as a log says, or worked out."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from kvcalc.budget.allowance import UTILIZATION, Work, allowance
from kvcalc.budget.budget import (
    ACTIVATIONS,
    DRAFT_WEIGHTS,
    GRAPHS,
    OVERHEAD,
    WEIGHTS,
    Budget,
    Part,
)
from kvcalc.budget.estimate import Estimate
from kvcalc.budget.shares import draft_per_gpu, per_gpu
from kvcalc.budget.weights import unknown_weights, weights_of
from kvcalc.engines import settings_on
from kvcalc.errors import UsageError, briefly

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kvcalc.budget.ledger import Ledger
    from kvcalc.hardware import Gpu
    from kvcalc.machine import Machine
    from kvcalc.model import Model
    from kvcalc.queries.deployed import Deployed
    from kvcalc.question import Question, Setting

LOGGED = "as its log says"
BATCHED = "max_num_batched_tokens"
"""What engines call the tokens of one step."""
SEQUENCES = "max_num_seqs"
"""And the sequences."""


def on_gpu(question: Question, machine: Machine) -> Question:
    """The question with the machine's GPU among the settings of an engine that asks for it.

    Raises UsageError where another is named there.
    """
    if machine.gpu is None or question.engine is None:
        return question
    own = settings_on(question.engine, machine.gpu)
    for name, value in own.items():
        named = question.settings.get(name)
        if named not in (None, value):
            text = f"--gpu is {machine.gpu.slug}, and -E {name} is {briefly(named)}"
            raise UsageError(f"{text}: leave -E {name} out")
    return replace(question, settings={**question.settings, **own})


def budget_of(placed: Deployed, question: Question, machine: Machine) -> Budget:
    """What of a GPU is for the cache of a model laid out so. Raises UsageError."""
    gpu, left = machine.gpu, machine.left
    if machine.ledger:
        return _told_by(machine.ledger)
    if left is not None:
        return Budget(left=Estimate.exact(left, "given", "as given"))
    if gpu is None:
        raise UsageError("what a GPU leaves for the cache is not known: say --gpu, or --memory")
    utilization = machine.utilization
    if utilization is None:
        utilization = UTILIZATION[question.engine]
    parts = (*weights_on(placed, machine), *_others(placed, question, machine, gpu))
    return Budget(gpu.memory, utilization, parts)


def _told_by(ledger: Ledger) -> Budget:
    """What a server's log says: what is left, and what it tells of the rest."""
    told = (
        (WEIGHTS, ledger.weights),
        ("weights, driver and communication", ledger.consumed),
        (OVERHEAD, ledger.overhead),
        (ACTIVATIONS, ledger.activations),
        (GRAPHS, ledger.estimate),
    )
    parts = tuple(
        Part(name, Estimate.exact(amount.size, "known", LOGGED)) for name, amount in told if amount
    )
    total = ledger.total.size if ledger.total else None
    left = ledger.estimate_of_available
    return Budget(total, ledger.utilization, parts if total else (), left)


def must_be_known(model: Model, machine: Machine) -> None:
    """Raises UsageError where a sum asks for weights that nobody says."""
    if machine.left is None:
        _known(model, machine)
        if model.draft:
            _known_of_draft(model.draft)


def weights_on(placed: Deployed, machine: Machine) -> Iterator[Part]:
    """The weights of one GPU: the model's own, then its draft's. Raises UsageError."""
    model, draft = placed.model, placed.model.draft
    yield Part(WEIGHTS, per_gpu(model, _known(model, machine), placed.ranks))
    if draft:
        yield Part(DRAFT_WEIGHTS, draft_per_gpu(draft, _known_of_draft(draft), placed.ranks))


def _known(model: Model, machine: Machine) -> Estimate:
    total = weights_of(model, machine.weights, machine.weight_dtype)
    if total is None:
        raise UsageError(unknown_weights(model))
    return total


def _known_of_draft(draft: Model) -> Estimate:
    total = weights_of(draft)
    if total is None:
        text = f"the bytes of the weights of {draft.name}, which drafts, are not known"
        raise UsageError(f"{text}: write weight_bytes into a YAML file of it")
    return total


def _others(placed: Deployed, question: Question, machine: Machine, gpu: Gpu) -> Iterator[Part]:
    """What driver, communication, activations and graphs take, as given or as a rule has it."""
    allowed = allowance(question.engine, gpu, placed.ranks, _work(placed, question))
    if machine.overhead is None:
        yield Part(OVERHEAD, allowed.overhead)
        yield Part(GRAPHS, allowed.graphs)
    else:
        yield Part(OVERHEAD, Estimate.exact(machine.overhead, "given", "as given"))
    if machine.activations is None:
        yield Part(ACTIVATIONS, allowed.activations)
    else:
        yield Part(ACTIVATIONS, Estimate.exact(machine.activations, "given", "as given"))


def _work(placed: Deployed, question: Question) -> Work:
    """What decides how much a step takes."""
    model = placed.model
    settings = placed.plan.settings_at(question.context) if placed.plan else {}
    return Work(
        active=model.active_parameters or model.parameters,
        layers=len(model.layers),
        experts=_has_experts(model),
        recurrent=any(t.role == "state" for scheme in model.schemes for t in scheme.kept),
        batched=_number(settings.get(BATCHED)),
        sequences=_number(settings.get(SEQUENCES)),
    )


def _has_experts(model: Model) -> bool:
    """Whether a token passes through some of its parameters alone."""
    return model.active_parameters not in (None, model.parameters)


def _number(setting: Setting) -> int | None:
    return setting if isinstance(setting, int) and not isinstance(setting, bool) else None
