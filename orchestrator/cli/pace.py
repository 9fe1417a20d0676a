"""How fast a training is and how long it still takes, from what its engine says step by step."""

from __future__ import annotations

import time
from collections.abc import Callable

from orchestrator.base.language import say
from orchestrator.engines.progress import Step, is_finite
from orchestrator.report import words


class Pace:
    """Collects steps; tells them in words. ``clock`` gives seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._begun: tuple[int, float] | None = None
        self._at = 0.0
        self.step = 0
        self.total: int | None = None
        self.losses: list[float] = []
        self._rate: float | None = None
        self._left: float | None = None

    def see(self, one: Step) -> bool:
        """Whether ``one`` says something of this training: a bar of other length is another's."""
        if one.total is not None:
            if self.total not in (None, one.total):
                return False
            self.total = one.total
        if one.step is not None and one.step > self.step:
            self.step, self._at = one.step, self._clock()
            self._begun = self._begun or (self.step, self._at)
        if one.loss is not None:
            self.losses.append(one.loss)
        self._rate = one.rate if one.rate is not None else self._rate
        self._left = one.left if one.left is not None else self._left
        return True

    @property
    def known(self) -> bool:
        return bool(self.step or self.losses)

    @property
    def speed(self) -> float | None:
        """Steps a second since the first one that was seen."""
        if self._begun is None or self.step <= self._begun[0] or self._at <= self._begun[1]:
            return None
        return (self.step - self._begun[0]) / (self._at - self._begun[1])

    @property
    def left(self) -> float | None:
        """Seconds still to go at this speed; what the engine says where the end is not known."""
        if self.total is None:
            return self._left
        return (self.total - self.step) / self.speed if self.speed is not None else None

    def parts(self) -> list[str]:
        """The figures as short texts, the most wanted first."""
        if not self.known:
            return []
        found = [f"{self.step}/{self.total}" if self.total else str(self.step)]
        if self.losses:
            found.append(f"{say('loss', '损失')} {words.loss(self.losses[-1])}")
        speed = self.speed
        left = self.left
        if left is not None:
            found.append(say(f"{_clock(left)} left", f"还需 {_clock(left)}"))
        if speed is not None:
            found.append(_speed(speed))
        if self._rate is not None:
            found.append(f"lr {words.rate(self._rate)}")
        return found

    def outcome(self) -> list[str]:
        """What is left to say when it is over."""
        if not self.step:
            return []
        found = [say(f"{self.step} steps", f"{self.step} 步")]
        if self.losses:
            first, last = words.loss(self.losses[0]), words.loss(self.losses[-1])
            found.append(f"{say('loss', '损失')} {first} -> {last}")
            if not all(map(is_finite, self.losses)):
                found.append(say("not all finite", "有非有限值"))
        return found


def _speed(speed: float) -> str:
    if speed >= 1:
        return say(f"{speed:.1f} steps/s", f"{speed:.1f} 步/秒")
    return say(f"{1 / speed:.1f} s/step", f"{1 / speed:.1f} 秒/步")


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
