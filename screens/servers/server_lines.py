"""What the page of names and servers asks for: lines, their help, and where to get each thing."""

from __future__ import annotations

from collections.abc import Callable

from assistant.common.errors import ProblemError
from assistant.common.validators import (
    clean_address,
    clean_domain,
    clean_email,
    clean_ipv4,
    clean_ipv6,
    clean_kept_ports,
    clean_line,
    clean_port,
    clean_user,
)
from assistant.setup.model import ROLES, Role
from assistant.text import Message, msg
from assistant.wizard.typed_fields import clean_names
from screens.widgets.field import Line

ROLE_TITLES: dict[Role, Message] = {
    Role.OUTSIDE: msg("Your server outside mainland China"),
    Role.INSIDE: msg("Your server inside mainland China"),
    Role.HOME: msg("Your machine at home"),
}

GET_DOMAIN = msg(
    "No domain yet? Rent one at a domain registrar, for about 10 to 15 US dollars a year. Then"
    " every name below it is yours: with example.org also chat.example.org. Choose one whose web"
    " page lets you edit DNS records; this program tells you later which to add."
)
GET_DOMAIN_INSIDE = msg(
    "No domain yet? A server inside mainland China answers only under a domain that has a filing"
    " (ICP 备案). Rent the domain at a registrar in mainland China and file it with the company"
    " where that server is; this takes some weeks."
)
GET_DOMAIN_PRIVATE = msg(
    "No domain yet? Rent one at a registrar anywhere, for about 10 to 15 US dollars a year. The"
    " name of this server is published nowhere: it is put on your devices instead. The domain"
    " serves to prove the certificate, so its company must let programs change records (an API)."
)
GET_DOMAIN_HOME = msg(
    "No domain yet? Rent one at a registrar outside China, for about 10 to 15 US dollars a year."
    " This name leads to your line at home, whose address changes: so its company must let"
    " programs change records (an API)."
)
GET_DOMAIN_OUTSIDE = msg(
    "People outside China use this name, and messages between the two servers travel under both."
    " Another domain than that of the server in China is safer: when one is blocked, the other"
    " goes on. A name below the same domain will do, too."
)
GET_SERVER: dict[Role, Message] = {
    Role.OUTSIDE: msg(
        "No server yet? Rent a small one (VPS), for about 5 US dollars a month: Debian 12 or 13,"
        " 1 GB of memory, 10 GB of disk, a public IPv4 address. Best in Hong Kong, or elsewhere"
        " with what providers call a premium route to China. Its address is on the provider's"
        " page, or in the e-mail that says it is ready."
    ),
    Role.INSIDE: msg(
        "No server yet? Rent a small cloud server in mainland China, in the name under which the"
        " filing is made: Debian 12 or 13, 1 GB of memory, 10 GB of disk, a public IPv4 address."
        " Its address is on the provider's page."
    ),
    Role.HOME: msg(
        "Any small computer that is always on will do, with Debian 12 or 13. Its address is the"
        " one your router gave it, such as 192.168.1.20: look in the router's list of devices."
    ),
}
GET_KEY = msg(
    "No SSH key yet? In a terminal on this computer run: ssh-keygen -t ed25519\nPress Enter at each"
    " question. Then give your provider the line in the file ~/.ssh/id_ed25519.pub, best when you"
    " order the server. Without a key you are asked for a password instead; it is never kept."
)
_KEYS = msg(
    "Keys: Enter does what the button says. Tab and the arrows go from line to line; left and right"
    " choose. F5 tries the server. Ctrl+Down and Ctrl+Up open the next and the previous part."
    " Escape stops a trial, or goes back."
)


def help_for(option: int) -> Message:
    """The help of the page for an option: where to get each thing that is asked for."""
    begin = msg(
        "This page asks for a name and for what is needed to log in to your servers. Nothing is"
        " installed on them while you are here."
    )
    domain = msg("A domain\n{domain}", domain=name_line(option).where)
    text = msg("{first}\n\n{then}", first=begin, then=domain)
    for role in ROLES[option]:
        title, get = ROLE_TITLES[role], GET_SERVER[role]
        if option == 1:
            server = msg("A server\n{server}", server=get)
        else:
            server = msg("{title}\n{server}", title=title, server=get)
        text = msg("{first}\n\n{then}", first=text, then=server)
    key = msg("A way to log in\n{key}", key=GET_KEY)
    text = msg("{first}\n\n{then}", first=text, then=key)
    return msg("{first}\n\n{then}", first=text, then=_KEYS)


def _domain(text: str) -> str:
    name = clean_domain(text)
    if name.startswith("www."):
        raise ProblemError(
            msg(
                "Names that begin with www. are for web pages. Take another, like chat.example.org."
            )
        )
    return name


def _key_file(text: str) -> str:
    if "-----BEGIN" in text or text.startswith(("ssh-", "ecdsa-")):
        raise ProblemError(
            msg("Give the place of the file, like ~/.ssh/id_ed25519, not what is in it.")
        )
    if text.strip().endswith(".pub"):
        raise ProblemError(
            msg("This is the public half of a key. Give the file of the same name without .pub.")
        )
    return clean_line(text)


_NAME_TITLES: dict[int, Message] = {
    1: msg("The name"),
    2: msg("The name of the server in China"),
    3: msg("The name of the server in China"),
    4: msg("The name people in China use"),
}
_NAME_WHERE: dict[int, Message] = {1: GET_DOMAIN, 2: GET_DOMAIN_INSIDE, 3: GET_DOMAIN_PRIVATE}


def name_title(option: int, *, second: bool = False) -> Message:
    """The heading above a name; ``second``: that of the server outside beside one in China."""
    return msg("The name of the server outside China") if second else _NAME_TITLES[option]


