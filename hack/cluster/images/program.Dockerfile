# One static program and nothing else.
ARG PROGRAM
FROM scratch
ARG PROGRAM
COPY $PROGRAM /usr/local/bin/$PROGRAM
