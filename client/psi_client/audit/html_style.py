"""How the HTML report looks, on screen and on paper; and the policy by which a browser loads nothing for it."""

from __future__ import annotations

POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"

STYLE = """
body { font: 16px/1.5 Georgia, serif; max-width: 60em; margin: 2em auto; padding: 0 1em; color: #1a1a1a; }
h1 { font-size: 1.6em; }
h2 { font-size: 1.2em; margin-top: 2em; border-bottom: 1px solid #999; break-after: avoid; }
.verdict { margin: 1em 0; padding: 0.2em 1em; border-left: 6px solid; break-inside: avoid; }
.verdict.proven { border-color: #2d7a3a; background: #f0f7f1; }
.verdict.broken { border-color: #b3261e; background: #fdf1f0; }
.verdict.open { border-color: #8a6d00; background: #fdf9ec; }
code { font-size: 0.85em; overflow-wrap: anywhere; }
table { border-collapse: collapse; }
td, th { text-align: left; padding: 0.3em 1em 0.3em 0; vertical-align: top; }
th { font-weight: bold; }
.claims { width: 100%; }
.claims tr { border-bottom: 1px solid #ddd; break-inside: avoid; }
.claims td:nth-child(2) { width: 50%; }
.claims p { margin: 0.1em 0; color: #444; font-size: 0.9em; }
.state { white-space: nowrap; font-weight: bold; font-size: 0.85em; }
.proven .state { color: #2d7a3a; }
.broken .state { color: #b3261e; }
.claims .broken { background: #fdf1f0; }
.not-provable .state { color: #8a6d00; }
@media print { body { font-size: 11pt; margin: 0; max-width: none; } }
"""
