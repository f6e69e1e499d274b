# A small image that runs as nobody in particular. Build: docker build -t reconciler .
# Use: docker run --rm -v "$PWD:/project" -e AEP_CLIENT_ID … reconciler plan
FROM python:3.13-slim AS build
WORKDIR /build
COPY requirements.lock pyproject.toml README.md LICENSE ./
COPY specs specs
COPY reconciler reconciler
RUN python -m venv /opt/reconciler \
    && /opt/reconciler/bin/pip install --no-cache-dir --no-deps --require-hashes -r requirements.lock \
    && /opt/reconciler/bin/pip install --no-cache-dir --no-deps .

FROM python:3.13-slim
LABEL org.opencontainers.image.title="reconciler" \
    org.opencontainers.image.description="Declarative infrastructure-as-code for Adobe Experience Platform dataflows" \
    org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /opt/reconciler /opt/reconciler
RUN useradd --uid 10001 --no-create-home --home-dir /project --shell /usr/sbin/nologin reconciler \
    && install --directory --owner 10001 /project
ENV PATH=/opt/reconciler/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER 10001
WORKDIR /project
ENTRYPOINT ["reconciler"]
CMD ["--help"]
