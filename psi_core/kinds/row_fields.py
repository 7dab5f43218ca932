"""What the fields of a row are called in a lab's own file: the node imports them, the client reads values back."""

ACTOR, KIND, VALUE = "actor", "kind", "value"
ATTRIBUTES = (
    "first_seen",
    "last_seen",
    "confidence",
    "tlp",
    "severity",
    "campaign",
    "label",
    "expires_at",
)
FIELDS = (ACTOR, KIND, VALUE, *ATTRIBUTES)
