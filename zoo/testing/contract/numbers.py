"""Promises about the numbers that a network gives."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from zoo import wire
from zoo.backbone import ATTENTION_MASK, TextTower
from zoo.testing.contract.report import Budget
from zoo.testing.contract.subject import SAMPLES, Subject, plain, state_of

SAME_COSINE = 0.9999  # what makes two ways of forwarding one space
SAME_NORM = 1e-3  # relative
_ODD_TEXTS = ("a", "🦓" * 9, "...", "x" * 500)
Faults = Iterator[str]


def preprocessing(subject: Subject) -> Faults:
    """The card's preprocessing is the tower's."""
    is_text = isinstance(subject.tower, TextTower)
    for weights in subject.card.weights:
        told = weights.text_preprocessing if is_text else weights.preprocessing
        if weights.tag != subject.ref.weights or told is None:
            continue
        said = wire.preprocessing_to_json(told)
        built = wire.preprocessing_to_json(subject.tower.preprocessing)
        differing = [name for name in said if said[name] != built[name]]
        if differing:
            name = differing[0]
            yield (
                f"{subject.name} is prepared for with {name} {built[name]}, "
                f"but its card says {said[name]}"
            )


def shaped(subject: Subject) -> Faults:
    """n pictures or texts give float32 (n, dim)."""
    for n in (1, 3):
        output = subject.forward(subject.samples(range(n)))
        if output.shape != (n, subject.dim):
            shape, wanted = tuple(output.shape), (n, subject.dim)
            yield f"{subject.name} gives {shape} for {n} {subject.kind}s, not {wanted}"
            return
    if output.dtype != torch.float32:
        yield f"{subject.name} gives {_plain(output.dtype)}; embeddings are float32"


def finite(subject: Subject) -> Faults:
    """Black, white and noise give finite numbers; and so does any text."""
    if isinstance(subject.tower, TextTower):
        yield from _finite_texts(subject, subject.tower)
        return
    for name, brightness in (("black", 0.0), ("white", 1.0)):
        picture = plain(subject.loaded.image_tower.preprocessing, brightness=brightness)
        if not _is_finite(subject.forward(picture)):
            yield f"{subject.name} gives numbers that are not finite for a {name} picture"
    if not _is_finite(subject.forward(subject.samples())):
        yield f"{subject.name} gives numbers that are not finite for a picture of a scene"


def _finite_texts(subject: Subject, tower: TextTower) -> Faults:
    for text in _ODD_TEXTS:
        if not _is_finite(subject.forward(tower.tokenize([text]))):
            yield f"{subject.name} gives numbers that are not finite for the text {text!r}"
    if not _is_finite(subject.forward(subject.samples())):
        yield f"{subject.name} gives numbers that are not finite for plain sentences"


def tokenised(subject: Subject) -> Faults:
    """Texts become tokens with a mask, never more of them than the preprocessing says."""
    tower = subject.tower
    if not isinstance(tower, TextTower):
        return
    limit = tower.preprocessing.max_tokens
    mask = tower.tokenize(["word " * 2 * limit, "word"])[ATTENTION_MASK]
    if mask.shape[1] > limit:
        yield f"{subject.name} makes {mask.shape[1]} tokens of a long text; at most {limit}"
    lengths = mask.sum(dim=1).tolist()
    if not lengths[0] > lengths[1] > 0:
        yield f"the attention mask of {subject.name} does not tell tokens from padding"


def repeatable(subject: Subject) -> Faults:
    """The same picture, the same numbers; and from a second build too."""
    first, second = subject.forward(subject.samples()), subject.forward(subject.samples())
    if not torch.equal(first, second):
        yield f"{subject.name} gives other numbers for the same {subject.kind}s the second time"
    if subject.loaded.detail.weights_hash != subject.spare.detail.weights_hash:
        yield (
            f"{subject.name} has other parameters each time it is built; "
            "draw them from a fixed seed"
        )
    elif subject.loaded.detail.space.space_id != subject.spare.detail.space.space_id:
        yield f"{subject.name} embeds into another space each time it is built"


def apart(subject: Subject) -> Faults:
    """Different pictures, different vectors."""
    vectors = subject.forward(subject.samples())
    if torch.equal(vectors[0], vectors[1]):
        yield f"{subject.name} gives two different {subject.kind}s the same vector"


def alone(subject: Subject) -> Faults:
    """A vector does not depend on who else is in the batch, nor on its place."""
    together = subject.forward(subject.samples())
    turned = subject.forward(subject.samples(range(SAMPLES)[::-1])).flip(0)
    singly = torch.cat([subject.forward(subject.samples([place])) for place in range(SAMPLES)])
    if not _is_same(together, singly):
        yield f"{subject.name} gives a {subject.kind} another vector in a batch than by itself"
    elif not _is_same(together, turned):
        yield f"{subject.name} gives a {subject.kind} another vector at another place of its batch"


def still(subject: Subject) -> Faults:
    """Forwarding in evaluation mode changes nothing."""
    module = subject.tower.module
    training = [name or "itself" for name, part in module.named_modules() if part.training]
    if training:
        yield f"{subject.name} leaves its submodule {training[0]!r} in training mode after eval()"
    before = state_of(module)
    subject.forward(subject.samples())
    changed = [
        n for n, tensor in module.state_dict().items() if not torch.equal(tensor, before[n])
    ]
    if changed:
        yield f"{subject.name} changes its tensor {changed[0]!r} while it forwards"


def headed(subject: Subject) -> Faults:
    """A native head can be asked."""
    head = subject.loaded.backbone.native_head
    if head is None:
        return
    for name, tensor in (("matrix", head.matrix), ("bias", head.bias)):
        if tensor.dtype != torch.float32 or not _is_finite(tensor):
            yield f"the native head of {subject.name} has a {name} that is not finite float32"
    if len(set(head.labels)) < len(head.labels):
        yield f"the native head of {subject.name} has a label twice"


def affordable(subject: Subject, budget: Budget) -> Faults:
    """Time and memory."""
    cost = subject.cost
    if cost.load_s > budget.load_s:
        yield f"{subject.name} takes {cost.load_s:.1f} s to build; at most {budget.load_s:g}"
    if cost.forward_s > budget.forward_s:
        yield (
            f"{subject.name} takes {cost.forward_s:.1f} s a {subject.kind} on this machine; "
            f"at most {budget.forward_s:g}"
        )
    if cost.memory_mb > budget.memory_mb:
        yield (
            f"{subject.name} takes {cost.memory_mb:.0f} MB; "
            f"a worker is recycled above {budget.memory_mb:g}"
        )


def _is_finite(tensor: Tensor) -> bool:
    return bool(torch.isfinite(tensor).all())


def _is_same(one: Tensor, other: Tensor) -> bool:
    first, second = one.double(), other.double()
    norms = first.norm(dim=1), second.norm(dim=1)
    is_long = torch.isclose(*norms, rtol=SAME_NORM, atol=1e-6)
    cosine = (first * second).sum(dim=1) / (norms[0] * norms[1]).clamp_min(1e-12)
    is_close = (cosine >= SAME_COSINE) | (norms[0] < 1e-6)
    return bool((is_long & is_close).all())


def _plain(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
