# The library, its commands and its flows; the same image serves, plans and works for Prefect.
FROM python:3.11-slim AS build
WORKDIR /src
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY src src
COPY config config
RUN python -m venv /venv && /venv/bin/pip install --no-cache-dir --constraint constraints.txt '.[services]'

FROM python:3.11-slim
# a user without rights; its number is fixed so that volumes keep their owner
RUN useradd --uid 10001 --create-home oceanclean \
    && mkdir -p /var/lib/oceanclean /etc/oceanclean && chown oceanclean /var/lib/oceanclean
COPY --from=build /venv /venv
COPY --chown=root:root config /etc/oceanclean/config
COPY --chown=root:root flows /app/flows
WORKDIR /app
USER 10001
ENV PATH=/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    OCEANCLEAN_WORK=/var/lib/oceanclean \
    OCEANCLEAN_CONFIG=/etc/oceanclean/config \
    OCEANCLEAN_HOME=/app \
    NUMBA_CACHE_DIR=/var/lib/oceanclean/.numba \
    MPLCONFIGDIR=/tmp/matplotlib \
    TF_CPP_MIN_LOG_LEVEL=2 \
    DO_NOT_TRACK=1 \
    PREFECT_HOME=/var/lib/oceanclean/prefect \
    PREFECT_SERVER_ANALYTICS_ENABLED=false
VOLUME /var/lib/oceanclean
EXPOSE 8000
ENTRYPOINT ["oceanclean"]
CMD ["serve", "--host", "0.0.0.0", "--port", "8000"]
