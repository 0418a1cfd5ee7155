"""Promises about what a network is made of: blocks, layers, parameters."""

from __future__ import annotations

import math
from collections.abc import Iterator

import safetensors.torch
import torch
from torch import Tensor

from zoo.backbone import AnyTower
from zoo.inference.measuring import Given, forward
from zoo.testing.contract.subject import Subject, forwarded, state_of

Faults = Iterator[str]
_RATE = 1e-3
_BATCH = 2


def ordered(subject: Subject) -> Faults:
    """Blocks run in the order in which they are listed, each one, and are apart."""
    tower = subject.tower
    if not tower.blocks:
        yield f"{subject.name} lists no blocks, so that nothing of it can be frozen"
        return
    yield from _entangled(subject)
    ran = list(dict.fromkeys(_calls(tower, tower.blocks, subject.samples([0]))))
    idle = [name for name in tower.blocks if name not in ran]
    if idle:
        yield f"{subject.name} lists block {idle[0]!r}, which does not run"
    elif ran != list(tower.blocks):
        first = next(name for name, run in zip(tower.blocks, ran, strict=True) if name != run)
        yield f"{subject.name} lists block {first!r} out of order; they run as {', '.join(ran)}"


def tapped(subject: Subject) -> Faults:
    """Each layer's output can be taken."""
    outputs: dict[str, object] = {}
    tower = subject.tower
    hooks = [
        tower.module.get_submodule(name).register_forward_hook(
            lambda _module, _given, output, name=name: outputs.update({name: output})
        )
        for name in tower.layers
    ]
    subject.forward(subject.samples(range(_BATCH)))
    for hook in hooks:
        hook.remove()
    for name in tower.layers:
        if name not in outputs:
            yield f"{subject.name} lists layer {name!r}, which does not run"
        elif not _has_rows(outputs[name]):
            yield f"{subject.name} lists layer {name!r}, which gives no row a {subject.kind}"


def freezable(subject: Subject) -> Faults:
    """With the first half of the blocks frozen, a step of training changes only the others."""
    tower = subject.spare_tower
    n_frozen = math.ceil(len(tower.blocks) / 2)
    frozen = _freeze(tower, n_frozen)
    before = state_of(tower.module)
    output = forward(tower.module, subject.samples(range(_BATCH)))
    open_parameters = [p for p in tower.module.parameters() if p.requires_grad]
    if not open_parameters:
        return
    if not isinstance(output, Tensor) or not output.requires_grad:
        yield f"{subject.name} cannot be fine-tuned: its forward() runs without gradients"
        return
    torch.autograd.backward(output.square().mean())
    torch.optim.SGD(open_parameters, lr=_RATE).step()
    yield from _idle_blocks(subject, tower, n_frozen)
    after = tower.module.state_dict()
    moved = [name for name in frozen if not torch.equal(before[name], after[name])]
    if moved:
        yield f"{subject.name} changes its frozen tensor {moved[0]!r} in training"
    tower.module.load_state_dict(before)
    tower.module.eval().requires_grad_(False)


def stored(subject: Subject) -> Faults:
    """Parameters written as safetensors and read again make the same network."""
    spare = subject.spare_tower
    state = {n: t.contiguous() for n, t in state_of(subject.tower.module).items()}
    found = safetensors.torch.load(safetensors.torch.save(state))
    other = [name for name in state if not torch.equal(state[name], found[name])]
    if other:
        yield f"{subject.name} has a tensor {other[0]!r} that safetensors does not keep"
        return
    spare.module.load_state_dict(found)
    given = subject.samples(range(_BATCH))
    if not torch.equal(forwarded(spare, given), subject.forward(given)):
        yield f"{subject.name} gives other numbers after its parameters have been stored and read"


def _entangled(subject: Subject) -> Faults:
    tower = subject.tower
    if len(set(tower.blocks)) < len(tower.blocks):
        yield f"{subject.name} lists a block twice"
    owners: dict[int, str] = {}
    for block in dict.fromkeys(tower.blocks):
        for parameter in tower.module.get_submodule(block).parameters():
            owner = owners.setdefault(id(parameter), block)
            if owner != block:
                yield f"{subject.name} has parameters that are in block {owner!r} and in {block!r}"
                return


def _calls(tower: AnyTower, names: tuple[str, ...], given: Given) -> list[str]:
    calls: list[str] = []
    hooks = [
        tower.module.get_submodule(name).register_forward_pre_hook(
            lambda _module, _given, name=name: calls.append(name)
        )
        for name in names
    ]
    forwarded(tower, given)
    for hook in hooks:
        hook.remove()
    return calls


def _has_rows(output: object) -> bool:
    return isinstance(output, Tensor) and output.dim() > 0 and output.shape[0] == _BATCH


def _freeze(tower: AnyTower, n_blocks: int) -> list[str]:
    """Open the blocks after the first ones to training; the names of all other tensors."""
    module = tower.module
    module.eval().requires_grad_(False)
    opened = tower.blocks[n_blocks:] or tower.blocks[-1:]
    for block in opened:
        part = module.get_submodule(block)
        part.requires_grad_(True).train()
    prefixes = tuple(f"{block}." for block in opened)
    return [name for name in module.state_dict() if not name.startswith(prefixes)]


def _idle_blocks(subject: Subject, tower: AnyTower, n_frozen: int) -> Faults:
    for block in tower.blocks[n_frozen:]:
        parameters = list(tower.module.get_submodule(block).parameters())
        if parameters and all(one.grad is None for one in parameters):
            yield f"{subject.name} does not let block {block!r} learn: no gradient reaches it"
