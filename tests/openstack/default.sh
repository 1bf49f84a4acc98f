#!/bin/bash
# Writes the default file of a service, with every option and its default as a
# comment, as the packages themselves document it.
#
#     tests/openstack/default.sh VENV cinder FILE
#     tests/openstack/default.sh VENV glance FILE
set -euo pipefail

venv=$1 service=$2 file=$3

common=(
    castellan.config keystonemiddleware.auth_token osprofiler oslo.concurrency
    oslo.db oslo.log oslo.messaging oslo.policy oslo.reports
)
case $service in
    cinder)
        namespaces=(
            cinder "${common[@]}" oslo.config oslo.middleware oslo.privsep
            oslo.service.periodic_task oslo.service.service oslo.service.sslutils
            oslo.service.wsgi oslo.versionedobjects
        )
        ;;
    glance)
        namespaces=(
            glance.api glance.store glance.multi_store "${common[@]}"
            oslo.middleware.cors oslo.middleware.healthcheck
            oslo.middleware.http_proxy_to_wsgi
        )
        ;;
    *)
        echo "default.sh: there is no list of namespaces for $service" >&2
        exit 64
        ;;
esac

exec "$venv/bin/python" -W ignore "$venv/bin/oslo-config-generator" \
    --wrap-width 79 --output-file "$file" "${namespaces[@]/#/--namespace=}"
