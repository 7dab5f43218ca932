"""What a text field has to look like: a pattern that pydantic's own core matches, and words for what does not.

A validator in Python would be called for every field of every text; an audit reads ten of them an entry.
"""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema


@dataclass(frozen=True, slots=True)
class Shape:
    """Metadata of an Annotated str: the whole text matches `pattern` (no look-around), or `words` say what is wrong.

    A value that is no text, or breaks a constraint that stands before this one, is refused in pydantic's words.
    """

    pattern: str
    words: str

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        """First what pydantic makes of the type and of the metadata before this one, then the pattern."""
        # In Rust's dialect "$" is the very end: a line feed behind the text does not match.
        whole = core_schema.str_schema(pattern=f"^(?:{self.pattern})$", regex_engine="rust-regex")
        shaped = core_schema.custom_error_schema(
            whole, "value_error", custom_error_context={"error": self.words}
        )
        return core_schema.chain_schema([handler(source), shaped])
