# AfriFlow for production: one image for `serve`, `work` and `migrate`. docs/operations/production.md says how it is run.
FROM python:3.13-slim-bookworm AS build
# Exact versions with hashes, and no build step of our own: what is installed is what was tested.
COPY requirements/serve.txt /tmp/serve.txt
RUN python -m venv /opt/afriflow \
 && /opt/afriflow/bin/pip install --no-cache-dir --disable-pip-version-check --no-compile --require-hashes --only-binary=:all: --requirement /tmp/serve.txt
COPY src/afriflow /opt/afriflow/src/afriflow
RUN python -m compileall -q /opt/afriflow/src \
 && printf '#!/bin/sh\nexec /opt/afriflow/bin/python -m afriflow "$@"\n' > /opt/afriflow/bin/afriflow \
 && chmod 0755 /opt/afriflow/bin/afriflow

FROM python:3.13-slim-bookworm
# A number and no name: Kubernetes' runAsNonRoot can check it. Nothing is written to disk, so any read-only root will do.
RUN groupadd --gid 10001 afriflow && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin afriflow
COPY --from=build /opt/afriflow /opt/afriflow
ENV PATH=/opt/afriflow/bin:$PATH \
    PYTHONPATH=/opt/afriflow/src \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    AFRIFLOW_HOME=/tmp/afriflow \
    AFRIFLOW_HOST=0.0.0.0 \
    AFRIFLOW_PORT=8000
USER 10001:10001
EXPOSE 8000
# Asks the process whether it can take payments, and so sees PostgreSQL, too.
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as u; u.urlopen('http://127.0.0.1:' + os.environ['AFRIFLOW_PORT'] + '/health/ready', timeout=2)"]
ENTRYPOINT ["afriflow"]
CMD ["serve"]
