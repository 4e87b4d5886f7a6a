# syntax=docker/dockerfile:1
# Two images: `cpu` (the default: API and page, no torch) and `gpu` (the same with models in process, on CUDA).
#   docker build -t diascribe .                        docker build -t diascribe:gpu --target gpu .
#   docker run --rm -p 127.0.0.1:8000:8000 -p 127.0.0.1:8501:8501 -e DIASCRIBE_API_KEYLESS=1 diascribe
#   docker run --rm -v "$PWD:/data" diascribe describe /data/picture.png
# Nothing is written but to /var/lib/diascribe (a volume: index, own examples, history, weights) and /tmp, so that they
# run with --read-only --tmpfs /tmp.

FROM python:3.12-slim-bookworm AS cpu-packages
ARG EXTRAS=server
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /opt/venv
WORKDIR /app
COPY pyproject.toml constraints.txt README.md LICENSE ./
# The dependencies change less often than the code: an empty package stands in for it.
RUN mkdir diagram && touch diagram/__init__.py \
    && /opt/venv/bin/pip install --constraint constraints.txt --editable ".[$EXTRAS]"

FROM nvidia/cuda:13.0.1-base-ubuntu24.04 AS gpu-packages
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 DEBIAN_FRONTEND=noninteractive
RUN apt-get update && apt-get install -y --no-install-recommends python3.12 python3.12-venv && rm -rf /var/lib/apt/lists/* \
    && python3.12 -m venv /opt/venv
WORKDIR /app
COPY pyproject.toml constraints.txt README.md LICENSE ./
RUN mkdir diagram && touch diagram/__init__.py \
    && /opt/venv/bin/pip install --constraint constraints.txt --editable ".[models,vlm]"

FROM nvidia/cuda:13.0.1-base-ubuntu24.04 AS gpu
ENV DEBIAN_FRONTEND=noninteractive PATH=/opt/venv/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 \
    HOME=/var/lib/diascribe TMPDIR=/tmp HF_HOME=/var/lib/diascribe/models NUMBA_CACHE_DIR=/tmp/numba \
    DIASCRIBE_INDEX_DIR=/var/lib/diascribe/index DIASCRIBE_EXAMPLES_DIR=/var/lib/diascribe/examples \
    DIASCRIBE_STATE_DIR=/var/lib/diascribe/state DIASCRIBE_API_HOST=0.0.0.0 \
    NVIDIA_VISIBLE_DEVICES=all NVIDIA_DRIVER_CAPABILITIES=compute,utility
WORKDIR /app
COPY scripts/system-packages.sh scripts/
RUN apt-get update && apt-get install -y --no-install-recommends python3.12 python3.12-venv tini \
    && PYTHON=python3.12 sh scripts/system-packages.sh && rm -rf /var/lib/apt/lists/*
COPY --from=gpu-packages /opt/venv /opt/venv
COPY . .
RUN pip install --no-cache-dir --constraint constraints.txt --no-deps --editable . \
    && useradd --home-dir /var/lib/diascribe --create-home --uid 10001 diascribe \
    && DIASCRIBE_EMBEDDER=builtin diascribe index build && chown -R diascribe /var/lib/diascribe
USER diascribe
VOLUME /var/lib/diascribe
EXPOSE 8000 8501
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s --retries=4 CMD ["python", "/app/scripts/healthy.py"]
ENTRYPOINT ["tini", "--", "sh", "/app/scripts/container.sh"]

FROM python:3.12-slim-bookworm AS cpu
ENV PATH=/opt/venv/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 \
    HOME=/var/lib/diascribe TMPDIR=/tmp HF_HOME=/var/lib/diascribe/models NUMBA_CACHE_DIR=/tmp/numba \
    DIASCRIBE_INDEX_DIR=/var/lib/diascribe/index DIASCRIBE_EXAMPLES_DIR=/var/lib/diascribe/examples \
    DIASCRIBE_STATE_DIR=/var/lib/diascribe/state DIASCRIBE_API_HOST=0.0.0.0
WORKDIR /app
COPY scripts/system-packages.sh scripts/
RUN apt-get update && apt-get install -y --no-install-recommends tini \
    && sh scripts/system-packages.sh && rm -rf /var/lib/apt/lists/*
COPY --from=cpu-packages /opt/venv /opt/venv
COPY . .
RUN pip install --no-cache-dir --constraint constraints.txt --no-deps --editable . \
    && useradd --home-dir /var/lib/diascribe --create-home --uid 10001 diascribe \
    && diascribe index build && chown -R diascribe /var/lib/diascribe
USER diascribe
VOLUME /var/lib/diascribe
EXPOSE 8000 8501
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s --retries=4 CMD ["python", "/app/scripts/healthy.py"]
ENTRYPOINT ["tini", "--", "sh", "/app/scripts/container.sh"]
