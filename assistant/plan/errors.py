"""What stops a plan from being made."""

from __future__ import annotations

from assistant.common.errors import AssistantError


class PlanError(AssistantError):
    """A Setup that no plan can be made for; the message says what is missing.

    Causes: ``option-unsupported``, ``release-unknown``, ``no-address``, ``dns-update-missing``,
    ``dns-server-name``, ``dns-provider-unknown``, ``dns-account-missing``, ``python-too-old``,
    ``no-wildcard``, ``name-too-long``.
    """
