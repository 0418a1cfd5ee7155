"""Fine-tuning strategies: which blocks of a backbone each trains, told before a job is queued."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from zoo.backbone import IMAGE
from zoo.catalog.records import Json
from zoo.errors import InvalidError
from zoo.names import LONGEST_GUESS, nearest
from zoo.predictor import BackboneDetail
from zoo.space import FLOAT32

Strategy = Literal["head_only", "last_blocks", "full", "gradual", "scratch"]
HEAD_ONLY: Strategy = "head_only"
SCRATCH: Strategy = "scratch"
STRATEGIES: tuple[Strategy, ...] = get_args(Strategy)
"""From the cheapest to the dearest."""

MOST_QUANTIFIERS = 3
QUANTIFIERS = re.compile(r"(?<!\\)[*+?{]")
GROUPS = re.compile(r"(?<!\\)[()|]")


class UnknownBlockError(InvalidError):
    """A block that a backbone does not have; `nearest` holds those that look like it."""

    def __init__(self, detail: str, *, nearest: Sequence[str]) -> None:
        super().__init__(detail, code="unknown_block", field="until")
        self.nearest = tuple(nearest)


@dataclass(frozen=True, kw_only=True)
class StrategyPlan:
    """A strategy with the blocks, in forward order, that it trains and that it leaves frozen."""

    strategy: Strategy
    trained: tuple[str, ...] = ()
    frozen: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Choice:
    """What a caller asked for: one strategy or several to compare, and how far it goes."""

    strategy: Strategy = HEAD_ONLY
    compare: tuple[Strategy, ...] | None = None
    blocks: int | None = None  # the last so many
    until: str | None = None  # from the last back to this one, or the first that a regex matches

    @property
    def asked(self) -> tuple[Strategy, ...]:
        """Each strategy once, the cheapest first."""
        named = (self.strategy,) if self.compare is None else self.compare
        return tuple(one for one in STRATEGIES if one in named)


def make_plans(choice: Choice, *, model: str, detail: BackboneDetail) -> tuple[StrategyPlan, ...]:
    """A plan for each strategy that is asked for.

    Raises `InvalidError` (`impossible_strategy`, `unknown_block`, `invalid`) for what this
    backbone cannot be trained by.
    """
    _check_choice(choice)
    return tuple(_plan(one, choice, model=model, detail=detail) for one in choice.asked)


def _check_choice(choice: Choice) -> None:
    if choice.compare is not None and choice.strategy != HEAD_ONLY:
        raise InvalidError(
            "compare takes the place of strategy; give one of them", field="compare"
        )
    if choice.compare is not None and len(choice.asked) < 2:
        raise InvalidError(
            f"compare names {len(choice.asked)} strategy; it takes two or more of "
            f"{', '.join(STRATEGIES)}",
            field="compare",
        )
    if choice.blocks is not None and choice.until is not None:
        raise InvalidError("blocks and until say the same; give one of them", field="until")
    given = "blocks" if choice.blocks is not None else "until"
    if (choice.blocks or choice.until) and "last_blocks" not in choice.asked:
        raise InvalidError(f"{given} goes with the strategy last_blocks only", field=given)


def _plan(
    strategy: Strategy, choice: Choice, *, model: str, detail: BackboneDetail
) -> StrategyPlan:
    blocks = detail.blocks
    if strategy == HEAD_ONLY:
        return StrategyPlan(strategy=strategy, frozen=blocks)
    _check_trainable(strategy, model=model, detail=detail)
    n_trained = _last_blocks(choice, model, blocks) if strategy == "last_blocks" else len(blocks)
    first = len(blocks) - n_trained
    return StrategyPlan(strategy=strategy, trained=blocks[first:], frozen=blocks[:first])


def _check_trainable(strategy: Strategy, *, model: str, detail: BackboneDetail) -> None:
    towers = detail.towers or (IMAGE,)  # kept before there were others
    reason = ""
    if towers != (IMAGE,):
        reason = f"its towers ({', '.join(towers)}) share one space, and training parts them"
    elif detail.space.precision != FLOAT32:
        reason = f"it computes in {detail.space.precision}; name it without its precision"
    elif not detail.blocks:
        reason = "its plugin names no blocks"
    if reason:
        raise InvalidError(
            f"{model} cannot be trained by {strategy!r}: {reason}; head_only can be had",
            code="impossible_strategy",
            field="strategy",
        )


def _last_blocks(choice: Choice, model: str, blocks: Sequence[str]) -> int:
    if choice.until is not None:
        return len(blocks) - _first_named(choice.until, model, blocks)
    wanted = 1 if choice.blocks is None else choice.blocks
    if wanted <= len(blocks):
        return wanted
    raise InvalidError(
        f"{model} has {len(blocks)} blocks, not {wanted}: {', '.join(blocks)}", field="blocks"
    )


def _first_named(until: str, model: str, blocks: Sequence[str]) -> int:
    """The place of the first block of this name, or that matches it as a regular expression."""
    if until in blocks:
        return list(blocks).index(until)
    pattern = _pattern(until)
    found = next((place for place, name in enumerate(blocks) if pattern.fullmatch(name)), None)
    if found is not None:
        return found
    close = nearest(until, blocks) or tuple(blocks)
    raise UnknownBlockError(
        f"{model} has no block {until[:LONGEST_GUESS]!r}; "
        f"did you mean {' or '.join(map(repr, close))}?",
        nearest=close,
    )


def _pattern(text: str) -> re.Pattern[str]:
    # Without groups and with few quantifiers it cannot take long, whatever is asked for.
    if GROUPS.search(text) or len(QUANTIFIERS.findall(text)) > MOST_QUANTIFIERS:
        raise InvalidError(
            f"until is {text!r}; as a regular expression it may have no groups and at most "
            f"{MOST_QUANTIFIERS} of * + ? and {{",
            field="until",
        )
    try:
        return re.compile(text)
    except (re.error, OverflowError) as error:
        raise InvalidError(
            f"until is {text!r}; it is no block's name and no regular expression: {error}",
            field="until",
        ) from error


def plan_to_json(plan: StrategyPlan) -> dict[str, object]:
    """A plan as a job keeps it."""
    return {
        "strategy": plan.strategy,
        "trained": list(plan.trained),
        "frozen": list(plan.frozen),
    }


def plan_from_json(fields: Json) -> StrategyPlan:
    """The same plan again."""
    return StrategyPlan(
        strategy=fields["strategy"],
        trained=tuple(fields["trained"]),
        frozen=tuple(fields["frozen"]),
    )
