"""From measurements to findings: is a setup fit to be applied, and does it work afterwards?

``run_checks(setup, plan, vantages, phase=…)`` measures from every vantage and returns findings.
A check (:mod:`checks.check`) is pure; :mod:`checks.runner` alone measures. What findings add up to
is in :mod:`checks.verdict`, the causes they name in :mod:`checks.causes`.
"""

from checks.check import Check, Phase
from checks.runner import run_checks
from checks.verdict import by_urgency, ready_to_apply, to_repeat, worst

__all__ = [
    "Check",
    "Phase",
    "by_urgency",
    "ready_to_apply",
    "run_checks",
    "to_repeat",
    "worst",
]
