"""Plans of a population of five members on the fake trainer, and what it decided."""

SPACE = (
    "initializer=he_normal",
    "tricks.dropout.p=interval(0,0.8)",
    "optimizer.lr=tag(log,interval(1e-3,1))",
)
PBT = ("search=pbt", "search.population=5", "search.every_epochs=2", "search.quantile=0.4", "seeds=2")


def words(name):
    """The words of the command line, with a folder of runs of its own."""
    return (*SPACE, *PBT, f"name={name}", f"paths.runs=runs-{name}")


def decisions(population):
    return [[member.point for member in members] for members in population.generations]
