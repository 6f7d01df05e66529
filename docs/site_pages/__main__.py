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
from docs.site_pages.keys import key_pages
from docs.site_pages.pages import ROOT, copy_pages

from depthbench import __version__

SETTINGS = """\
INHERIT: {inherited}
docs_dir: {folder}
site_dir: site
copyright: depthbench {version}, Apache-2.0
extra: {{version_shown: "{version}"}}
"""


def write_site(folder: Path) -> list[str]:
    """Write all pages into an empty ``folder`` and the settings beside it; the names of the pages."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    names = copy_pages(folder)
    generated = {**component_pages(), **key_pages(ROOT / "conf"), "reference/protocols.md": protocol_page()}
    for name, text in generated.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    settings = SETTINGS.format(inherited=ROOT / "docs" / "mkdocs.yml", folder=folder.name, version=__version__)
    (folder.parent / "mkdocs.yml").write_text(settings)
    return [*names, *generated]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path, help="is emptied first")
    print(f"{len(write_site(parser.parse_args().folder))} pages")
