"""The shape of every answer, for /openapi.json. Readings come from ``Reading.to_dict``; tests hold the two together."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

Share = Annotated[float, Field(ge=0, le=1)]
Point = Annotated[list[float], Field(min_length=2, max_length=2)]


class Exact(BaseModel):
    """An object that holds nothing but what is named."""

    model_config = ConfigDict(extra="forbid")


class AlternativeAnswer(Exact):
    value: str
    confidence: Share


class ScaleAnswer(Exact):
    """Where a dial's scale lies: values of its ends, direction of the low one and degrees from there to the high one,
    clockwise ones positive.
    """

    low: float
    high: float
    start: Annotated[float, Field(ge=0, le=360)]
    sweep: Annotated[float, Field(ge=-360, le=360)]


class ReadingAnswer(Exact):
    """The JSON object of ``facevalue read --json``; overlay and marks where they were asked for."""

    file: str = Field(description="its name in the form, - for a picture sent as the body")
    kind: str
    value: str = Field(description="as a person would write it; ? for a digit that can't be told")
    number: float | None = Field(description="of a clock minutes past twelve; null where it can't be told")
    confidence: Share = Field(description="calibrated probability that the value is right")
    uncertain: bool = Field(description="not to be trusted")
    alternatives: list[AlternativeAnswer]
    model: str
    milliseconds: float
    overlay: str = Field("", description="data: address of a JPEG picture with the reading drawn on it")
    marks: dict[str, list[Point]] = Field(default_factory=dict, description="polylines in pixels of the picture")
    scale: ScaleAnswer | None = Field(None, description="of dials alone")


class UnreadAnswer(Exact):
    """In a list, a picture that could not be read."""

    file: str
    error: str


class ProblemAnswer(Exact):
    """One line for people and a code for programs."""

    error: str
    code: str
    file: str = Field("", description="where one picture alone was sent")


class CalibrationAnswer(Exact):
    """How the confidence is computed: a logistic regression on the log-odds of what the network saw."""

    weights: list[float]
    threshold: float
    features: list[str]


class EccentricityAnswer(Exact):
    """How far beside the truth the needle of the one dial is seen that a weight was taught, in degrees."""

    shift: float
    sine: float
    cosine: float


class KindAnswer(Exact):
    """A kind of instrument, and all that reading it in the browser needs to know of its weight."""

    kind: str
    model: str
    codec: str
    frame_px: Annotated[list[int], Field(min_length=2, max_length=2, description="width and height")]
    narrow_px: int = Field(description="width at most of narrower pictures that it reads, 0 for none")
    calibration: CalibrationAnswer
    eccentricity: EccentricityAnswer | None
    weight: str = Field(description="address of the ONNX file, from the page")


class KindsAnswer(Exact):
    """What can be read here, and whether it can be read in the browser too."""

    version: str
    kinds: list[KindAnswer]
    in_browser: bool
    log: bool = Field(description="whether there is a history, see /v1/log")
    token_wanted: bool


class EntryAnswer(Exact):
    """A reading of a watcher's, as ``facevalue log --json`` writes it but for the picture's names."""

    time: str = Field(description="ISO 8601, UTC")
    source: str
    kind: str
    value: str = Field(description="empty where there is none")
    number: float | None
    confidence: Share
    uncertain: bool
    plausible: bool = Field(description="whether it can be after the one before")
    why: str = Field(description="what speaks against it, or why there is no value")
    good_value: str | None = Field(description="the last one believed, which may be this one; null before the first")
    good_number: float | None
    model: str


class HealthAnswer(Exact):
    status: str


_FILE = {"type": "string", "format": "binary"}
BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "one picture as it is (any format that facevalue read takes), or a form with one or more files",
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "properties": {"file": {"type": "array", "items": _FILE, "minItems": 1}},
                    "additionalProperties": _FILE,  # a file's field may have any name
                    "minProperties": 1,
                }
            },
            **{f"image/{name}": {"schema": _FILE} for name in ("jpeg", "png", "webp", "gif")},
            "application/octet-stream": {"schema": _FILE},
        },
    }
}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The errors that an address may answer with, for its description."""
    words = {
        400: "a form that can't be taken apart, or more files than allowed",
        401: "the bearer token is missing or wrong",
        404: "not there",
        408: "the body took too long to arrive",
        413: "the body has more bytes than allowed",
        415: "the body is neither a picture nor a form",
        422: "a query that can't be, or a picture that can't be read or has too many pixels",
        429: "too many requests at once; try again after so many seconds as Retry-After says",
        503: "it took too long or can't be reached, or the service is starting or about to end",
    }
    return {status: {"model": ProblemAnswer, "description": words[status]} for status in statuses}
