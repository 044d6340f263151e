"""The summary of a Setup for the people involved: as Markdown to read, as JSON for programs.

Two audiences: the *operator* gets everything that is needed to run, mend and take back the
service; the *people* who will chat get what they need and nothing about the servers. Neither ever
holds a secret: where one is needed, the summary names the file on the host that holds it.
"""

from assistant.export.deployment_facts import Audience, app_link, homeserver_url
from assistant.export.helm import helm_values
from assistant.export.summary import SUMMARY_VERSION, summary_json, summary_markdown

__all__ = [
    "SUMMARY_VERSION",
    "Audience",
    "app_link",
    "helm_values",
    "homeserver_url",
    "summary_json",
    "summary_markdown",
]
