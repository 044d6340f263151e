"""An nftables table of our own, with a way back in case it locks its owner out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

from assistant.onhost.contract import (
    NOTHING,
    Completed,
    Done,
    Found,
    Handler,
    HostError,
    Kept,
    Machine,
)
from assistant.onhost.protocol import STATE_DIR
from assistant.onhost.resources import Firewall
from assistant.onhost.said import Said, said, together
from assistant.onhost.system import disk, path_state, systemd
from assistant.onhost.system.process import failure
from assistant.onhost.system.sockets import Socket, serving

RULES = "/etc/matrix-assistant/firewall.nft"
UNIT = "matrix-assistant-firewall.service"
UNIT_FILE = f"/etc/systemd/system/{UNIT}"

_CANDIDATE = f"{STATE_DIR}/firewall-candidate.nft"
_TRIAL = f"{STATE_DIR}/firewall-trial.nft"
_WAY_BACK = f"{STATE_DIR}/firewall-revert.nft"
_REVERT = "matrix-assistant-revert"
_LOADED = "firewall"
"""State: digest of the rules that were confirmed."""

_UNIT_TEXT = """\
[Unit]
Description=Firewall table of matrix-assistant
Documentation=man:nft(8)
# A restart or reload of the distribution's own firewall flushes every table, ours too.
After=nftables.service
PartOf=nftables.service
ReloadPropagatedFrom=nftables.service
Wants=network-pre.target
Before=network-pre.target shutdown.target
Conflicts=shutdown.target
DefaultDependencies=no

[Service]
Type=oneshot
RemainAfterExit=yes
StandardInput=null
ProtectSystem=full
ProtectHome=true
ExecStart=/usr/sbin/nft -f {rules}
ExecReload=/usr/sbin/nft -f {rules}
ExecStop=-/usr/sbin/nft delete table inet {table}

