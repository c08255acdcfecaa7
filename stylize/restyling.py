"""The options that one picture and a job of many have in common."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from stylize.images import STYLE_RESOLUTION_PX
from stylize.shares import PathText
from stylize.validation import Checked

Precision = Literal["auto", "fp32", "bf16", "fp16", "int8"]
Runtime = Literal["auto", "torch", "onnxruntime", "openvino"]


class Restyling(Checked):
    """With which method, at which size, and how the result is written."""

    stylizer: str = Field("compact", description="method: a name that `stylize list` shows, or package.module:Class")
    weights: PathText | None = Field(
        None, description="weights file or folder; `random`: untrained weights, for timing; none: the method's own"
    )
    settings: dict[str, Any] = Field(
        default_factory=dict, description="setting of the method, such as alpha=0.6; may be repeated"
    )
    precision: Precision = Field(
        "auto", description="number format of the network; auto: the fastest that keeps fp32's look; int8: OpenVINO's"
    )
    runtime: Runtime = Field("auto", description="runs feed-forward networks; auto: the fastest for such a processor")
    resolution_px: int | None = Field(
        None,
        ge=1,
        le=32768,
        description="long side of the result in pixels, smaller photos are enlarged; none: the photo's own",
    )
    style_resolution_px: int | None = Field(
        STYLE_RESOLUTION_PX,
        ge=1,
        le=32768,
        description="long side in pixels at which artworks are looked at; none: their own",
    )
    quality: int = Field(95, ge=1, le=100, description="quality of jpg and webp, 1 to 100")
    strip: bool = Field(
        False, description="leave out what the photo carried: EXIF with its place, dots per inch, transparency"
    )
