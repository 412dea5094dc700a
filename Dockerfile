# A server of the shipped voices, on the CPU, without PyTorch, in less than 400 MB:
#
#   docker build -t wavesynth . && docker run --stop-timeout 40 -p 50051:50051 wavesynth
#
# (The server gives calls under way 30 s to end; Docker alone would kill it after 10.) Every step is proven,
# without a Docker engine, by tools/check_dockerfile.sh.

# The dependencies are a stage of their own, so that a change of the code does not install them again.
FROM python:3.13-slim-trixie AS dependencies
ENV PATH=/opt/wavesynth/bin:$PATH PIP_NO_CACHE_DIR=1
# Without a pip of its own: what runs in the image installs nothing.
RUN python3 -m venv --without-pip /opt/wavesynth
COPY requirements.lock /source/
# Only files whose hashes are known, and none that would run code to be built. `make lock` pins them anew. The
# packages' own tests, 17 MB of NumPy's alone, stay out.
RUN pip --python /opt/wavesynth install --require-hashes --no-deps --only-binary :all: -r /source/requirements.lock \
    && find /opt/wavesynth/lib -type d -name tests -prune -exec rm -r {} +

FROM python:3.13-slim-trixie AS installed
RUN apt-get update && apt-get install --yes --no-install-recommends g++
COPY --from=dependencies /opt/wavesynth /opt/wavesynth
COPY . /source
RUN pip --python /opt/wavesynth install --no-cache-dir --no-deps /source

FROM python:3.13-slim-trixie
ENV PATH=/opt/wavesynth/bin:$PATH PYTHONUNBUFFERED=1
COPY --from=installed /opt/wavesynth /opt/wavesynth
RUN useradd --create-home wavesynth
USER wavesynth
WORKDIR /home/wavesynth
EXPOSE 50051
# The standard gRPC health protocol, over TLS if the server speaks it. Another port stands behind the module's name.
# A server that asks callers for certificates (--tls-clients) needs another check, with one of them.
HEALTHCHECK --interval=10s --timeout=8s --start-period=60s CMD ["python", "-m", "wavesynth.server.ask_health"]
# --insecure: who publishes the port decides who reaches it. WAVESYNTH_SERVE_TLS_CERT, _TLS_KEY and _TOKENS close it.
CMD ["wavesynth", "serve", "--host", "0.0.0.0", "--insecure"]
