"""Files for Kubernetes and for Docker Compose."""
import os
import tempfile

from jina import Flow

directory = tempfile.mkdtemp()
Flow(name="shop").add(name="a", uses="docker://example/a").to_docker_compose_yaml(os.path.join(directory, "compose.yml"))
