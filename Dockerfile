# The image of Plimsoll: one static binary, nothing else. Its context is a folder with `plimsoll` and symbolic
# links to it, `cadvisor`, `heapster` and `metrics-server` (for manifests that name those programs); `make image`
# lays it out. See deploy/docker/README.md.
FROM scratch

LABEL org.opencontainers.image.title="plimsoll" \
      org.opencontainers.image.description="What each container on this host uses: cAdvisor's API, metrics and page" \
      org.opencontainers.image.licenses="Apache-2.0"

# the folder and not its files: so the link stays a link
COPY . /usr/bin/

EXPOSE 8080

# finds port, address and prefix in the flags of process 1
HEALTHCHECK --interval=30s --timeout=3s --start-period=5s CMD ["/usr/bin/plimsoll", "health"]

ENTRYPOINT ["/usr/bin/plimsoll"]
