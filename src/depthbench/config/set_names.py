"""Names of test sets: how results, tables and published numbers call the data that they are of.

A set is called as its authors call it. Pictures that others made of it are another set to score on: an edition, which
stands in the name. ``ETH3D`` is the photographs as published, ``ETH3D (MoGe)`` the views in MoGe's bundle.
"""

from collections.abc import Sequence

from depthbench.config.mistakes import nearest
from depthbench.errors import UserError

OPTIONS = {
    "nyu": "NYUv2",
    "nyu_labeled": "NYUv2",
    "nyu_densedepth": "NYUv2",
    "nyu_sync": "NYUv2",
    "nyu_raw": "NYUv2",
    "nyu_labeled_and_rooms": "NYUv2",
    "nyu_matterport_sun": "NYUv2",
    "rooms_ood": "rooms (ood)",
    "rooms_to_nyu": "NYUv2",
    "da2k": "DA-2K",
    "ibims": "iBims-1",
    "syns": "SYNS-Patches",
    "tum": "TUM RGB-D",
    "vkitti2": "Virtual KITTI 2",
}
"""The sets that options of ``data=`` test on, where an option is not called like its set."""

BUNDLES = {"moge": "MoGe"}
"""Editions by the option of ``data=`` that reads them; ``data.set`` names one of their sets."""

BUNDLE_SETS = {
    "moge": ("NYUv2", "KITTI", "ETH3D", "iBims-1", "GSO", "Sintel", "DDAD", "DIODE", "Spring", "HAMMER"),
}
"""The sets of a bundle; ``data=BUNDLE/SET`` names one."""

EVERY = "all"

_READERS = {"MoGeBundle": "MoGe"}  # whose results of earlier versions do not name the edition


def set_label(name: str, edition: str | None) -> str:
    """The name of a set in results and tables.

    Args:
        name: as its authors call it.
        edition: whose copy it is; None for the published files.

    Example:
        >>> from depthbench.config.set_names import set_label
        >>> set_label("ETH3D", "MoGe"), set_label("ETH3D", None)
        ('ETH3D (MoGe)', 'ETH3D')
    """
    return f"{name} ({edition})" if edition else name


def bundled(names: Sequence[str]) -> list[str]:
    """Names of options, with the names of a bundle's sets checked; ``moge/all`` gives all sets.

    Raises:
        UserError: if a bundle has no such set.

    Example:
        >>> from depthbench.config.set_names import bundled
        >>> bundled(["nyu", "moge/GSO"]), len(bundled(["moge/all"]))
        (['nyu', 'moge/GSO'], 10)
    """
    found: list[str] = []
    for name in names:
        option, slash, inner = name.partition("/")
        known = BUNDLE_SETS.get(option, ()) if slash else ()
        if known and inner != EVERY and inner not in known:
            raise UserError(f"data={name} does not exist; {nearest(name, [f'{option}/{one}' for one in known])}")
        found += [f"{option}/{one}" for one in known] if known and inner == EVERY else [name]
    return found


def option_words(name: str) -> list[str]:
    """The overrides that choose a set: ``data=moge data.set=GSO`` for ``moge/GSO``.

    Example:
        >>> from depthbench.config.set_names import option_words
        >>> option_words("moge/GSO"), option_words("nyu")
        (['data=moge', 'data.set=GSO'], ['data=nyu'])
    """
    option, slash, inner = name.partition("/")
    return [f"data={option}", f"data.set={inner}"] if slash and option in BUNDLE_SETS else [f"data={name}"]


def with_bundles(words: Sequence[str]) -> list[str]:
    """Words of a command line, of which ``data=BUNDLE/SET`` is two.

    Raises:
        UserError: if a bundle has no such set, or all are named where one is scored.
    """
    found: list[str] = []
    for word in words:
        chosen = word.removeprefix("data=") if word.startswith("data=") else ""
        if chosen.partition("/")[0] not in BUNDLE_SETS or "," in chosen:
            found.append(word)
            continue
        sets = bundled([chosen])
        if len(sets) > 1:
            raise UserError(f"{word} names {len(sets)} sets: they fill a leaderboard, so append models=[...].")
        found += option_words(sets[0])
    return found


def published_name(label: str) -> str:
    """The name of a set without the bundle that it is in: ``ETH3D`` for ``ETH3D (MoGe)``."""
    names = (label.removesuffix(set_label("", edition)) for edition in BUNDLES.values())
    return next((name for name in names if name != label), label)


def set_of_option(option: str, chosen: object = None) -> str:
    """The set that ``data=option`` tests on; ``chosen`` is ``data.set`` where there is one.

    Example:
        >>> from depthbench.config.set_names import set_of_option
        >>> set_of_option("ibims"), set_of_option("moge", "iBims-1")
        ('iBims-1', 'iBims-1 (MoGe)')
    """
    if option in BUNDLES and chosen:
        return set_label(str(chosen), BUNDLES[option])
    return OPTIONS.get(option, option)


def set_of_words(words: Sequence[str]) -> str | None:
    """The set that overrides on a command line choose; None where they choose none."""
    said = {key.lstrip("+"): value for key, _, value in (word.partition("=") for word in words)}
    return set_of_option(said["data"], said.get("data.set")) if said.get("data") else None


def set_of_record(name: str, reader: str) -> str:
    """The set of a result that an earlier version wrote, by the class that read it."""
    edition = _READERS.get(reader)
    return name if edition is None or name.endswith(f"({edition})") else set_label(name, edition)


def same_set(name: str, other: str) -> bool:
    """Whether two names mean one test set: ``iBims-1`` and ``ibims`` (an option), ``NYUv2`` and ``nyu_labeled``."""
    one, two = (_plain(set_of_option(text)) for text in (name, other))
    return bool(one) and one == two


def _plain(text: str) -> str:
    return "".join(letter for letter in text.lower() if letter.isalnum())
