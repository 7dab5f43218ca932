"""The offline auditor: reads exported logs, trusts the keys it was given and nothing else.

keys.py         KEYS file -> verifiers; never from inside an exported folder
folder.py       one exported log as bounded, plain files
reading.py      one pass over a log -> facts.py; head.py, tree_check.py, texts.py, records.py ... look at its parts
bundles.py      bundles of engine oprf against the records; answers.py states the claim
replay/         the sessions of a log, replayed as the node kept its books
claims.py       table of small functions about one log: facts -> proven, broken or not provable
two_logs.py     the same about two logs
generations.py  several logs of one lab, one after the other; succession.py has the claims about that
auditor.py      folders and verifiers -> report.py
spot_check.py   challenges about committed sets, and the check of what a lab answers; sealed_set.py reads the entries
"""

from psi_client.audit.auditor import Auditor
from psi_client.audit.html_report import html_report
from psi_client.audit.keys import read_keys, read_own
from psi_client.audit.report import Claim, Place, Report, State

__all__ = ["Auditor", "Claim", "Place", "Report", "State", "html_report", "read_keys", "read_own"]
