"""One data set's part of a report, and its tables and figures as files."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from depthbench.files import write_atomically
from depthbench.report.analyze.captions import about, comparability, here
from depthbench.report.analyze.claims import TestedClaims, tested_claims
from depthbench.report.analyze.published_tables import Exhibit, Paper, exhibits
from depthbench.report.analyze.study import Study, images_text
from depthbench.report.analyze.table import Table, build_table
from depthbench.report.draw.figures import build_figures
from depthbench.report.draw.gallery import Gallery, build_gallery
from depthbench.report.draw.pictures import save_gallery
from depthbench.report.draw.plot import Figure
from depthbench.report.draw.style import Look
from depthbench.report.write.claims import claims_csv
from depthbench.report.write.published import exhibits_csv, exhibits_latex, exhibits_markdown
from depthbench.report.write.table_files import comparisons_csv, to_csv, to_latex, to_markdown


@dataclass(frozen=True)
class Chapter:
    """One data set's part of the page; ``papers`` have published numbers.

    ``pictures`` is false for data whose photographs must not be published: there is no gallery then.
    """

    study: Study
    key: str
    papers: Sequence[Paper] = ()
    pictures: bool = True

    @cached_property
    def tables(self) -> list[Table]:
        """One table per protocol, the chosen protocol first."""
        return [table for name in self.study.protocols if (table := build_table(self.study, name))]

    @cached_property
    def protocol(self) -> str:
        """The protocol of the figures and of the comparison with papers; empty where nothing was scored."""
        return self.tables[0].protocol if self.tables else ""

    @cached_property
    def look(self) -> Look:
        """The colors of the methods."""
        return Look(self.study.methods)

    @cached_property
    def exhibits(self) -> list[Exhibit]:
        """The papers' tables of which a row was run."""
        return [exhibit for paper in self.papers for exhibit in exhibits(self.study, paper)]

    @cached_property
    def claims(self) -> list[TestedClaims]:
        """The claims of the papers whose studies' runs are here."""
        return tested_claims(self.study) if self.tables else []

    @cached_property
    def figures(self) -> list[Figure]:
        """The figures, under the first protocol."""
        return build_figures(self.study, self.tables[0], self.look, self.about(self.protocol)) if self.tables else []

    @cached_property
    def gallery(self) -> Gallery | None:
        """The gallery, if any run kept panels."""
        return build_gallery(self.study) if self.pictures else None

    @property
    def here(self) -> str:
        """The head of columns beside published ones."""
        return here(self.study)

    @property
    def compared(self) -> str:
        """The caption of tables with published numbers: whether they compare, and the origin of ours."""
        return f"{comparability(self.study)} {self.about(self.protocol)}"

    def about(self, protocol: str) -> str:
        """The last sentence of every caption."""
        return about(self.study, protocol)


def write_files(chapter: Chapter, folder: Path, stem: str, figures: bool) -> None:
    """Write a chapter's tables and, if wanted, its figures and galleries as PNG and PDF."""
    texts: dict[str, str] = {}
    for table in chapter.tables:
        texts |= _table_files(table, chapter.about(table.protocol))
    if chapter.claims:
        texts["claims.csv"] = claims_csv(chapter.claims)
    if chapter.exhibits:
        texts["published.csv"] = exhibits_csv(chapter.exhibits)
        texts["published.md"] = exhibits_markdown(chapter.exhibits, chapter.here, chapter.compared)
        texts["published.tex"] = exhibits_latex(chapter.exhibits, chapter.here, chapter.compared)
    for name, text in texts.items():
        write_atomically(folder / f"{stem}{name}", text)
    if not figures:
        return
    for figure in chapter.figures:
        figure.save(folder / f"{stem}{figure.key}", chapter.look)
    for amount in chapter.gallery.frames if chapter.gallery else ():
        name = f"{stem}gallery-{amount}" if amount else f"{stem}gallery"
        caption = f"{images_text(amount)}. {chapter.about(chapter.protocol)}"
        save_gallery(chapter.gallery, amount, folder / name, caption)  # type: ignore[arg-type]


def _table_files(table: Table, caption: str) -> dict[str, str]:
    stem = slug(table.protocol)
    return {
        f"{stem}-scores.csv": to_csv(table),
        f"{stem}-tests.csv": comparisons_csv(table),
        f"{stem}-scores.md": to_markdown(table, caption),
        f"{stem}-scores.tex": to_latex(table, caption),
    }


def slug(text: str) -> str:
    """Text as part of a file's name."""
    return "".join(char if char.isalnum() or char in "-_" else "-" for char in text) or "results"
