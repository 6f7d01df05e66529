"""The page: one self-contained HTML file from a template, and the same results as files beside it."""

import base64
import re
from collections.abc import Iterable
from importlib import resources
from pathlib import Path
from string import Template

from depthbench.files import write_atomically
from depthbench.report.analyze.captions import facts, lead, notices
from depthbench.report.analyze.published_tables import read_papers
from depthbench.report.analyze.study import studies
from depthbench.report.analyze.table import Table
from depthbench.report.draw.style import html
from depthbench.report.read.runs import Run
from depthbench.report.write.claims import render_claims
from depthbench.report.write.data_section import Chapter, slug, write_files
from depthbench.report.write.html_figures import render_figure, render_gallery
from depthbench.report.write.html_tables import render_table
from depthbench.report.write.published import render_exhibits
from depthbench.report.write.run_list import render_runs
from depthbench.report.write.table_files import to_csv, to_latex, to_markdown


def write_report(
    runs: list[Run],
    output: Path,
    title: str | None = None,
    figures: bool = True,
    published: Iterable[Path] = (),
    gallery: bool = True,
) -> None:
    """Write the page, and next to it ``<name>_files/`` with tables and figures.

    Args:
        runs: from :func:`~depthbench.report.read.runs.read_runs`.
        output: the HTML file; its folder must exist.
        title: the heading; by default the swept keys.
        figures: also write every figure as PNG and PDF.
        published: files of published numbers, besides the runs' own studies.
        gallery: show test images and their predictions; without it nothing written holds a photograph, and
            galleries that an earlier report left beside the page are removed.
    """
    papers = read_papers(runs, published)
    chapters = [Chapter(study, f"data{index}", papers, gallery) for index, study in enumerate(studies(runs))]
    write_atomically(output, render_page(chapters, runs, title or default_title(chapters)))
    files = output.with_name(f"{output.stem}_files")
    files.mkdir(exist_ok=True)
    if not gallery:
        for left in files.glob("*gallery*.p[nd][gf]"):
            left.unlink()
    for chapter in chapters:
        write_files(chapter, files, f"{slug(chapter.study.data)}-" if len(chapters) > 1 else "", figures)


def default_title(chapters: list[Chapter]) -> str:
    """The swept keys and the data."""
    swept: dict[str, None] = {}
    for chapter in chapters:
        swept |= dict.fromkeys(re.split(r"[./]", axis)[-1].replace("_", " ") for axis in chapter.study.axes[:3])
        if len(chapter.study.amounts) > 1:
            swept["amount of data"] = None
    names = list(swept) or ["results"]
    what = names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
    return f"{what[0].upper()}{what[1:]} on {', '.join(chapter.study.data for chapter in chapters)}"


def render_page(chapters: list[Chapter], runs: list[Run], title: str) -> str:
    """The whole page."""
    many = len(chapters) > 1
    parts = [f'<header><p class="eyebrow">depthbench report</p><h1>{html(title)}</h1>']
    if not many:
        parts.append(_introduction(chapters[0]))
    parts.append(
        f"<nav>{''.join(_links(chapter, many) for chapter in chapters)}<a href='#runs'>Runs</a></nav></header>"
    )
    for chapter in chapters:
        if many:
            heading = f'<h2 id="{chapter.key}">{html(chapter.study.data)}</h2>'
            parts.append(f"<section>{heading}{_introduction(chapter)}</section>")
        parts += [
            render_claims(chapter.claims, chapter.key, chapter.about(chapter.protocol)),
            _results(chapter),
            render_exhibits(chapter.exhibits, chapter.key, chapter.here, chapter.compared),
            *(render_figure(figure, chapter.look, chapter.key) for figure in chapter.figures),
            render_gallery(chapter.gallery, chapter.key, chapter.about(chapter.protocol)),
        ]
    parts += [render_runs(runs), _footer(runs)]
    folder = resources.files("depthbench.report.write")
    css, js, page = ((folder / f"page.{kind}").read_text(encoding="utf-8") for kind in ("css", "js", "html"))
    return Template(page).substitute(title=html(title), css=css + _tab_rules(chapters), js=js, body="\n".join(parts))


def _links(chapter: Chapter, many: bool) -> str:
    if many:
        return f'<a href="#{chapter.key}">{html(chapter.study.data)}</a>'
    targets = {"scores": "Scores"} | ({"published": "Published numbers"} if chapter.exhibits else {})
    targets |= {figure.key: figure.title for figure in chapter.figures}
    targets |= {"gallery": "Gallery"} if chapter.gallery else {}
    return "".join(f'<a href="#{chapter.key}-{key}">{html(name)}</a>' for key, name in targets.items())


def _introduction(chapter: Chapter) -> str:
    protocol = chapter.protocol or "not scored"
    known = facts(chapter.study, protocol)
    entries = "".join(f"<div><dt>{html(name)}</dt><dd>{html(value)}</dd></div>" for name, value in known.items())
    said = "".join(f'<p class="notice">{html(notice)}</p>' for notice in notices(chapter.study))
    return f'<p class="lead">{html(lead(chapter.study, protocol))}</p>{said}<dl class="facts">{entries}</dl>'


def _results(chapter: Chapter) -> str:
    if not chapter.tables:
        return f'<section id="{chapter.key}-scores"><h2>Scores</h2><p>No run has been scored yet.</p></section>'
    first, *others = chapter.tables
    parts = [f'<section id="{chapter.key}-scores"><h2>Scores</h2>', _table(chapter, first)]
    parts += [
        f"<details><summary>Protocol {html(table.protocol)}</summary>{_table(chapter, table)}</details>"
        for table in others
    ]
    return "".join([*parts, "</section>"])


def _table(chapter: Chapter, table: Table) -> str:
    caption = chapter.about(table.protocol)
    downloads = {"CSV": to_csv(table), "Markdown": to_markdown(table, caption), "LaTeX": to_latex(table, caption)}
    suffix = {"CSV": "csv", "Markdown": "md", "LaTeX": "tex"}
    links = " · ".join(
        f'<a download="{slug(table.protocol)}-scores.{suffix[name]}" href="{_text_uri(text)}">{name}</a>'
        for name, text in downloads.items()
    )
    return render_table(table, chapter.look, caption, links)


def _tab_rules(chapters: list[Chapter]) -> str:
    """CSS rules that open a tab by its radio button, without a script."""
    most = max((len(chapter.gallery.frames) for chapter in chapters if chapter.gallery), default=0)
    return "".join(f".tabs > input:nth-of-type({k + 1}):checked ~ .tab{k} {{ display: block; }}\n" for k in range(most))


def _footer(runs: list[Run]) -> str:
    newest = max((str(run.info.get("created") or "") for run in runs), default="")
    when = f"; the newest was started {html(newest)}" if newest else ""
    return f"<footer>Made from {len(runs)} run folders by <code>python -m depthbench.report</code>{when}.</footer>"


def _text_uri(text: str) -> str:
    return "data:text/plain;charset=utf-8;base64," + base64.b64encode(text.encode("utf-8")).decode("ascii")
