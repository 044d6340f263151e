"""systemd units that are enabled, running, and healthy with their present configuration."""

from __future__ import annotations

import http.client
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from assistant.onhost.contract import NOTHING, Done, Found, Handler, HostError, Machine
from assistant.onhost.resources import Service
from assistant.onhost.said import Said, listed, plain, said
from assistant.onhost.system import systemd

_SETTLE = "settle"
"""State: units that go on running after an undo and must read their old files again."""

_STAY = 1.5
"""Seconds a unit must stay up when systemd cannot tell that it is ready."""

_DIES = said("it does not stay running")
_REFUSED = said("connection refused")


def probe(url: str, host: str, timeout: float) -> Said:
    """Ask a URL once; empty when it answers below 500, else what went wrong.

    A redirect is an answer. Certificates are not verified: the name is the public one, the address
    the host itself. TLS is told the name as well, since a server may refuse those who give none.
    """
    parts = urlsplit(url)
    place, port = parts.hostname or "", parts.port
    path = parts.path + (f"?{parts.query}" if parts.query else "")
    make = _Tls if parts.scheme == "https" else http.client.HTTPConnection
    connection = make(place, port, timeout=timeout)
    if isinstance(connection, _Tls):
        connection.told = host or place
    try:
        connection.request("GET", path or "/", headers={"Host": host} if host else {})
        code = connection.getresponse().status
    except ConnectionRefusedError:
        return _REFUSED
    except (OSError, ValueError) as error:
        return plain(f"{error or type(error).__name__}")
    except http.client.HTTPException as error:  # answers that are no HTTP
        return said("no proper answer ({error})", error=type(error).__name__)
    finally:
        connection.close()
    return NOTHING if code < 500 else said("it answers {status}", status=code)


class _Tls(http.client.HTTPConnection):
    """A connection whose server is told a name and not asked to prove it.

    Python's own would read all authorities of the system first, which takes longer than the rest.
    """

    default_port = 443
    told = ""

    def connect(self) -> None:
        import ssl

        super().connect()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        self.sock = context.wrap_socket(self.sock, server_hostname=self.told)


def _key(resource: Service) -> str:
    return f"started:{resource.id.removeprefix('service:')}"


class ServiceHandler:
    """Restarts or reloads only when what the unit reads has changed."""

    def inspect(self, resource: Service, machine: Machine) -> Found:
        """Compare what systemd tells, and what the unit was last started with."""
        unit = systemd.planned(machine).get(resource.unit)
        if unit is None:
            unit = systemd.fresh(machine, resource.unit)
        if not unit.known:
            wanted = resource.running or resource.enabled
            return Found("unknown", said("the unit is not there yet")) if wanted else Found("none")
        if unit.masked and (resource.running or resource.enabled):
            return Found("conflict", said("somebody masked the unit, so that it cannot run"))
        if not resource.running and (unit.active or unit.restarting):
            return Found("update", said("stop"))
        if resource.running and unit.restarting:
            return Found("restart", said("it keeps failing"))
        if resource.running and not unit.active:
            return Found("run", said("start"))
        if resource.running and resource.after:
            started = machine.recall(_key(resource))
            if started != machine.desired_digest(resource.after):
                if resource.reload:
                    return Found("restart", said("reload: what it reads changes"))
                return Found("restart", said("restart: what it reads changes"))
        if resource.enabled != unit.enabled and not unit.masked:
            return Found("update", said("enable") if resource.enabled else said("disable"))
        if resource.running and resource.health_url:
            wrong = probe(resource.health_url, resource.health_host, 1.0)
            # A busy server may be slow to answer; one that refuses is not there.
            if wrong is _REFUSED:
                return Found("restart", said("it runs but does not answer"))
        return Found("none")

    def apply(self, resource: Service, found: Found, machine: Machine) -> Done:
        """Enable, start or restart, then wait until it answers."""
        unit = systemd.fresh(machine, resource.unit)
        if unit.stale or not unit.known:
            systemd.reload_files(machine)
            unit = systemd.fresh(machine, resource.unit)
        if not unit.known:
            raise HostError(
                "command", said("There is no unit {unit} on this host.", unit=resource.unit)
            )
        before = machine.recall(f"before:{resource.unit}") or {
            "enabled": unit.enabled,
            "active": unit.active,
        }
        machine.receipt({"unit": resource.unit, "id": resource.id, **before})
        done: list[Said] = []
        if unit.masked:
            machine.run(("systemctl", "unmask", "--", resource.unit))
            done.append(said("unmasked"))
        digest = machine.desired_digest(resource.after)
        if resource.enabled != unit.enabled or unit.masked:
            verb = "enable" if resource.enabled else "disable"
            machine.run(("systemctl", verb, "--", resource.unit), timeout=120)
            done.append(said("enabled") if resource.enabled else said("disabled"))
        done += self._run(resource, found, unit, machine)
        if resource.running:
            wait_for_health(resource, machine)
            machine.remember(_key(resource), digest)
        return Done(listed(done))

    def _run(
        self, resource: Service, found: Found, unit: systemd.Unit, machine: Machine
    ) -> list[Said]:
        if not resource.running:
            if unit.active or unit.restarting:
                systemd.order(machine, "stop", resource.unit)
                return [said("stopped")]
            return []
        changed = machine.recall(_key(resource)) != machine.desired_digest(resource.after)
        if unit.active and not (changed and resource.after) and found.action != "restart":
            return []
        if unit.active and resource.reload and changed:
            systemd.order(machine, "reload", resource.unit)
            return [said("reloaded")]
        # A unit that failed too often is refused a start until its failures are forgotten.
        machine.run(("systemctl", "reset-failed", "--", resource.unit), check=False)
        systemd.order(machine, "restart", resource.unit)
        return [said("restarted") if unit.active else said("started")]

    def undo(self, receipt: Mapping[str, Any], machine: Machine) -> Said:
        """Stop and disable what did not run before; the rest is told to read its files again."""
        unit = str(receipt["unit"])
        machine.remember(f"started:{str(receipt['id']).removeprefix('service:')}", None)
        machine.remember(f"before:{unit}", None)
        now = systemd.fresh(machine, unit)
        if not now.known:
            return said("{path} is not there any more", path=unit)
        done: list[Said] = []
        if receipt.get("active"):
            machine.remember(_SETTLE, sorted({*(machine.recall(_SETTLE) or ()), unit}))
        elif now.active or now.restarting:
            systemd.order(machine, "stop", unit)
            done.append(said("stopped"))
        if now.enabled and not receipt.get("enabled"):
            machine.run(("systemctl", "disable", "--", unit), timeout=120)
            done.append(said("disabled"))
        elif receipt.get("enabled") and not now.enabled and not now.masked:
            machine.run(("systemctl", "enable", "--", unit), timeout=120)
            done.append(said("enabled"))
        if not done:
            return said("{unit}: as it was", unit=unit)
        return said("{unit}: {done}", unit=unit, done=listed(done))


