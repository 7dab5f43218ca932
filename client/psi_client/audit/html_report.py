"""A report as one self-contained HTML file that a lawyer can read: no script, nothing loaded, everything escaped."""

from __future__ import annotations

import hashlib
import html
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from psi_client.audit.meanings import CANNOT, MEANINGS
from psi_client.audit.report import Claim, Report, State
from psi_core.log.key import Verifier

_STYLE = """
body { font: 16px/1.5 Georgia, serif; max-width: 52em; margin: 2em auto; padding: 0 1em; color: #1a1a1a; }
h1 { font-size: 1.6em; } h2 { font-size: 1.2em; margin-top: 2em; border-bottom: 1px solid #999; }
.claim { margin: 1em 0; padding: 0.6em 1em; border-left: 6px solid; break-inside: avoid; }
.proven { border-color: #2d7a3a; } .broken { border-color: #b3261e; background: #fdf1f0; }
.not-provable { border-color: #8a6d00; background: #fdf9ec; }
.state { font-weight: bold; text-transform: uppercase; font-size: 0.8em; letter-spacing: 0.05em; }
.claim p { margin: 0.2em 0; } .meaning { color: #444; } code { font-size: 0.85em; overflow-wrap: anywhere; }
table { border-collapse: collapse; } td, th { text-align: left; padding: 0.2em 1em 0.2em 0; vertical-align: top; }
"""
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
_SAYS = {
    State.PROVEN: "proven",
    State.BROKEN: "broken",
    State.NOT_PROVABLE: "not provable from what was given",
}


def html_report(report: Report, *, made: str, keys: Sequence[Verifier]) -> str:
    """The whole document. `made` is when the audit was made, in words; `keys` are those that were trusted."""
    parts = [
        "<!DOCTYPE html>",
        '<html lang="en"><head><meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
        '<meta name="referrer" content="no-referrer">',
        f"<title>Audit of {_text(', '.join(dict.fromkeys(each.log for each in report.heads)) or 'logs')}</title>",
        f"<style>{_STYLE}</style></head><body>",
        *_summary(report, made),
        *_logs(report),
        *_claims(report.claims),
        *_limits(),
        *_keys(keys),
        "</body></html>",
    ]
    return "\n".join(parts) + "\n"


def _summary(report: Report, made: str) -> Iterator[str]:
    broken, open_ = report.count(State.BROKEN), report.count(State.NOT_PROVABLE)
    yield "<h1>Audit of matching logs</h1>"
    yield f"<p>Made {_text(made)}. {report.count(State.PROVEN)} claims proven, {broken} broken, {open_} not provable"
    yield " from what was given.</p>"
    if broken:
        yield "<p><strong>Something is wrong.</strong> The claims marked broken are contradicted by the logs, or by"
        yield " signatures that only the labs could have made. Each names the entries that show it.</p>"
    elif report.unproven:
        yield "<p><strong>Too little was given.</strong> Nothing was found to be wrong, but a claim without which"
        yield f" the others say little could not be proven: {_text(report.unproven)}.</p>"
    else:
        yield "<p>Nothing in the logs contradicts what the labs claim.</p>"
    yield "<p>This audit saw no item of any list: logs hold only agreements, sizes, seals and signatures.</p>"


def _logs(report: Report) -> Iterator[str]:
    yield "<h2>What was looked at</h2><table><tr><th>log</th><th>entries</th><th>hash over all of them</th></tr>"
    for head in report.heads:
        yield f"<tr><td>{_text(head.log)}</td><td>{head.size:,}</td><td><code>{_text(head.root)}</code></td></tr>"
    yield "</table>"


def _claims(claims: Iterable[Claim]) -> Iterator[str]:
    for logs, group in groupby(claims, key=lambda claim: claim.logs):
        yield f"<h2>{_text(' and '.join(logs))}</h2>"
        for claim in group:
            yield f'<div class="claim {claim.state.replace(" ", "-")}">'
            yield f'<p><span class="state">{_SAYS[claim.state]}</span> &mdash; {_text(claim.name)}</p>'
            yield f'<p class="meaning">{_text(MEANINGS.get(claim.name, ""))}</p>'
            yield f"<p>Found: {_text(claim.words)}.{_places(claim)}</p></div>"


def _places(claim: Claim) -> str:
    if not claim.entries:
        return ""
    listed = [
        f"{_text(log)} {', '.join(str(place.position) for place in places)}"
        for log, places in groupby(claim.entries, key=lambda place: place.log)
    ]
    return f" Entries that show it: {'; '.join(listed)}."


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


def _text(words: str) -> str:
    """Escaped, and without a character that could hide or turn others round."""
    return html.escape("".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in words))
