"""From the coordinates of a page, `y` growing upwards, to those in which it is shown, `y` growing downwards."""

Box = tuple[float, float, float, float]
"""Left, bottom, right, top in the coordinates of the page."""


def size_as_shown(box: Box, turn: int) -> tuple[float, float]:
    width, height = box[2] - box[0], box[3] - box[1]
    return (height, width) if turn % 2 else (width, height)


def shown(box: Box, turn: int, page: Box) -> Box:
    """Left, top, right, bottom as shown of a box in the page's coordinates."""
    left, bottom, right, top = box
    x0, y0, x1, y1 = page
    match turn % 4:
        case 1:
            return bottom - y0, left - x0, top - y0, right - x0
        case 2:
            return x1 - right, bottom - y0, x1 - left, top - y0
        case 3:
            return y1 - top, x1 - right, y1 - bottom, x1 - left
    return left - x0, y1 - top, right - x0, y1 - bottom
