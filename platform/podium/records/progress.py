"""Which points of a run's journal MLflow has, as far as this process knows. Does not import MLflow."""

from dataclasses import dataclass, field
from pathlib import Path

from podium.records.journal import JOURNAL_FILE, Event, Tail
from podium.records.mapping import final_metrics
from podium.records.record import RunRecord, Status

LARGEST = 1.7e308
Point = tuple[str, float, int, int]  # name, value, milliseconds, step


@dataclass
class Progress:
    """How far a run has been pushed. ``there`` holds name and step of the points that MLflow has."""

    tail: Tail
    run_id: str = ""
    status: str = "RUNNING"
    tags: dict[str, str] = field(default_factory=dict)
    params: set[str] = field(default_factory=set)
    there: set[tuple[str, int]] = field(default_factory=set)
    has_data: bool = False
    infinite: int = 0
    last_step: int = 0
    last_ms: int = 0

    @classmethod
    def of(cls, folder: Path) -> "Progress":
        """Nothing was pushed yet."""
        return cls(tail=Tail(folder / JOURNAL_FILE))

    def new_points(self, record: RunRecord, events: list[Event]) -> list[Point]:
        """Points that MLflow lacks, each name and step once; a resumed run writes some steps again, later."""
        points: list[Point] = []
        for event in events:
            self.last_ms = milliseconds(event)
            if event["kind"] == "point":
                self.last_step = max(self.last_step, event["step"])
                for name, value in event["metrics"].items():
                    points += self._unless_there(name, value, event["step"])
        if record.status is not Status.RUNNING:
            logged = {name for name, _ in self.there}
            for name, value in final_metrics(record).items():
                if name not in logged:
                    points += self._unless_there(name, value, self.last_step)
        return points

    def _unless_there(self, name: str, value: float, step: int) -> list[Point]:
        """The point, if MLflow lacks it.

        MLflow keeps NaN as NaN, and so do we. It would store an infinity as 1.8e308, a number that nobody
        measured: infinities are left out and counted in the tag podium.infinite_points.
        """
        if (name, step) in self.there:
            return []
        self.there.add((name, step))
        if abs(value) > LARGEST:
            self.infinite += 1
            return []
        return [(name, value, self.last_ms, step)]


def own_events(events: list[Event], run_key: str) -> list[Event]:
    """Events of this run alone: a folder may also hold those of a run that failed and was begun anew."""
    own: list[Event] = []
    mine = True
    for event in events:
        if event["kind"] == "start":
            mine = event["run_key"] == run_key
        if mine:
            own.append(event)
    return own


def milliseconds(event: Event) -> int:
    """When an event was written, as MLflow counts time."""
    return int(event["time"] * 1000)
