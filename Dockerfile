# syntax=docker/dockerfile:1
FROM python:3.11-slim AS build
WORKDIR /src
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY monitor monitor
COPY collectors collectors
COPY analysis analysis
COPY alerts alerts
COPY migrations migrations
RUN python -m venv /opt/jianwei \
 && /opt/jianwei/bin/pip install --no-cache-dir --no-compile -c constraints.txt .

FROM python:3.11-slim
RUN useradd --system --uid 10001 --create-home --home-dir /data jianwei
COPY --from=build /opt/jianwei /opt/jianwei
ENV PATH=/opt/jianwei/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    MONITOR_DATA_DIR=/data \
    MONITOR_HOST=0.0.0.0 \
    MONITOR_PORT=8710
USER jianwei
WORKDIR /data
VOLUME /data
EXPOSE 8710
HEALTHCHECK --interval=15s --timeout=5s --start-period=20s \
  CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8710/healthz', timeout=4)"]
CMD ["monitor", "serve"]
