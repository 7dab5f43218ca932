"""User agents, namespaced names, prompt templates."""

from __future__ import annotations

import pytest

from psi_core.errors import InvalidIndicator
from psi_core.kinds import canonical

TEMPLATE = (
    "Write a review of at least 250 words for “Sunny Hotel” in Rome, give it 4.5 stars, sign as 'Anna B.'"
)
MASKED = "Write a review of at least 0 words for \"\" in Rome, give it 0 stars, sign as ''"

READ = [
    ("user_agent", "  Mozilla/5.0\t (X11;  Linux x86_64)\n", "Mozilla/5.0 (X11; Linux x86_64)"),
    ("user_agent", "curl/8.5.0", "curl/8.5.0"),
    ("device_id", "android: 3F2504E0-4F89", "android:3F2504E0-4F89"),
    ("device_id", "Vendor_1.a : x:y ", "vendor_1.a:x:y"),
    ("username", "github:Octocat", "github:Octocat"),
    ("username", "github:Rene\u0301", "github:Ren\u00e9"),
    ("organisation", "lab-a.example:Acme  GmbH", "lab-a.example:Acme  GmbH"),
    ("prompt_template", TEMPLATE, MASKED),
    ("prompt_template", MASKED, MASKED),
    ("prompt_template", TEMPLATE.replace(" ", "\n\t"), MASKED),
    ("prompt_template", TEMPLATE.replace("Sunny Hotel", "Grand").replace("250", "1,000"), MASKED),
    ("prompt_template", TEMPLATE.replace("“", '"').replace("”", '"').replace("'", "\u2019"), MASKED),
    ("prompt_template", TEMPLATE.replace("Write", "Ｗｒｉｔｅ"), MASKED),
    # A quote that is left over never pairs with a masked slot.
    ("prompt_template", "'Sum up " + TEMPLATE, "'Sum up " + MASKED),
    # Apostrophes open no slot.
    ("prompt_template", "Don't say it's written by a model, and don't repeat the customer's own words", None),
]

REFUSED = [
    ("user_agent", "curl\x00", "control character"),
    ("user_agent", " \n ", "empty"),
    ("device_id", "3F2504E0", "namespace"),
    ("device_id", ":3F2504E0", "namespace"),
    ("device_id", "and roid:3F2504E0", "namespace"),
    ("device_id", "ändroid:3F2504E0", "namespace"),
    ("device_id", "a" * 65 + ":x", "namespace"),
    ("username", "github: ", "nothing after"),
    ("username", "github:a\nb", "control character"),
    ("organisation", "acme:\ud800", "control character"),
    ("prompt_template", "Write a review", "shorter than 64"),
    ("prompt_template", '"' + "x" * 500 + '"', "shorter than 64"),
    ("prompt_template", "\ufdfa" * 4000, "canonical form is longer"),  # NFKC makes 18 characters of one
    ("prompt_template", "x" * 4097, "longer than 4096"),
]


@pytest.mark.parametrize(("kind", "spelling", "form"), READ)
def test_read(kind: str, spelling: str, form: str | None) -> None:
    read = canonical(kind, spelling)
    assert read == (spelling if form is None else form)
    assert canonical(kind, read) == read


@pytest.mark.parametrize(("kind", "value", "reason"), REFUSED)
def test_refused(kind: str, value: str, reason: str) -> None:
    with pytest.raises(InvalidIndicator, match=reason) as refused:
        canonical(kind, value)
    assert refused.value.kind == kind
