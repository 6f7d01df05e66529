"""Check, build and tag a release: ``make release VERSION=0.2.0``. Nothing is uploaded or pushed.

The checks come first and all of them are reported: a clean tree on ``main``, one version everywhere, a dated section of
the changelog, a new tag. Wheel and sdist are built into ``dist/`` and checked by twine; then the tag is made.
"""

import argparse
import datetime
import re
import subprocess
import sys
import tarfile
import zipfile
from email.parser import HeaderParser
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VERSION = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)((a|b|rc)(0|[1-9]\d*))?")


def git(root: Path, *words: str) -> str:
    """Output of a git command in ``root``, without the last newline."""
    return subprocess.run(["git", *words], cwd=root, check=True, capture_output=True, text=True).stdout.strip()


def written_versions(root: Path) -> dict[str, str]:
    """The version that each file of ``root`` states."""
    patterns = {"src/depthbench/__init__.py": r'^__version__ = "(.+)"$', "CITATION.cff": r"^version: (.+)$"}
    found = {file: re.search(pattern, (root / file).read_text(), re.MULTILINE) for file, pattern in patterns.items()}
    return {file: match[1] if match else "none" for file, match in found.items()}


def section(changelog: str, version: str) -> tuple[str, str] | None:
    """Date and text of a version's section, ``## VERSION (DATE)``; None if there is none."""
    parts = re.split(r"^## (.+)$", changelog, flags=re.MULTILINE)
    for title, text in zip(parts[1::2], parts[2::2], strict=True):
        match = re.fullmatch(r"(\S+) \((.+)\)", title.strip())
        if match and match[1] == version:
            return match[2], text.strip()
    return None


def faults(root: Path, version: str, today: datetime.date) -> list[str]:
    """Reasons why ``version`` can't be released from ``root``, one sentence each; empty if it can."""
    if not VERSION.fullmatch(version):
        return [f"VERSION={version} is no version; type MAJOR.MINOR.PATCH, as in VERSION=0.2.0."]
    found = []
    if changed := git(root, "status", "--porcelain"):
        found.append(f"The tree has changes; commit or remove them:\n{changed}")
    if (branch := git(root, "branch", "--show-current")) != "main":
        found.append(f"Releases are made from main, not from {branch or 'a detached commit'}: git switch main")
    found += [
        f"{file} states version {written}; write {version}."
        for file, written in written_versions(root).items()
        if written != version
    ]
    dated = section((root / "CHANGELOG.md").read_text(), version)
    if dated is None:
        found.append(f"CHANGELOG.md has no section for it; write ## {version} ({today}).")
    elif not re.fullmatch(r"\d{4}-\d\d-\d\d", dated[0]):
        found.append(f"The section of CHANGELOG.md is ({dated[0]}); write ## {version} ({today}).")
    elif not dated[1]:
        found.append(f"The section of CHANGELOG.md for {version} is empty.")
    if git(root, "tag", "--list", f"v{version}"):
        found.append(f"The tag v{version} exists; a released version is never changed, choose the next one.")
    return found


def check_packages(folder: Path, version: str) -> list[Path]:
    """Wheel and sdist in ``folder``, after a look at their metadata.

    Raises:
        ValueError: if one is missing, twine finds a fault, or its version is another.
    """
    packages = [folder / f"depthbench-{version}-py3-none-any.whl", folder / f"depthbench-{version}.tar.gz"]
    for package in packages:
        if not package.is_file():
            raise ValueError(f"The build made no {package.name}.")
        stated = HeaderParser().parsestr(metadata(package))
        if stated["Version"] != version or not stated.get_all("License-File"):
            raise ValueError(f"{package.name} states version {stated['Version']} and license {stated['License-File']}.")
    checked = subprocess.run(
        [sys.executable, "-m", "twine", "check", "--strict", *packages], capture_output=True, text=True, check=False
    )
    if checked.returncode:
        raise ValueError((checked.stdout + checked.stderr).strip())
    return packages


def metadata(package: Path) -> str:
    """The text of METADATA (wheel) or PKG-INFO (sdist)."""
    if package.suffix == ".whl":
        with zipfile.ZipFile(package) as wheel:
            (name,) = (name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
            return wheel.read(name).decode()
    with tarfile.open(package) as archive:
        file = archive.extractfile(f"{package.name.removesuffix('.tar.gz')}/PKG-INFO")
        return file.read().decode() if file else ""


def release(root: Path, version: str) -> int:
    """Check, build, check again, tag; the exit status."""
    found = faults(root, version, datetime.datetime.now(datetime.UTC).date())
    if found:
        print("Not released:", *found, sep="\n- ", file=sys.stderr)
        return 2
    output = root / "dist"
    subprocess.run([sys.executable, "-m", "build", "--no-isolation", "--outdir", output], cwd=root, check=True)
    try:
        packages = check_packages(output, version)
    except ValueError as error:
        print(f"Not tagged: {error}", file=sys.stderr)
        return 1
    git(root, "tag", "--annotate", f"v{version}", "--message", f"depthbench {version}")
    print(*(f"Built {package.relative_to(root)}" for package in packages), f"Tagged v{version}", sep="\n")
    print(f"Next: git push origin v{version}; then upload the two files.")
    return 0


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("version", help="MAJOR.MINOR.PATCH, as in depthbench.__version__")
    return release(ROOT, parser.parse_args().version)


if __name__ == "__main__":
    raise SystemExit(main())
