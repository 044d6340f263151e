"""A certificate renewed ahead of its time, by the unit that would do it when it is due."""

from __future__ import annotations

from assistant.rehearsal.lab import Lab

UNIT = "matrix-assistant-certbot.service"
_DROP_IN = f"/run/systemd/system/{UNIT}.d/ahead.conf"
_LEAF = "/etc/letsencrypt/live/matrix-assistant/cert.pem"


async def renewed(lab: Lab, host: str, name: str) -> None:
    """Let a host renew its certificate at once, in the sandbox of its timer.

    Asserts that it got another one and that nginx shows it to who asks for ``name``.
    """
    before = await _serial(lab, host)
    unit = (lab.root_of(host) / "etc/systemd/system" / UNIT).read_text()
    (command,) = [line for line in unit.splitlines() if line.startswith("ExecStart=")]
    drop_in = f"[Service]\nExecStart=\n{command} --force-renewal\n"
    await lab.exec(host, ["install", "-D", "/dev/stdin", _DROP_IN], input=drop_in)
    await lab.exec(host, ["systemctl", "daemon-reload"])
    try:
        done = await lab.exec(host, ["systemctl", "start", UNIT], timeout=180, check=False)
        said = await lab.exec(host, ["journalctl", "--quiet", "-u", UNIT, "-n", "30"])
        assert done.returncode == 0, said.stdout
        after = await _serial(lab, host)
        assert after != before, said.stdout
        script = (
            f"openssl s_client -connect localhost:443 -servername {name} </dev/null"
            " | openssl x509 -noout -serial"
        )
        shown = await lab.exec(host, ["sh", "-c", script])
        assert shown.stdout.strip() == after, "nginx shows the old one"
    finally:
        await lab.exec(host, ["rm", _DROP_IN])
        await lab.exec(host, ["systemctl", "daemon-reload"])


async def _serial(lab: Lab, host: str) -> str:
    argv = ["openssl", "x509", "-in", _LEAF, "-noout", "-serial"]
    return (await lab.exec(host, argv)).stdout.strip()
