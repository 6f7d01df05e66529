"""Figures and galleries as HTML."""

from depthbench.palette import DEPTH, ERROR_LIMIT, MISSING, NO_DEPTH, SIGNED_ERROR
from depthbench.report.analyze.sentences import format_score
from depthbench.report.analyze.study import images_text
from depthbench.report.draw.gallery import Gallery, GalleryFrame
from depthbench.report.draw.pictures import data_uri, gradient
from depthbench.report.draw.plot import Figure
from depthbench.report.draw.side_view import Pixels
from depthbench.report.draw.style import Look, html

ONE_ROW = 9  # cards that still share a row on a wide screen: image, truth and seven methods


def render_figure(figure: Figure, look: Look, key: str) -> str:
    """One figure with its legend and caption."""
    names = "".join(f"<li>{look.swatch(name)}{html(name)}</li>" for name in figure.methods)
    legend = f'<ul class="legend">{names}</ul>' if names else ""
    panels = "".join(f'<div class="panel">{svg}</div>' for svg in figure.svgs(key))
    alone = " alone" if len(figure.panels) == 1 else ""
    caption = f'<figcaption class="caption">{html(figure.caption)}</figcaption>'
    return (
        f'<section id="{key}-{figure.key}"><h2>{html(figure.title)}</h2>'
        f'<figure>{legend}<div class="panels{alone}">{panels}</div>{caption}</figure></section>'
    )


def render_gallery(gallery: Gallery | None, key: str, about: str) -> str:
    """The frames of each amount of data behind a tab, with the color scales above."""
    if not gallery:
        return ""
    camera = "" if gallery.cameras_known else " (cameras that are not known: with a field of view of 60°)"
    caption = (
        "The same test frames for every method: the prediction, its points in space seen from the side, and its error"
        f"{camera}. Gray: no measurement. The number is the mean relative error on the frame as shown. First seed of "
        f"each row. {about}"
    )
    search = '<input type="search" placeholder="Filter methods" aria-label="Filter methods">'
    return (
        f'<section id="{key}-gallery"><h2>Gallery</h2><div class="tools">{search}</div>{_scales(gallery.far)}'
        f'<div class="tabs">{_tabs(gallery, key)}</div><p class="caption">{html(caption)}</p></section>'
    )


def _tabs(gallery: Gallery, key: str) -> str:
    """A tab per amount of data, switched by radio buttons; the largest amount is open."""
    tabs = []
    last = len(gallery.frames) - 1
    for index, amount in enumerate(gallery.frames):
        name = f"{key}-tab{index}"
        checked = " checked" if index == last else ""
        tabs.append(f'<input type="radio" name="{key}-tabs" id="{name}"{checked}>')
        tabs.append(f'<label for="{name}">{html(images_text(amount))}</label>')
    for index, frames in enumerate(gallery.frames.values()):
        tabs.append(f'<div class="tab tab{index}">{"".join(_shots(frame) for frame in frames)}</div>')
    return "".join(tabs)


def _shots(frame: GalleryFrame) -> str:
    place = f'<p title="{html(frame.name)}">{html(frame.name)}</p>'
    cards = [card_tag("image", "", picture_tag(frame.image, f"Input image {frame.name}") + place)]
    bounds = f"<p>{frame.range[0]:.1f} to {frame.range[1]:.1f} m</p>"
    view = picture_tag(frame.view, f"True points of {frame.name} from the side")
    cards.append(card_tag("truth", "", picture_tag(frame.truth, f"True depth of {frame.name}") + view + bounds))
    for shot in frame.shots:
        prediction = picture_tag(shot.prediction, f"Depth of {frame.name} predicted by {shot.method}")
        error = picture_tag(shot.error, f"Error of {shot.method} on {frame.name}")
        view = picture_tag(shot.view, f"Points of {frame.name} predicted by {shot.method}, from the side")
        cards.append(card_tag(shot.method, format_score(shot.absrel), prediction + view + error, shot.method))
    dense = " dense" if 6 < len(cards) <= ONE_ROW else ""
    return f'<div class="shots{dense}">{"".join(cards)}</div>'


def card_tag(name: str, number: str, content: str, filtered: str = "") -> str:
    """A picture or several under a name and a number; a search looks for ``filtered``."""
    mark = f' data-filter="{html(filtered)}"' if filtered else ""
    title = f'<h4><span title="{html(name)}">{html(name)}</span><span>{number}</span></h4>'
    return f'<div class="shot"{mark}>{title}{content}</div>'


def picture_tag(pixels: Pixels, text: str) -> str:
    """A picture inside of the page; ``text`` describes it for screen readers."""
    height, width = pixels.shape[:2]
    return f'<img src="{data_uri(pixels)}" alt="{html(text)}" width="{width}" height="{height}" loading="lazy">'


def _scales(far: float) -> str:
    limit = round(100 * ERROR_LIMIT)
    depth = _scale("Depth", DEPTH, ("0", f"{far / 2:g}", f"{far:g} m"))
    ticks = (f"−{limit} % too near", "0", f"+{limit} % too far")
    missing = f'<div class="bar" style="background:rgb{MISSING}"></div>'
    missing = f'<div class="scale none">{NO_DEPTH.capitalize()}{missing}</div>'
    return f'<div class="scales">{depth}{missing}{_scale("Error, relative to the truth", SIGNED_ERROR, ticks)}</div>'


def _scale(title: str, name: str, ticks: tuple[str, ...]) -> str:
    labels = "".join(f"<span>{html(tick)}</span>" for tick in ticks)
    bar = f'<div class="bar" style="background:{gradient(name)}"></div>'
    return f'<div class="scale">{html(title)}{bar}<div class="ticks">{labels}</div></div>'
