# For docker and for KubeRay (rayjob.yaml): Ray, the project and all it needs, CUDA included. It runs as a user who is
# not root.
#   docker build -t stylize .
#   docker run --rm --shm-size=2g -v "$PWD/data:/data" stylize \
#       python -m jobs.stylize_folder /data/photos /data/artworks /data/out
# A folder that you mount for OUT must be writable for user 1000. With a GPU: docker run --gpus all.
#
# The base is pinned to a patch version of Python, so that an image made again has the same one. It is not pinned to a
# digest: Debian's security updates come under the same tag, and a digest would keep them out.
FROM python:3.12.12-slim-bookworm

# KubeRay checks with wget in its pods that Ray is well. Debian keeps no old versions, so wget's cannot be pinned.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends wget \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --create-home --uid 1000 ray

WORKDIR /app
# Dependencies first: this layer, the large one, stays when only the code changes.
COPY constraints.txt pyproject.toml ./
RUN python -c "import tomllib; p = tomllib.load(open('pyproject.toml', 'rb'))['project']; \
print(*p['dependencies'], *p['optional-dependencies']['jobs'], sep='\n')" > requirements.txt \
    && pip install --no-cache-dir -c constraints.txt -r requirements.txt 'ray[default]==2.60.0'

COPY README.md LICENSE ./
COPY stylize stylize
COPY jobs jobs
RUN pip install --no-cache-dir --no-deps .

USER 1000
WORKDIR /home/ray
CMD ["python", "-m", "jobs.stylize_folder", "--help"]
