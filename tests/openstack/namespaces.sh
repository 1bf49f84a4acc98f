# shellcheck shell=bash
# For default.sh and catalog.sh: `namespaces SERVICE` sets the array `namespaces`
# to the arguments for oslo-config-generator, with the options of the service
# and of the libraries that it uses.

namespaces() {
    local common=(
        castellan.config keystonemiddleware.auth_token osprofiler oslo.concurrency
        oslo.db oslo.log oslo.messaging oslo.policy oslo.reports
    )
    case $1 in
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
            echo "${0##*/}: there is no list of namespaces for $1" >&2
            exit 64
            ;;
    esac
    namespaces=("${namespaces[@]/#/--namespace=}")
}