def wait_for_health(resource: Service, machine: Machine) -> None:
    """Wait until a unit runs, stays and answers; HostError with its log when it does not."""
    deadline = time.monotonic() + resource.health_seconds
    pause = 0.1
    while True:
        unit = systemd.fresh(machine, resource.unit)
        if unit.active:
            wrong = _answer(resource)
            if not wrong and (unit.announces or _stays(resource, unit, machine)):
                return
            wrong = wrong or _DIES
        else:
            wrong = _DIES
            if not unit.coming:
                break
        if time.monotonic() > deadline:
            break
        time.sleep(pause)
        pause = min(1.0, pause * 1.5)
    if resource.health_url:
        what = said(
            "{unit} was started but did not become healthy within {seconds} seconds ({why})",
            unit=resource.unit,
            seconds=resource.health_seconds,
            why=wrong,
        )
    else:
        what = said(
            "{unit} was started but did not become healthy ({why})", unit=resource.unit, why=wrong
        )
    raise systemd.failed(machine, resource.unit, what)


def _answer(resource: Service) -> Said:
    if not resource.health_url:
        return NOTHING
    return probe(resource.health_url, resource.health_host, 5.0)


def _stays(resource: Service, unit: systemd.Unit, machine: Machine) -> bool:
    """Whether a unit that counts as active from its first moment still runs a little later.

    Whoever holds its port would otherwise answer in its place while it dies.
    """
    time.sleep(_STAY)
    later = systemd.fresh(machine, resource.unit)
    return later.active and later.process == unit.process


def note_before(machine: Machine) -> None:
    """Remember, once, how the plan's units were before we first touched the host.

    A unit that comes with a package starts by itself: for undo it counts as not running before.
    """
    for name, unit in systemd.planned(machine).items():
        if name.endswith(".timer") or machine.recall(f"before:{name}") is not None:
            continue
        known = unit.known and not unit.masked
        told = {"enabled": known and unit.enabled, "active": known and unit.active}
        machine.remember(f"before:{name}", told)


def settle(machine: Machine) -> None:
    """After an undo: let units that ran before read the files that are back."""
    units = machine.recall(_SETTLE) or ()
    if units:
        systemd.reload_files(machine)
    for unit in units:
        systemd.order(machine, "try-reload-or-restart", str(unit))
    machine.remember(_SETTLE, None)


HANDLERS: dict[str, Handler[Any]] = {"service": ServiceHandler()}
