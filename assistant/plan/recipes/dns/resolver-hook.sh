#!/bin/sh
# Written by matrix-assistant. Certbot runs every file here for every certificate it renews.
case "$RENEWED_LINEAGE" in */@CERTIFICATE@) ;; *) exit 0 ;; esac
exec systemctl try-restart -- @UNIT@
