"""The offline auditor: reads exported logs, trusts the keys it was given and nothing else.

keys.py         KEYS file -> verifiers; never from inside an exported folder
folder.py       one exported log as bounded, plain files
reading.py      one pass over a log -> facts.py; head.py, tree_check.py and records.py look at its parts
claims.py       tables of small functions: facts -> proven, broken or not provable
auditor.py      folders and verifiers -> report.py
"""

from psi_client.audit.auditor import Auditor
from psi_client.audit.keys import read_keys
from psi_client.audit.report import Claim, Place, Report, State

__all__ = ["Auditor", "Claim", "Place", "Report", "State", "read_keys"]
