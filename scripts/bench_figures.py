"""The figures of scripts/bench: what is measured several times, its median and range, verdicts, and the rows of the table."""

import dataclasses
import math
import random
import statistics

# All of so many runs are on the wrong side by chance in 3 % of cases.
PROVING_RUNS = 6


@dataclasses.dataclass
class Sample:
    """The results of one thing done several times, and how they are printed."""

    values: list
    form: str

    @property
    def median(self):
        """The figure."""
        return statistics.median(self.values)

    @property
    def range(self):
        """Order statistics around the true median at 95 % (the sign test), or the extremes of a small sample."""
        ordered, count = sorted(self.values), len(self.values)
        left_out, outside = 0, 2 / 2**count
        while outside <= 0.05:
            left_out += 1
            outside += 2 * math.comb(count, left_out) / 2**count
        left_out = max(left_out - 1, 0)
        return ordered[left_out], ordered[-1 - left_out]

    def at_most(self, limit):
        """The verdict on an upper limit."""
        return "ok" if self.median <= limit else self.over(limit)

    def is_one(self):
        """The verdict on a ratio that is to be 1.00 within noise: the noise must be small enough to tell."""
        low, high = self.range
        return "ok" if low < 1.005 and high - low <= 0.1 else self.over(1.005)

    def over(self, limit):
        """Whether the figure is proven to be over a limit: the extremes of a small sample prove nothing."""
        return "OVER" if self.range[0] >= limit and len(self.values) >= PROVING_RUNS else "noisy"

    def __str__(self):
        median, low, high = (self.form.format(value) for value in (self.median, *self.range))
        return f"{median} ({low} to {high})"


def seconds(values):
    """Durations."""
    return Sample(values, "{:.3f} s")


def differences(ours, others):
    """What the first takes more than the second, run by run, in milliseconds."""
    return Sample([(our - other) * 1000 for our, other in zip(ours, others)], "{:+.0f} ms")


def ratios(ours, others):
    """How much longer the first takes, run by run."""
    return Sample([our / other for our, other in zip(ours, others)], "{:.3f}")


def megabytes(size):
    """A size of so many MB."""
    return f"{size:.1f} MB"


def within(figure, limit):
    """The verdict on a figure without noise."""
    return "ok" if figure <= limit else "OVER"


def show(what, figure, target="", verdict=""):
    """Prints one row."""
    print(f"{what:<56} {figure!s:<36} {target:<18} {verdict}".rstrip(), flush=True)


def alternate(runs, *actions):
    """Calls the actions by turns, each time in the other order, many in any order; gives what each returned, as lists."""
    results = [[] for _ in actions]
    for turn in range(runs):
        order = list(enumerate(actions))
        if len(order) > 2:
            random.shuffle(order)
        elif not turn % 2:
            order.reverse()
        for index, action in order:
            results[index].append(action())
    return results
