"""What the schema of Google's Model Card Toolkit, version 0.0.2, asks for, restated and stricter: no other keys.

As of the release 2.1.0 of the toolkit, whose figures are texts; in its first one they were numbers.

https://github.com/tensorflow/model-card-toolkit/blob/main/model_card_toolkit/schema/v0.0.2/model_card.schema.json
"""

from typing import Any

TEXT = {"type": "string"}
URI = {"type": "string", "format": "uri"}


def record(**properties: Any) -> dict[str, Any]:
    """Return the schema of an object with these keys, each of which may be missing."""
    return {"type": "object", "properties": properties, "additionalProperties": False}


def each(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a list."""
    return {"type": "array", "items": schema}


DESCRIBED = record(description=TEXT)
GRAPHICS = record(
    description=TEXT,
    collection=each(record(name=TEXT, image={"type": "string", "contentEncoding": "base64"})),
)
LICENSE = {
    **record(identifier=TEXT, custom_text=TEXT),
    "oneOf": [{"required": ["identifier"]}, {"required": ["custom_text"]}],
}
DATASET = record(
    name=TEXT, link=URI, sensitive=record(sensitive_data=each(TEXT)), graphics=GRAPHICS, description=TEXT
)
KEYVAL = record(key=TEXT, value=TEXT)
METRIC = record(
    type=TEXT, value=TEXT, slice=TEXT, confidence_interval=record(lower_bound=TEXT, upper_bound=TEXT)
)
SCHEMA: dict[str, Any] = {
    "$schema": "http://json-schema.org/draft-07/schema#",
    **record(
        schema_version=TEXT,
        model_details=record(
            name=TEXT,
            overview=TEXT,
            documentation=TEXT,
            owners=each(record(name=TEXT, contact=TEXT)),
            version=record(name=TEXT, date={"type": "string", "format": "date"}, diff=TEXT),
            licenses=each(LICENSE),
            references=each(record(reference=URI)),
            citations=each(record(style=TEXT, citation=TEXT)),
            path=TEXT,
        ),
        model_parameters=record(
            model_architecture=TEXT,
            data=each(DATASET),
            input_format=TEXT,
            input_format_map=each(KEYVAL),
            output_format=TEXT,
            output_format_map=each(KEYVAL),
        ),
        quantitative_analysis=record(
            performance_metrics=each(METRIC),
            graphics=GRAPHICS,
        ),
        considerations=record(
            users=each(DESCRIBED),
            use_cases=each(DESCRIBED),
            limitations=each(DESCRIBED),
            tradeoffs=each(DESCRIBED),
            ethical_considerations=each(record(name=TEXT, mitigation_strategy=TEXT)),
        ),
    ),
}
