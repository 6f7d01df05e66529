"""Write the pages of the site: ``python -m docs.site_pages build/pages`` and then ``mkdocs build``.

Copies the pages of ``docs/``, the README files and the changelog, and writes the reference from the sources: the API,
the losses and metrics, every configuration key with its comment, every protocol with its crop. Beside the folder it
writes ``mkdocs.yml``, which inherits ``docs/mkdocs.yml``. Nothing of it is committed.
"""

import argparse
import shutil
from pathlib import Path

from docs.site_pages.components import component_pages
from docs.site_pages.crops import protocol_page
from docs.site_pages.key_pages import key_pages
from docs.site_pages.pages import ROOT, copy_pages

from depthbench import __version__

SETTINGS = """\
INHERIT: {inherited}
site_name: depthbench {version}
docs_dir: {folder}
site_dir: site
copyright: depthbench {version}, Apache-2.0
extra_css: [site.css]
"""
CHOICE = "extra: {version: {provider: mike, default: newest}}\n"


def write_site(folder: Path, versions: bool = False) -> list[str]:
    """Write all pages into an empty ``folder`` and the settings beside it; the names of the pages.

    With ``versions``, pages offer the other versions of the site, which mike keeps beside this one.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    names = copy_pages(folder)
    generated = {**component_pages(), **key_pages(ROOT / "conf"), "reference/protocols.md": protocol_page()}
    for name, text in generated.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    shutil.copyfile(Path(__file__).with_name("site.css"), folder / "site.css")
    settings = SETTINGS.format(inherited=ROOT / "docs" / "mkdocs.yml", folder=folder.name, version=__version__)
    (folder.parent / "mkdocs.yml").write_text(settings + (CHOICE if versions else ""))
    return [*names, *generated]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path, help="is emptied first")
    parser.add_argument("--versions", action="store_true", help="offer the other versions of a published site")
    asked = parser.parse_args()
    print(f"{len(write_site(asked.folder, asked.versions))} pages")
