# The agent and the loader, and nothing else: copy them into an image of yours,
#
#     COPY --from=etcstack /etcstack-agent /
#     ENTRYPOINT ["/etcstack-agent", "run", "--"]
#
# or run the loader from here. Build it after `make release`, with the folder of
# the programs as the context:
#
#     docker build -f dockerfiles/etcstack.Dockerfile -t etcstack target/x86_64-unknown-linux-musl/release
FROM scratch
COPY etcstack-agent etcstack-loader /
ENTRYPOINT ["/etcstack-loader"]
CMD ["load", "/bootstrap-data"]
