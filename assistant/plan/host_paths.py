"""Names, paths and ports on the hosts that several recipes share."""

from __future__ import annotations

SYNAPSE_USER = "matrix-synapse"
SYNAPSE_CONFIG = "/etc/matrix-synapse"
SYNAPSE_DATA = "/var/lib/matrix-synapse"
SYNAPSE_VENV = "/opt/matrix-assistant/synapse"
SYNAPSE_URL = "http://127.0.0.1:8008"
DATABASE = "matrix-synapse"

CERTBOT_VENV = "/opt/matrix-assistant/certbot"
CERTIFICATE = "matrix-assistant"
"""Certbot's name for the certificate: paths stay the same whatever the domains are."""

CERTIFICATE_FILES = f"/etc/letsencrypt/live/{CERTIFICATE}"

CONFIG = "/etc/matrix-assistant"
SECRETS = "/var/lib/matrix-assistant/secrets"
ADMIN_PASSWORD = f"{SECRETS}/admin-password"
DNS_CREDENTIALS = f"{SECRETS}/dns-credentials.ini"
LIBRARY = "/usr/local/lib/matrix-assistant"

WEB_ROOT = "/var/www/matrix-assistant"
ACME_ROOT = f"{WEB_ROOT}/acme"
SITE_ROOT = f"{WEB_ROOT}/site"

BACKUPS = "/var/backups/matrix-assistant"

PROXIED_PORT = 8444
"""On the loopback address of the main server: the site again, for what comes through a link."""

LINK_PORT = 8449
"""The main server's end of a link that is wrapped in TLS of the setup's own authority."""

FORWARD_PORT = 8450
"""The main server's port for what a home line forwards, when that link is direct (option 4)."""

LINK_ADDRESS = "127.0.0.31"
"""On the outside server: where the main names lead when that link is wrapped; port 443 there."""

LINK_FILES = "/etc/matrix-assistant/link"
LINK_AUTHORITY_KEY = f"{SECRETS}/link-authority.key"

STREAM_CONFIG = "/etc/nginx/matrix-assistant-stream.conf"

DOT_PORT = 853
"""The private resolver over TLS (RFC 7858)."""

DOH_PORT = 8453
"""The private resolver over HTTPS (RFC 8484); 443 belongs to the web server."""

MANAGED = "Written by matrix-assistant. Changes made by hand show as a conflict at the next run."
