"""Whether predictions of a kind have a score under a protocol, and which alignments give them one."""

from depthbench.output_kinds import OutputKind
from depthbench.protocols.alignment import NAMED
from depthbench.protocols.protocol import EvalProtocol


def fitting_alignments(kind: OutputKind) -> list[str]:
    """Names of the alignments of single images under which a perfect prediction of a kind scores perfectly."""
    return [name for name, one in NAMED.items() if one.serves(kind) and one.over == "image"]


def refused_kind(protocol: EvalProtocol, kind: OutputKind, otherwise: str = "") -> str | None:
    """The reason why a kind has no score under a protocol, with the words to type; None where it has one.

    Args:
        protocol: that was named.
        kind: of the predictions.
        otherwise: another way out, to end the sentence with.
    """
    reason = protocol.refuses(kind)
    if reason is None:
        return None
    fitting = fitting_alignments(kind)
    if not fitting:
        way = "no alignment makes it one"
    elif protocol.alignment.serves(kind):
        way = f"append protocol.clamp_at=scored{otherwise}"
    else:
        way = f"append protocol.alignment=... ({', '.join(fitting)}){otherwise}"
    return f"{reason.rstrip('.')}; {way}."
