# The agent and the loader, and nothing else: copy them into an image of yours,
#
#     COPY --from=etcstack /etcstack-agent /
#     ENTRYPOINT ["/etcstack-agent", "run", "--"]
#
# or run the loader from here. `make images` builds it; by hand, after `make release`, with a folder that
# holds copies of the two as the context. The folder of cargo itself is none: docker packs a second name
# of a file without its content, and takes the next build's programs for those of the last.
#
#     cp target/x86_64-unknown-linux-musl/release/etcstack-{agent,loader} /tmp/etcstack/
#     docker build -f dockerfiles/etcstack.Dockerfile -t etcstack /tmp/etcstack
FROM scratch
COPY etcstack-agent etcstack-loader /
ENTRYPOINT ["/etcstack-loader"]
CMD ["load", "/bootstrap-data"]
