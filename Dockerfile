# A small image that runs as nobody in particular. Build: docker build -t reconciler .
# Use: docker run --rm -v "$PWD:/project" -e AEP_CLIENT_ID … reconciler plan
FROM python:3.13-slim@sha256:7c61056e61ac89e852de05f3dc6fa51a6dd2181797bceed46aa725dd7cb2cd3b AS build
WORKDIR /build
COPY requirements.lock requirements-build.lock pyproject.toml README.md LICENSE ./
COPY specs specs
COPY reconciler reconciler
# the build backend is installed apart, so that the image holds the run-time packages only
RUN python -I -m venv /opt/build \
    && /opt/build/bin/pip install --no-cache-dir --no-deps --require-hashes -r requirements-build.lock \
    && /opt/build/bin/pip wheel --no-cache-dir --no-deps --no-index --no-build-isolation --wheel-dir /wheels . \
    && python -I -m venv /opt/reconciler \
    && /opt/reconciler/bin/pip install --no-cache-dir --no-deps --require-hashes -r requirements.lock \
    && /opt/reconciler/bin/pip install --no-cache-dir --no-deps --no-index /wheels/*.whl

FROM python:3.13-slim@sha256:7c61056e61ac89e852de05f3dc6fa51a6dd2181797bceed46aa725dd7cb2cd3b
LABEL org.opencontainers.image.title="reconciler" \
    org.opencontainers.image.description="Declarative infrastructure-as-code for Adobe Experience Platform dataflows" \
    org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /opt/reconciler /opt/reconciler
# git: the steps of GitLab jobs read the history of the main branch
# hadolint ignore=DL3008
RUN apt-get update && apt-get install --yes --no-install-recommends git && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 10001 --no-create-home --home-dir /project --shell /usr/sbin/nologin reconciler \
    && install --directory --owner 10001 /project
ENV PATH=/opt/reconciler/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER 10001
WORKDIR /project
ENTRYPOINT ["/opt/reconciler/bin/python", "-I", "-m", "reconciler"]
CMD ["--help"]
