"""What all pictures share: colours that colour-blind people tell apart, and the same bytes each time."""

import io
from pathlib import Path
from typing import TYPE_CHECKING

from podium.records.files import write_atomically

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito 2008, https://jfly.uni-koeln.de/color/
BLUE, ORANGE, GREEN, VERMILION, PURPLE, SKY = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9"
INK = "#333333"
DPI = 120


def save(figure: "Figure", path: Path) -> None:
    """Write a PNG without date and version, whole or not at all."""
    write_atomically(path, png(figure))


def png(figure: "Figure", dpi: int = DPI) -> bytes:
    """A PNG without date and version. Figure.savefig lays the figure out twice, to the same pixels."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(figure)
    figure.set_dpi(dpi)
    if (layout := figure.get_layout_engine()) is not None:
        layout.execute(figure)
        figure.set_layout_engine("none")
    content = io.BytesIO()
    canvas.print_png(content, metadata={"Software": None})
    return content.getvalue()


def plain(axes: "Axes") -> None:
    """Only the frame that carries numbers, and a light grid."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.tick_params(colors=INK, labelsize=9)
