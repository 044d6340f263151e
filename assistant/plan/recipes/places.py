"""Names and paths on the hosts that several recipes share."""

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

CONFIG = "/etc/matrix-assistant"
SECRETS = "/var/lib/matrix-assistant/secrets"
ADMIN_PASSWORD = f"{SECRETS}/admin-password"
DNS_CREDENTIALS = f"{SECRETS}/dns-credentials.ini"
LIBRARY = "/usr/local/lib/matrix-assistant"

WEB_ROOT = "/var/www/matrix-assistant"
ACME_ROOT = f"{WEB_ROOT}/acme"
SITE_ROOT = f"{WEB_ROOT}/site"

BACKUPS = "/var/backups/matrix-assistant"

MANAGED = "Written by matrix-assistant. Changes made by hand show as a conflict at the next run."
