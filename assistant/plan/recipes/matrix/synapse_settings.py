"""What is in homeserver.yaml."""

from __future__ import annotations

from typing import Any

from assistant.plan.host_paths import (
    DATABASE,
    LINK_ADDRESS,
    SYNAPSE_CONFIG,
    SYNAPSE_DATA,
    SYNAPSE_USER,
)
from assistant.plan.recipes.matrix import workers
from assistant.plan.routes import matrix_of, outside_wrapped
from assistant.setup.homeservers import Homeserver, homeservers
from assistant.setup.model import Host, Role, Setup

LOG = f"{SYNAPSE_CONFIG}/log.yaml"
SIGNING_KEY = f"{SYNAPSE_CONFIG}/homeserver.signing.key"
REGISTRATION_SECRET = f"{SYNAPSE_CONFIG}/registration_shared_secret"
MACAROON_SECRET = f"{SYNAPSE_CONFIG}/macaroon_secret_key"
FORM_SECRET = f"{SYNAPSE_CONFIG}/form_secret"
MEDIA = f"{SYNAPSE_DATA}/media"


def homeserver_config(setup: Setup, host: Host) -> dict[str, Any]:
    """Synapse's settings. Names and meanings: the configuration manual of Synapse 1.163.

    Nobody registers, searches rooms or reads a profile from outside; nothing is fetched from or
    reported to third parties; logs and address lists are short-lived.
    """
    names = _names(matrix_of(setup, host))
    return {
        **names,
        "listeners": [*names["listeners"], *workers.listeners(setup, host)],
        **_storage(setup),
        **_privacy(),
        **_federation(setup, host),
        **_limits(),
        **workers.settings(setup, host),
    }


def _names(server: Homeserver) -> dict[str, Any]:
    return {
        "server_name": server.server_name,
        "public_baseurl": f"{server.base_url}/",
        "serve_server_wellknown": False,  # the web server answers that
        "report_stats": False,
        "listeners": [
            {
                "port": 8008,
                "type": "http",
                "tls": False,
                "x_forwarded": True,
                "bind_addresses": ["127.0.0.1"],
                "resources": [{"names": ["client", "federation"], "compress": False}],
            }
        ],
        "log_config": LOG,
        "signing_key_path": SIGNING_KEY,
        "registration_shared_secret_path": REGISTRATION_SECRET,
        "macaroon_secret_key_path": MACAROON_SECRET,
        "form_secret_path": FORM_SECRET,
    }


def _storage(setup: Setup) -> dict[str, Any]:
    config: dict[str, Any] = {
        "database": {
            "name": "psycopg2",
            "args": {
                "user": SYNAPSE_USER,
                "dbname": DATABASE,
                "host": "/var/run/postgresql",
                "cp_min": 2,
                "cp_max": 10,
            },
        },
        "media_store_path": MEDIA,
        "max_upload_size": f"{setup.settings.upload_megabytes}M",
        "dynamic_thumbnails": False,
        "url_preview_enabled": False,
        "caches": {"global_factor": 0.5},
    }
    if setup.settings.keep_media_days:
        days = f"{setup.settings.keep_media_days}d"
        config["media_retention"] = {"local_media_lifetime": days, "remote_media_lifetime": days}
    return config


def _privacy() -> dict[str, Any]:
    return {
        "enable_registration": False,
        "allow_guest_access": False,
        "password_config": {"policy": {"enabled": True, "minimum_length": 10}},
        "encryption_enabled_by_default_for_room_type": "all",
        "require_auth_for_profile_requests": True,
        "limit_profile_requests_to_users_who_share_rooms": True,
        "user_directory": {"enabled": True, "search_all_users": False, "prefer_local_users": True},
        "allow_public_rooms_without_auth": False,
        "allow_public_rooms_over_federation": False,
        "enable_room_list_search": False,
        "room_list_publication_rules": [{"action": "deny"}],
        "presence": {"enabled": False},
        "push": {"include_content": False},
        "redaction_retention_period": "7d",
        "forgotten_room_retention_period": "7d",
        "user_ips_max_age": "7d",
        "delete_stale_devices_after": "1y",
    }


def _federation(setup: Setup, host: Host) -> dict[str, Any]:
    config: dict[str, Any] = {
        # An unreachable notary holds up the first contact with a server for 90 s and more.
        "trusted_key_servers": [],
        "suppress_key_server_warning": True,
        # A server that was away is tried again soon, not after hours.
        "federation": {
            "destination_min_retry_interval": "30s",
            "destination_max_retry_interval": "10m",
        },
    }
    if setup.settings.federation == "own":
        names = [server.server_name for server in homeservers(setup)]
        config["federation_domain_whitelist"] = names
    else:
        # One enormous public room would stop a small server.
        config["limit_remote_rooms"] = {"enabled": True, "complexity": 3.0, "admins_can_join": True}
    if host.role is Role.OUTSIDE and outside_wrapped(setup):
        # Loopback is refused otherwise; this one address is the near end of the wrapped link.
        config["ip_range_whitelist"] = [f"{LINK_ADDRESS}/32"]
    return config


def _limits() -> dict[str, Any]:
    # Synapse's own limits assume strangers. Here a family behind one address logs in on the same
    # evening and is invited to the same room; guessing passwords stays slow (failed_attempts).
    return {
        "rc_login": {
            "address": {"per_second": 0.1, "burst_count": 30},
            "account": {"per_second": 0.05, "burst_count": 10},
            "failed_attempts": {"per_second": 0.1, "burst_count": 5},
        },
        "rc_joins": {"local": {"per_second": 0.5, "burst_count": 20}},
        "rc_invites": {
            "per_room": {"per_second": 0.5, "burst_count": 20},
            "per_user": {"per_second": 0.05, "burst_count": 10},
            "per_issuer": {"per_second": 0.5, "burst_count": 20},
        },
    }
