"""The base of values: immutable, and unknown fields are refused."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Frozen(BaseModel):
    """Base of the values that flow through the program: immutable, no unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")
