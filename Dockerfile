# One static file: `make image` builds it and lays it beside this.
FROM scratch
COPY plimsoll cadvisor /usr/bin/
EXPOSE 8080
ENTRYPOINT ["/usr/bin/plimsoll"]
