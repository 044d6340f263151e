"""Which Matrix servers a Setup has, under which names, and where people reach them."""

from __future__ import annotations

from dataclasses import dataclass

from assistant.setup.model import Host, Role, Setup


@dataclass(frozen=True, kw_only=True)
class Homeserver:
    """One Matrix server. ``host`` runs it, ``front`` is what clients connect to (the home line in
    option 4, else the same). ``names`` are all names it answers to; ``access_name`` with ``port``
    is what clients are given. ``main`` is the one people in China use (the only one in option 1);
    ``private``: its names must be in no public DNS (option 3).
    """

    host: Host
    front: Host
    server_name: str
    access_name: str
    port: int
    names: tuple[str, ...]
    main: bool
    private: bool = False

    @property
    def base_url(self) -> str:
        """The homeserver URL for clients, without a slash at its end; the port unless it is 443."""
        port = "" if self.port == 443 else f":{self.port}"
        return f"https://{self.access_name}{port}"


def homeservers(setup: Setup) -> tuple[Homeserver, ...]:
    """All Matrix servers, the main one first."""
    if setup.option == 1:
        return (_main(setup, setup.host(Role.OUTSIDE), setup.host(Role.OUTSIDE)),)
    inside, outside = setup.host(Role.INSIDE), setup.host(Role.OUTSIDE)
    front = setup.host(Role.HOME) if setup.option == 4 else inside
    other = Homeserver(
        host=outside,
        front=outside,
        server_name=setup.outside_name,
        access_name=setup.outside_name,
        port=443,
        names=(setup.outside_name,),
        main=False,
    )
    return (_main(setup, inside, front), other)


def homeserver_on(setup: Setup, host: str) -> Homeserver | None:
    """The Matrix server on a host, None when there is none (the home host of option 4)."""
    return next((server for server in homeservers(setup) if server.host.name == host), None)


def renamed(before: Setup, after: Setup) -> tuple[tuple[Role, str, str], ...]:
    """The servers whose name would change: role, old and new name.

    A name belongs to its server, whatever the option: the one outside is the only server of option
    1 and the second one of the others.
    """
    new = {server.host.role: server.server_name for server in homeservers(after)}
    return tuple(
        (server.host.role, server.server_name, new[server.host.role])
        for server in homeservers(before)
        if new.get(server.host.role, server.server_name) != server.server_name
    )


def _main(setup: Setup, host: Host, front: Host) -> Homeserver:
    return Homeserver(
        host=host,
        front=front,
        server_name=setup.server_name,
        access_name=setup.access_name,
        port=setup.access_port,
        names=setup.names,
        main=True,
        private=setup.option == 3,
    )
