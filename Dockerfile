# The image of Plimsoll: one static binary, nothing else. `make image` builds the binary, lays out
# build/image and calls this; see deploy/docker/README.md.
FROM scratch

LABEL org.opencontainers.image.title="plimsoll" \
      org.opencontainers.image.description="What each container on this host uses: cAdvisor's API, metrics and page" \
      org.opencontainers.image.licenses="Apache-2.0"

# /usr/bin/plimsoll, and /usr/bin/cadvisor as a link to it for manifests that name that program
COPY build/image/usr/ /usr/
COPY LICENSE /LICENSE

EXPOSE 8080

# finds port, address and prefix in the flags of process 1
HEALTHCHECK --interval=30s --timeout=3s --start-period=5s CMD ["/usr/bin/plimsoll", "health"]

ENTRYPOINT ["/usr/bin/plimsoll"]
