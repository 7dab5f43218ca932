"""A report as one self-contained HTML file that a lawyer can read: no script, nothing loaded, everything escaped.

The verdict comes first, then what speaks against the labs, what stayed open and why, what was looked at, every claim
log by log, the words that are used, and whose keys were trusted.
"""

from __future__ import annotations

import hashlib
import html
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from psi_client.audit.finding import counted
from psi_client.audit.html_style import POLICY, STYLE
from psi_client.audit.meanings import CANNOT, MEANINGS, WORDS
from psi_client.audit.report import Claim, Report, State
from psi_core.log.key import Verifier

_SAYS = {
    State.PROVEN: "proven",
    State.BROKEN: "broken",
    State.NOT_PROVABLE: "not provable",
}


def html_report(report: Report, *, made: str, keys: Sequence[Verifier]) -> str:
    """The whole document. `made` is when the audit was made, in words; `keys` are those that were trusted."""
    named = ", ".join(dict.fromkeys(each.log for each in report.heads)) or "logs"
    parts = [
        "<!DOCTYPE html>",
        '<html lang="en"><head><meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">',
        '<meta name="referrer" content="no-referrer">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>Audit of {_text(named)}</title>",
        f"<style>{STYLE}</style></head><body>",
        *_verdict(report, made),
        *_about(),
        *_picked("What is broken", report.claims, State.BROKEN),
        *_picked("What could not be proven, and why", report.claims, State.NOT_PROVABLE),
        *_logs(report),
        *_claims(report.claims),
        *_words(),
        *_limits(),
        *_keys(keys),
        "</body></html>",
    ]
    return "\n".join(parts) + "\n"


def _verdict(report: Report, made: str) -> Iterator[str]:
    proven, broken, open_ = (
        report.count(state) for state in (State.PROVEN, State.BROKEN, State.NOT_PROVABLE)
    )
    yield "<h1>Audit of matching logs</h1>"
    yield f"<p>Made {_text(made)}. {counted(proven, 'claim')} proven, {broken:,} broken, {open_:,} not provable from"
    yield " what was given.</p>"
    if broken:
        yield '<div class="verdict broken"><p><strong>Something is wrong.</strong> What is listed below as broken is'
        yield " contradicted by the logs themselves, or by signatures that only the labs could have made. Each point"
        yield " names the entries that show it.</p></div>"
    elif report.unproven:
        yield '<div class="verdict open"><p><strong>Too little was given.</strong> Nothing was found to be wrong, but'
        yield " a claim without which the others say little could not be proven:"
        yield f" {_text(report.unproven)}.</p></div>"
    else:
        yield '<div class="verdict proven"><p>Nothing in the logs contradicts what the labs claim.</p></div>'


def _about() -> Iterator[str]:
    yield "<p>Labs compare lists of suspicious actors so that each learns which of its own the other lists too, and"
    yield " nothing else. What they do is written into logs, one at each lab, to which entries can only be added. This"
    yield " audit saw no item of any list: logs hold only agreements, sizes, seals and signatures.</p>"
    yield "<p>A claim is <strong>proven</strong> when signatures and hashes leave no other way;"
    yield " <strong>broken</strong> when something contradicts it; <strong>not provable</strong> when a key, a log or a"
    yield " file that would show it was not given. The last is nobody's fault by itself.</p>"


def _picked(title: str, claims: Iterable[Claim], state: State) -> Iterator[str]:
    """The claims in one state, before all others; those that say the same of the same logs in one point."""
    chosen: dict[tuple[object, ...], list[Claim]] = {}
    for claim in claims:
        if claim.state is state:
            chosen.setdefault((claim.logs, claim.words, claim.entries), []).append(claim)
    if chosen:
        yield f"<h2>{title}</h2><ul>"
        for alike in chosen.values():
            names = ", ".join(claim.name for claim in alike)
            yield f"<li>{_text(' and '.join(alike[0].logs))}: <strong>{_text(names)}</strong>."
            yield f" {_text(_sentence(alike[0].words))}{_places(alike[0])}</li>"
        yield "</ul>"


def _logs(report: Report) -> Iterator[str]:
    yield "<h2>What was looked at</h2><p>Whoever audits the same logs finds the same numbers and hashes.</p>"
    yield "<table><tr><th>log</th><th>entries</th><th>hash over all of them</th></tr>"
    for head in report.heads:
        yield f"<tr><td>{_text(head.log)}</td><td>{head.size:,}</td><td><code>{_text(head.root)}</code></td></tr>"
    yield "</table>"


def _claims(claims: Iterable[Claim]) -> Iterator[str]:
    for logs, group in groupby(claims, key=lambda claim: claim.logs):
        yield f"<h2>{_text(' and '.join(logs))}</h2>"
        yield '<table class="claims"><tr><th></th><th>claim, and what it means</th><th>what was found</th></tr>'
        for claim in group:
            yield f'<tr class="{claim.state.replace(" ", "-")}"><td class="state">{_SAYS[claim.state]}</td>'
            yield f"<td><strong>{_text(claim.name)}</strong><p>{_text(MEANINGS.get(claim.name, ''))}</p></td>"
            yield f"<td>{_text(_sentence(claim.words))}{_places(claim)}</td></tr>"
        yield "</table>"


def _places(claim: Claim) -> str:
    if not claim.entries:
        return ""
    listed = [
        f"{_text(log)} {', '.join(str(place.position) for place in places)}"
        for log, places in groupby(claim.entries, key=lambda place: place.log)
    ]
    return f" Entries that show it: {'; '.join(listed)}."


def _words() -> Iterator[str]:
    yield "<h2>Words</h2><table>"
    for word, meaning in WORDS.items():
        yield f"<tr><th>{_text(word)}</th><td>{_text(meaning)}</td></tr>"
    yield "</table>"


def _limits() -> Iterator[str]:
    yield "<h2>What no log can prove</h2><p>No log can prove</p><ul>"
    for each in CANNOT:
        yield f"<li>{_text(each)}</li>"
    yield "</ul>"


def _keys(keys: Sequence[Verifier]) -> Iterator[str]:
    yield "<h2>Whom this audit trusted</h2>"
    yield "<p>Only these keys, which the auditor was given apart from the logs. Compare them with the labs' own"
    yield " words, by telephone or on paper.</p><table><tr><th>name</th><th>SHA-256 of the key</th></tr>"
    for key in keys:
        digest = hashlib.sha256(key.public_key).hexdigest()
        words = " ".join(digest[start : start + 4] for start in range(0, 64, 4))
        yield f"<tr><td>{_text(key.name)}</td><td><code>{words}</code></td></tr>"
    yield "</table>"


def _sentence(words: str) -> str:
    """With a capital and a full stop, unless it begins with a name."""
    first = words.split(" ", 1)[0]
    begun = words if "." in first or "/" in first else words[:1].upper() + words[1:]
    return begun if begun.endswith(".") else f"{begun}."


def _text(words: str) -> str:
    """Escaped, and without a character that could hide or turn others round."""
    return html.escape("".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in words))
