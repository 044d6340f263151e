"""From a Setup to a Plan: pure functions, no I/O."""

from assistant.plan.model import HostPlan, Plan, Record

__all__ = ["HostPlan", "Plan", "Record"]
