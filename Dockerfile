# An image with depthbench and no compiler. torch's own wheel brings CUDA and runs on CPUs, too (some 8 GB):
#   docker build -t depthbench .
# A smaller one for CPUs takes torch from the index of CPU wheels, whose address pytorch.org gives under "Get started":
#   docker build -t depthbench --build-arg TORCH_INDEX=ADDRESS .
# The demo on the built-in rooms, and its page in runs/demo/page.html; `--gpus all` makes a GPU visible:
#   mkdir -p runs; bench() { docker run --rm --shm-size 1g --user "$(id -u):$(id -g)" -v "$PWD/runs:/bench/runs" depthbench "$@"; }
#   bench run -m experiment=demo && bench report runs/demo --output runs/demo/page.html
ARG PYTHON=3.12
FROM python:${PYTHON}-slim

ARG TORCH_INDEX=
ARG EXTRAS=launchers,dashboards,search,exr
WORKDIR /source
# First the heavy layer, which changes only with constraints.txt.
COPY constraints.txt ./
RUN torch="$(grep -E '^(torch|torchvision)==' constraints.txt)" \
    && pip install --no-cache-dir ${TORCH_INDEX:+--index-url "$TORCH_INDEX"} $torch
COPY pyproject.toml README.md LICENSE ./
COPY src src
COPY conf conf
COPY experiments experiments
RUN pip install --no-cache-dir --constraint constraints.txt ".[$EXTRAS]"

# Not as root; any user of `--user` can write into its caches.
RUN useradd --create-home bench && mkdir /bench && chown bench /bench
USER bench
ENV HOME=/tmp
WORKDIR /bench
ENTRYPOINT ["depthbench"]
CMD ["--help"]
