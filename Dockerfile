# The CPU image: the reader with its OCR languages, no torch.
#   docker build -t diascribe .
#   docker run --rm -v "$PWD:/data" diascribe describe /data/picture.png
FROM python:3.12-slim-bookworm

ENV PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1

WORKDIR /app
COPY scripts/system-packages.sh scripts/
RUN sh scripts/system-packages.sh && rm -rf /var/lib/apt/lists/*

# The dependencies first: they change less often than the code.
COPY pyproject.toml constraints.txt README.md LICENSE ./
RUN mkdir diagram && touch diagram/__init__.py \
    && pip install --constraint constraints.txt --editable . \
    && rm -r diagram

COPY . .
RUN pip install --constraint constraints.txt --no-deps --editable . \
    && diascribe index build \
    && useradd --create-home --uid 10001 diascribe
USER diascribe
WORKDIR /data
ENTRYPOINT ["diascribe"]
CMD ["--help"]
