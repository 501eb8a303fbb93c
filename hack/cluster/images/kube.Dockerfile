# One image for the API server, the controller manager and the scheduler: the same file under each name.
FROM scratch
COPY bin/ /usr/local/bin/
