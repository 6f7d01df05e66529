"""The alignments that papers and their code use, by name."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from depthbench.errors import UserError
from depthbench.protocols.alignment.alignment import Alignment

_SCALE_L1 = Alignment(fit="weighted_l1", weights="inverse_truth", sample=(64, 64))
_LINE = Alignment(fit="least_squares", parts="scale_shift")
_LINE_L1 = replace(_SCALE_L1, parts="scale_shift")
_DISPARITY = replace(_LINE, space="disparity")
_UNIDEPTH = replace(_LINE, ridge=1e-9)

_FIELDS: dict[str, Alignment] = {
    "none": Alignment(),
    # One factor.
    "median": Alignment(fit="median"),  # ratio of medians: Eigen, Monodepth2, DUSt3R and CUT3R per frame
    "lower_median": Alignment(fit="lower_median"),  # torch's medians: UniDepth's "si"
    "median_of_ratios": Alignment(fit="median_of_ratios"),  # plumbline's "median"
    "scale": Alignment(fit="least_squares"),
    "scale_l1": _SCALE_L1,  # MoGe, scale-invariant depth; exact
    "weiszfeld": Alignment(fit="weiszfeld"),  # of each frame
    "weiszfeld_sequence": Alignment(fit="weiszfeld", over="sequence"),  # CUT3R's video table
    # Scale and shift in depth.
    "scale_shift": _LINE,  # Marigold, Lotus
    "scale_shift_1024": replace(_LINE, max_side=1024),  # Marigold on ETH3D
    "scale_shift_trimmed": replace(_LINE, trim=(5, 95)),  # MDEC 2025
    "scale_shift_unidepth": _UNIDEPTH,  # UniDepth's "ssi"
    "scale_shift_evalmde": replace(_LINE, clamp=(1e-4, None)),  # EvalMDE
    "scale_shift_l1": _LINE_L1,  # MoGe, affine-invariant depth
    "scale_shift_sequence": replace(_LINE, over="sequence"),
    # Scale and shift in disparity.
    "disparity": replace(_DISPARITY, clamp=(None, "truth")),  # MoGe, affine-invariant disparity
    "disparity_marigold": replace(_DISPARITY, positive_only=True, clamp=(None, 1e3)),
    "disparity_evalmde": replace(_DISPARITY, clamp=(None, 1e4)),
    "disparity_sequence": replace(_DISPARITY, floor=1e-3, clamp=(None, 1e3), over="sequence"),  # Video-Depth-Anything
    "disparity_huber": replace(_DISPARITY, fit="huber", clamp=(None, 1e8)),
    "disparity_plumbline": replace(_DISPARITY, fit="huber_squared", clamp=(None, 1e8)),  # its "ROE"
    # Scale and shift in logarithms.
    "log": replace(_LINE, space="log"),  # rpx-benchmark's "ls_log"
    "log_sequence": replace(_LINE, space="log", over="sequence"),
    "ransac": replace(_LINE, fit="ransac", space="log1p", clamp=(1e-3, "truth")),  # Pixel-Perfect Depth
    # Negative depths as hits of delta, as two released codes count them.
    "scale_shift_l1_as_coded": replace(_LINE_L1, nonpositive="hit"),  # MoGe
    "scale_shift_unidepth_as_coded": replace(_UNIDEPTH, nonpositive="hit"),
}

NAMED: dict[str, Alignment] = {name: replace(fields, name=name) for name, fields in _FIELDS.items()}
"""Alignments by name."""


def alignment_from(value: str | Mapping[str, Any] | Alignment | None) -> Alignment:
    """An alignment by name, or from its fields; None is ``none``.

    Raises:
        UserError: if there is none of this name, or it has no such field.
    """
    if isinstance(value, Alignment):
        return value
    if isinstance(value, str):
        if value not in NAMED:
            raise UserError(f"alignment is '{value}'; choose one of {', '.join(NAMED)}, or give its fields.")
        return NAMED[value]
    if value is None:
        return NAMED["none"]
    if not isinstance(value, Mapping):
        raise UserError(f"alignment is {value!r}; choose one of {', '.join(NAMED)}, or give its fields.")
    unknown = [str(key) for key in value if key not in Alignment.__dataclass_fields__]
    if unknown:
        fields = ", ".join(Alignment.__dataclass_fields__)
        raise UserError(f"alignment has no field {unknown[0]}; it has {fields}.")
    return Alignment(**value)