def name_line(option: int) -> Line:
    """The name of the main server of an option."""
    return Line(
        id="name",
        label=msg("Name"),
        example="chat.example.org" if option == 1 else "im.example.cn",
        check=_domain,
        hint=msg("Your domain, or a name below it. None yet? Press ?"),
        where=_NAME_WHERE.get(option, GET_DOMAIN_HOME),
        needed=msg("A name is needed, like chat.example.org. No domain yet? Press ?"),
    )


def other_name_line(taken: Callable[[], str]) -> Line:
    """The name of the server outside beside one in China; ``taken`` tells the name of that one."""

    def check(text: str) -> str:
        name = _domain(text)
        if name == taken().strip().lower():
            raise ProblemError(
                msg("This is the name of the server in China. Each server needs its own.")
            )
        return name

    return Line(
        id="other",
        label=msg("Name"),
        example="chat.example.org",
        check=check,
        hint=msg("Another name than that of the server in China."),
        where=GET_DOMAIN_OUTSIDE,
        needed=msg("The server outside needs a name too, like chat.example.org."),
    )


SPARES = Line(
    id="spares",
    label=msg("Spare names"),
    example="chat.example.net",
    check=clean_names,
    hint=msg("Further names for the same server, ready for when one is blocked."),
    where=msg(
        "Names get blocked. With a spare one, best of another domain, people only change the"
        " address in their app; accounts and messages stay. Several are separated by spaces."
    ),
)

EMAIL = Line(
    id="email",
    label=msg("E-mail"),
    example=msg("may stay empty"),
    check=clean_email,
    hint=msg("For warnings about the certificate, nothing else."),
    where=msg(
        "The certificate is what makes the padlock. It is free, comes from Let's Encrypt, and is"
        " renewed by your server itself. With an e-mail address you are warned should that ever"
        " fail."
    ),
)

_PUBLIC = msg(
    "The public address is what the name of your server will point to, so that the apps find it."
    " It is on your provider's page. When you gave the server's address in numbers, it is filled in"
    " already."
)


_HOME_HINT = msg("May stay empty: the machine keeps its address in the DNS by itself.")
_HOME_PUBLIC = msg(
    "The address of a line at home changes. The machine there finds it out every minute and puts"
    " it into the DNS, so nothing needs to be given here."
)


def server_lines(role: Role) -> tuple[Line, ...]:
    """How to log in to one of the servers, and where the world finds it."""
    server, home = GET_SERVER[role], role is Role.HOME
    return (
        Line(
            id="address",
            label=msg("Address"),
            example="192.168.1.20" if role is Role.HOME else "203.0.113.7",
            check=clean_address,
            hint=msg("The address that your router gave it. No machine yet? Press ?")
            if home
            else msg("The IP address of the server. None yet? Press ?"),
            where=server,
            needed=msg("The address of the server is needed. No server yet? Press ?"),
        ),
        *_login_lines(),
        Line(
            id="public_ipv4",
            label=msg("Public IPv4"),
            example=msg("found out by itself") if home else msg("empty when it has none"),
            check=clean_ipv4,
            hint=_HOME_HINT if home else msg("Where the world finds it; see your provider's page."),
            where=_HOME_PUBLIC if home else _PUBLIC,
        ),
        Line(
            id="public_ipv6",
            label=msg("Public IPv6"),
            example=msg("found out by itself") if home else msg("empty when it has none"),
            check=clean_ipv6,
            hint=_HOME_HINT if home else msg("Only if your provider shows one. It may stay empty."),
            where=_HOME_PUBLIC if home else _PUBLIC,
        ),
        Line(
            id="keep_ports",
            label=msg("Keep open"),
            example=msg("empty when nothing else runs there"),
            check=clean_kept_ports,
            hint=msg("Ports of your other services, like 8080 udp/51820."),
            where=msg(
                "The firewall lets in SSH and what Matrix needs. If something else runs on this"
                " server that others reach (a VPN, another site), name its ports: a number alone"
                " for TCP, udp/51820 for UDP. The checks name what would close."
            ),
        ),
    )


def jump_lines() -> tuple[Line, ...]:
    """How to log in to the machine in between."""
    return (
        Line(
            id="jump_address",
            label=msg("Through"),
            example=msg("empty when there is none"),
            check=clean_address,
            hint=msg("The address of the machine you log in to first."),
            where=msg(
                "Some servers can only be reached from another machine (a jump host). This program"
                " then goes the same way as you do: first to that machine, from there to the"
                " server. Nothing is installed on the machine in between."
            ),
        ),
        *_login_lines("jump_"),
    )


def _login_lines(prefix: str = "") -> tuple[Line, ...]:
    return (
        Line(
            id=f"{prefix}port",
            label=msg("Port"),
            example="22",
            check=clean_port,
            hint=msg("It is 22 unless somebody changed it."),
            where=msg(
                "SSH is how one works on a server from afar. It listens at port 22 unless"
                " your provider says otherwise."
            ),
            needed=msg("A port is needed. The usual one is 22."),
        ),
        Line(
            id=f"{prefix}user",
            label=msg("User"),
            example="root",
            check=clean_user,
            hint=msg("root, or an account that may use sudo."),
            where=msg(
                "The first account of a new server is in your provider's e-mail or on its page:"
                " often root, debian or ubuntu. It must be root, or may become root with sudo."
            ),
            needed=msg("An account is needed. The usual ones are root, debian and ubuntu."),
        ),
        Line(
            id=f"{prefix}key_file",
            label=msg("Key file"),
            example=msg("empty: your usual keys"),
            check=_key_file,
            hint=msg("Only if it is not in its usual place. No key? Press ?"),
            where=GET_KEY,
        ),
    )
