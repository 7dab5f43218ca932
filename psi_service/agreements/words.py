"""An agreement in words: all of it, for the person who is asked to accept it."""

from __future__ import annotations

from psi_core.agreement.agreement import Agreement, EngineTerms, MatchKeyTerms
from psi_core.engines.labels import sealed_size
from psi_core.kinds.labels import label_size
from psi_core.kinds.match_key import MatchKey

_REVEAL = {
    "items": "which of its own items matched",
    "count": "how many of its items matched, not which",
}
_SECURITY = {
    (
        "openmined",
        "semi-honest",
    ): "both labs are trusted to follow the protocol; a peer could falsify results",
    ("oprf", "verifiable"): "every answer is proven to come from one committed key",
    ("vole", "malicious"): "secure against a lab that does not follow the protocol",
    ("vole", "semi-honest"): "both labs are trusted to follow the protocol",
}

_KEPT_LABELS = (
    "                  labels of what does not match stay sealed with the lab that hears them: an item that it",
    "                  queries later hears what was said of it before",
)


def in_words(agreement: Agreement, own_lab: str) -> str:
    """Every field of the text, in sentences, one a line; figures are grouped, times are UTC."""
    peer = agreement.other(own_lab)
    lines = [
        f'Agreement {agreement.short_id} "{agreement.title}" between {own_lab} (this lab) and {peer}',
        f"  text hash       {agreement.hash().hex()}",
        f"  in force        from {agreement.valid_from} until {agreement.valid_until}, unless revoked",
        f"  who learns      {' and '.join(agreement.learns)}",
        f"  what is learnt  {'; or '.join(_REVEAL[reveal] for reveal in agreement.reveal)}",
        *(_engine(terms) for terms in agreement.engines),
        *_labels(agreement),
        *_standing(agreement),
        "  match keys      each lab that learns may test in one session / in one period:",
        *(_match_key(agreement, terms) for terms in agreement.match_keys),
        f"  budget period   {_duration(agreement.period_seconds)}, counted from {agreement.period_start}",
        f"  interval        at least {_duration(agreement.minimum_interval_seconds)} between two sessions",
        f"  padding         set sizes are shown in multiples of {agreement.padding_bucket:,}",
        f"  broken off      more than {agreement.late_abort_limit:,} sessions broken off late stop further ones",
        f"  normalisation   profile {agreement.profile}",
        f"  consortium key  {agreement.consortium_key_id}",
        f"  written         {agreement.created}, nonce {agreement.nonce}",
    ]
    return "\n".join(lines) + "\n"


def _engine(terms: EngineTerms) -> str:
    security = _SECURITY.get((terms.engine, terms.variant))
    return f"  engine          {terms.engine}, {terms.variant}{f': {security}' if security else ''}"


def _labels(agreement: Agreement) -> list[str]:
    """What each lab says of those of its indicators that match, and what that costs on the wire."""
    lines = []
    for grant in agreement.labels or ():
        size = sealed_size(label_size(grant.fields))
        reader = agreement.other(grant.lab)
        lines += [
            f"  labels          {grant.lab} says {', '.join(grant.fields)} of each match, to {reader} alone",
            f"                  ({size} bytes an item, sealed; what is marked amber+strict or red is not said)",
        ]
    return lines or ["  labels          none: neither lab says anything of what matches"]


def _standing(agreement: Agreement) -> list[str]:
    """What engine `oprf` tells from one run to the next, where it is agreed."""
    if all(terms.engine != "oprf" for terms in agreement.engines):
        return []
    return [
        "  daily runs      oprf pays only for what changed: an item queried once is matched against later additions",
        f"                  too, and numbers of changes are shown in multiples of {agreement.delta_bucket:,}",
        *(_KEPT_LABELS if agreement.labels else ()),
        f"  bundles         {_bundles(agreement.bundle_days or 0)}",
    ]


def _bundles(days: int) -> str:
    if not days:
        return "the answers of oprf are kept for no auditor"
    return f"for {days:,} day{'' if days == 1 else 's'} either lab keeps oprf's answers sealed, for an auditor to check"


def _match_key(agreement: Agreement, terms: MatchKeyTerms) -> str:
    runs = agreement.full_runs(terms.match_key)
    guess = "; values can be enumerated" if MatchKey.parse(terms.match_key).low_entropy else ""
    return (
        f"    {terms.match_key:<24} {terms.max_size:>13,} / {terms.evaluations_per_period:,}"
        f" ({runs:,} full {'run' if runs == 1 else 'runs'} a period{guess})"
    )


def _duration(seconds: int) -> str:
    for unit, length in (("day", 86_400), ("hour", 3600), ("minute", 60)):
        if seconds and seconds % length == 0:
            return f"{seconds // length:,} {unit}{'' if seconds == length else 's'}"
    return f"{seconds:,} seconds"