[Install]
WantedBy=sysinit.target nftables.service
"""


def unit_text(table: str) -> bytes:
    """The unit that loads the table at boot, before the network is up."""
    return _UNIT_TEXT.format(rules=RULES, table=table).encode("ascii")


def closed_by(resource: Firewall) -> list[Socket]:
    """What serves the network and the rules do not let in, one for each protocol and port."""
    let_in = {"tcp": resource.allow_tcp, "udp": resource.allow_udp}
    closed = {
        (s.protocol, s.port): s
        for s in serving()
        if s.port not in let_in[s.protocol]
        and not any(fnmatchcase(s.interface, name) for name in resource.inner)
    }
    return [closed[key] for key in sorted(closed)]


def _named(closed: Sequence[Socket]) -> str:
    """Ports as people write them in the setup, each with its program: ``udp/51820 (openvpn)``."""
    words = (f"{s.protocol}/{s.port}" + (f" ({s.process})" if s.process else "") for s in closed)
    return ", ".join(words)


def on_trial(table: str, content: str, closed: Sequence[Socket]) -> bytes:
    """The rules as they are while nobody has confirmed: what they close is cut off at once.

    Else a tunnel whose packets are tracked already would carry the confirmation, and be closed
    for ever when it falls silent: with it, whoever comes in through it.
    """
    rules = [content]
    for protocol, way in (("tcp", "reject with tcp reset"), ("udp", "reject")):
        ports = sorted({s.port for s in closed if s.protocol == protocol})
        if ports:
            listed = ", ".join(map(str, ports))
            rules.append(f"add rule inet {table} trial {protocol} dport {{ {listed} }} {way}\n")
    return "".join(rules).encode("utf-8")


def _table(resource: Firewall, machine: Machine) -> Completed:
    return machine.run(("nft", "list", "table", "inet", resource.table), timeout=30, check=False)


def _way_back(table: str, old: str) -> bytes:
    """Rules that replace the table by its old text, or remove it, in one step."""
    return f"table inet {table}\ndelete table inet {table}\n{old}".encode()


class FirewallHandler:
    """Loads new rules only for as long as nobody is locked out, keeps them once confirmed."""

    def inspect(self, resource: Firewall, machine: Machine) -> Found:
        """Compare the files, what was confirmed, and whether the table is loaded."""
        new = resource.content.encode("utf-8")
        old = disk.read_file(machine.path(RULES))
        closed = closed_by(resource)
        ports = _named(closed)
        summary = said("closes to others: {ports}", ports=ports) if closed else NOTHING
        shown = path_state.diff(RULES, old or b"", new) if old not in (None, new) else ""
        if old is not None and old != new:
            known = path_state.written(machine, RULES)
            if known and path_state.digest(old) not in known:
                return Found("conflict", said("edited by hand since the last apply"), shown)
        if old is None:
            return Found("create", summary or said("new firewall table"))
        confirmed = machine.recall(_LOADED) == path_state.digest(new)
        unit = disk.read_file(machine.path(UNIT_FILE))
        if old != new or not confirmed or unit != unit_text(resource.table):
            return Found("update", summary or said("new rules"), shown)
        if _table(resource, machine).code != 0:
            return Found("run", said("the table is not loaded"))
        return Found("none")

    def apply(self, resource: Firewall, found: Found, machine: Machine) -> Done:
        """Test, prepare the way back, load, have it confirmed, then make it last."""
        new = resource.content.encode("utf-8")
        machine.write(_CANDIDATE, new, mode="0600")
        done = machine.run(("nft", "-c", "-f", machine.path(_CANDIDATE)), check=False)
        if done.code != 0:
            told = failure(("nft", "-c", "-f", _CANDIDATE), done)
            if done.code == 127:
                raise HostError("unsupported", said("nftables is not installed on this host."))
            text = said("The firewall rules did not pass their test; nothing was changed.")
            raise HostError("validation", text, told.tail)
        if disk.read_file(machine.path(_WAY_BACK)) is not None:
            # A run died while it waited: what is loaded now was never confirmed.
            machine.run(("nft", "-f", machine.path(_WAY_BACK)), timeout=60, check=False)
        before = _table(resource, machine)
        old = before.output if before.code == 0 else ""
        files = [
            path_state.receipt_for(machine, RULES, new),
            path_state.receipt_for(machine, UNIT_FILE, unit_text(resource.table)),
        ]
        machine.receipt({"table": resource.table, "files": files})
        closed = closed_by(resource)
        self._load(resource, old, closed, machine)
        for path, data in ((RULES, new), (UNIT_FILE, unit_text(resource.table))):
            path_state.write(machine, path, data)
        systemd.reload_files(machine)
        machine.run(("systemctl", "enable", "--", UNIT), timeout=120)
        systemd.order(machine, "restart", UNIT)
        machine.remember(_LOADED, path_state.digest(new))
        _remove(machine, _CANDIDATE, _TRIAL, _WAY_BACK)
        ports = _named(closed)
        return Done(said("closed to others: {ports}", ports=ports) if closed else said("loaded"))

    def _load(
        self, resource: Firewall, old: str, closed: Sequence[Socket], machine: Machine
    ) -> None:
        machine.write(_TRIAL, on_trial(resource.table, resource.content, closed), mode="0600")
        machine.write(_WAY_BACK, _way_back(resource.table, old), mode="0600")
        back = ("nft", "-f", machine.path(_WAY_BACK))
        _forget_timer(machine)
        # systemd keeps the way back even if this program dies while it waits.
        machine.run(
            (
                "systemd-run",
                "--quiet",
                f"--unit={_REVERT}",
                f"--on-active={resource.revert_seconds}s",
                "--timer-property=AccuracySec=1s",
                "--",
                *back,
            ),
            timeout=60,
        )
        confirmed = False
        try:
            machine.run(("nft", "-f", machine.path(_TRIAL)), timeout=60)
            confirmed = machine.confirm(resource.revert_seconds)
        finally:
            if not confirmed:
                machine.run(back, timeout=60, check=False)
                _remove(machine, _CANDIDATE, _TRIAL, _WAY_BACK)
            _forget_timer(machine)
        if not confirmed:
            if closed:
                text = said(
                    "Nobody confirmed from a second connection that this host can still be "
                    "reached, so the old firewall rules are back. Check that the setup names the "
                    "port that SSH uses, then apply again. If you come in through a VPN or another "
                    "service of this host, keep its port open (keep_ports): {ports}",
                    ports=_named(closed),
                )
            else:
                text = said(
                    "Nobody confirmed from a second connection that this host can still be "
                    "reached, so the old firewall rules are back. Check that the setup names the "
                    "port that SSH uses, then apply again."
                )
            raise HostError("not-confirmed", text)
        # The timer may have fired in the very moment of the confirmation.
        machine.run(("nft", "-f", machine.path(_CANDIDATE)), timeout=60)

    def undo(self, receipt: Mapping[str, Any], machine: Machine) -> Said:
        """Bring back the rules of before, or remove the table."""
        table, files = str(receipt["table"]), list(receipt["files"])
        first = files[0]["old"]["type"] == "missing"
        if first and systemd.fresh(machine, UNIT).known:
            machine.run(("systemctl", "disable", "--now", "--", UNIT), timeout=120)
        told = [path_state.undo_placed(item, machine) for item in reversed(files)]
        systemd.reload_files(machine)
        machine.remember(_LOADED, None)
        old = disk.read_file(machine.path(RULES))
        if old is None:
            machine.run(("nft", "delete", "table", "inet", table), check=False)
        else:
            machine.remember(_LOADED, path_state.digest(old))
            machine.run(("nft", "-f", machine.path(RULES)), timeout=60)
        kept = [text for text in told if isinstance(text, Kept)]
        return Kept(together(kept)) if kept else said("the firewall is as it was")


def _forget_timer(machine: Machine) -> None:
    names = (f"{_REVERT}.timer", f"{_REVERT}.service")
    machine.run(("systemctl", "stop", "--", *names), timeout=60, check=False)
    machine.run(("systemctl", "reset-failed", "--", *names), timeout=60, check=False)


def _remove(machine: Machine, *paths: str) -> None:
    for path in paths:
        path_state.put_back(machine, path, {"type": "missing"})


HANDLERS: dict[str, Handler[Any]] = {"firewall": FirewallHandler()}
