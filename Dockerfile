# The image of Plimsoll: one static binary and links. Its context is a root folder that `make image` lays out
# (deploy/docker/root). See deploy/docker/README.md.
FROM scratch

LABEL org.opencontainers.image.title="plimsoll" \
      org.opencontainers.image.description="What each container on this host uses: cAdvisor's API, metrics and page" \
      org.opencontainers.image.licenses="Apache-2.0"

COPY . /

EXPOSE 8080

# finds port, address and prefix in the flags of process 1
HEALTHCHECK --interval=30s --timeout=3s --start-period=5s CMD ["/usr/bin/plimsoll", "health"]

ENTRYPOINT ["/usr/bin/plimsoll"]
